"""Cosignatures: stripped, forged, of others, counted twice."""

from dataclasses import replace

from attacks.case import attack
from attacks.forging import Story, history_of_his_own
from attacks.world import witness_policy

from gov_pipelines.evidence.tlog.notes import cosign, parse_note


def _edit(world, change):
    """Edit every cosigned checkpoint."""
    for file in (world.ledger / "cosigned").iterdir():
        file.write_bytes(change(parse_note(file.read_bytes())).to_bytes())


def _again(note, *signers):
    """The checkpoint with the ledger's signature alone, cosigned by others."""
    note = replace(note, signatures=note.signatures[:1])
    for signer in signers:
        note = cosign(note, signer.public.name, signer, 1_790_000_000)
    return note


@attack(9, 24, by="witness-quorum", alone=True)
def cosignatures_are_taken_away(world):
    """No checkpoint has cosignatures."""
    _edit(world, _again)


@attack(9, 24, by="witness-quorum", alone=True)
def one_witness_of_two(world):
    """Every checkpoint has the cosignature of one witness; the quorum is both."""
    _edit(world, lambda note: _again(note, world.witnesses[0]))


@attack(24, by="witness-quorum", alone=True)
def only_a_witness_that_nobody_knows(world):
    """Every checkpoint is cosigned by a stranger alone."""
    _edit(world, lambda note: _again(note, world.strange))


@attack(17, 24, by="witness-quorum", alone=True)
def one_witness_cosigns_twice(world):
    """Every checkpoint has two cosignatures of one witness."""
    _edit(world, lambda note: _again(note, world.witnesses[0], world.witnesses[0]))


@attack(17, 24, by="witness-policy", alone=True)
def one_witness_under_two_names(world):
    """A root of the insider's own counts one witness under two names, and so reaches its quorum of two."""
    (world.ledger / "cosigned").rename(world.evidence.parent / "cosigned")
    story = history_of_his_own(world, witnesses=witness_policy([world.witnesses[0], world.witnesses[0]]))
    story.write()


@attack(9, 24, by="ledger-cosigned")
def a_cosignature_is_forged(world):
    """A witness's cosignature is another's bytes."""
    name = world.witnesses[1].public.name

    def forge(note):
        *kept, last = _again(note, *world.witnesses).signatures
        assert last.name == name
        return replace(note, signatures=(*kept, replace(last, blob=last.blob[:8] + bytes(64))))

    _edit(world, forge)


@attack(3, 24, by="ledger-cosigned")
def a_cosignature_is_said_to_be_older(world):
    """The time in a cosignature, which is signed, is another one."""

    def earlier(note):
        *kept, last = note.signatures
        return replace(note, signatures=(*kept, replace(last, blob=bytes(8) + last.blob[8:])))

    _edit(world, earlier)


@attack(9, by="ledger-cosigned", alone=True)
def a_cosigned_checkpoint_of_another_ledger(world):
    """What both witnesses cosigned is a checkpoint of another history of the same ledger."""
    kept = world.copy(world.evidence.parent / "kept")
    story = Story.of(kept)
    story.night(4).said["asOf"] = "2026-09-05T03:00:00Z"
    story.write()
    fork = parse_note((kept.ledger / "checkpoint").read_bytes())
    (world.ledger / "cosigned" / "15").write_bytes(_again(fork, *world.witnesses).to_bytes())


@attack(24, 9, by="witness-quorum")
def a_bad_witness_cosigns_a_history_written_anew(world):
    """One witness helps: it cosigns the history from which the bad night is deleted. The quorum is both."""
    story = Story.of(world)
    story.told.remove(story.night(1, 2))
    story.told.remove(story.night(1))
    story.write()
    checkpoint = parse_note((world.ledger / "checkpoint").read_bytes())
    (world.ledger / "cosigned" / str(len(story.done))).write_bytes(_again(checkpoint, world.witnesses[0]).to_bytes())
    story.stamp(world)
