"""One night that travels alone, with the proof of its place and its token beside it."""

import shutil

from attacks.case import KEY, ROOT, STAMP, WITNESS, attack
from attacks.forging import Story, edited_control, history_of_his_own
from tsa import time_authority

from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.pipeline.bundling import bundle_night

PROOF, TOKEN = "snapshot.tlog-proof", "checkpoint.tsr"


def _another(world):
    """The bad night of the same home, as `gov bundle --date` writes it."""
    folder = world.evidence.parent / "another"
    bundle_night(world.evidence, "loans", "2026-09-03", folder, published=False)
    return folder


@attack(4, by="ledger-snapshot")
def a_night_with_the_place_of_another(world):
    """The proof of the place in the ledger is that of another night."""
    shutil.copy(_another(world) / PROOF, world.night / PROOF)
    return world.night


@attack(1, 10, by="manifest-sha256")
def a_night_alone_is_edited(world):
    """A count in the tally is another one."""
    file = world.night / "tally.json"
    file.write_bytes(file.read_bytes().replace(b'"merged_below":0', b'"merged_below":1'))
    return world.night


@attack(3, by="time-token", alone=True)
def a_night_alone_with_a_token_of_another_checkpoint(world):
    """The token is over an older checkpoint."""
    older = min((world.ledger / "timestamps").iterdir(), key=lambda file: int(file.stem))
    shutil.copy(older, world.night / TOKEN)
    return world.night


@attack(3, 24, by="time-token", alone=True)
def a_night_alone_with_a_token_of_another_authority(world):
    """The token is by an authority that the root of trust does not name."""
    other = time_authority(world.evidence.parent / "other", name="Other")
    (world.night / TOKEN).write_bytes(other.stamp(parse_proof((world.night / PROOF).read_bytes()).note.text.encode()))
    return world.night


@attack(9, by="witness-quorum", alone=True)
def a_night_alone_without_cosignatures(world):
    """The proof's checkpoint has the ledger's signature alone."""
    file = world.night / PROOF
    proof = parse_proof(file.read_bytes())
    lines = "".join(each.to_text() for each in proof.note.signatures[1:])
    file.write_bytes(file.read_bytes().replace(lines.encode(), b""))
    return world.night


@attack(7, by={ROOT: "root-trusted", WITNESS: "witness-quorum", STAMP: "time-limit"})
def a_night_alone_in_a_history_of_his_own(world):
    """The bad night says pass, in a ledger and under a second root version that the insider wrote."""
    story = history_of_his_own(world)
    edited_control(story.night(3), verdict="pass")
    story.write()
    return _another(world)


@attack(7, by={ROOT: "root-trusted", KEY: "trusted-key", WITNESS: "witness-quorum", STAMP: "time-limit"})
def a_night_alone_of_a_stranger(world):
    """Key, root of trust and ledger are a stranger's, under the bank's name."""
    story = Story.of(world)
    story.found_anew(world.strange)
    story.write()
    return _another(world)


@attack(10, by="manifest-complete", alone=True)
def a_night_alone_with_a_file_more(world):
    """Beside the night lies a file that is neither signed nor part of what it brings of the ledger."""
    (world.night / "README.txt").write_text("Everything is fine.")
    return world.night


@attack(7, 15, by="root-chain", alone=True)
def a_night_alone_with_a_gap_in_its_roots(world):
    """Of the root of trust only the second version is there."""
    (world.night / "root" / "1.root.json").unlink()
    return world.night


@attack(7, by={ROOT: "root-trusted"}, alone=True)
def a_night_alone_with_its_root_rolled_back(world):
    """The second version of the root of trust is taken away: the first names neither witnesses nor a time authority."""
    (world.night / "root" / "2.root.json").unlink()
    return world.night


@attack(3, by={STAMP: "time-limit"}, alone=True)
def a_night_alone_without_its_token(world):
    """The token is taken away."""
    (world.night / TOKEN).unlink()
    return world.night


@attack(14, by="proof-entry", alone=True)
def a_night_alone_at_another_place(world):
    """The proof says that its entry is the one before."""
    file = world.night / PROOF
    index = parse_proof(file.read_bytes()).index
    file.write_bytes(file.read_bytes().replace(b"\nindex %d\n" % index, b"\nindex %d\n" % (index - 1)))
    return world.night
