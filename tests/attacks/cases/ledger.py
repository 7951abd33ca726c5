"""The ledger itself: tiles, entries, their order, the checkpoint, and what snapshots say of it."""

import shutil

from attacks.case import KEY, LAST, ROOT, STAMP, WITNESS, attack
from attacks.forging import Story, entries_of, shift, sixth, write_ledger

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.notes import parse_note, sign_note
from gov_pipelines.evidence.tlog.tiles import tile_path


def _checkpoint(world):
    return parse_checkpoint(parse_note((world.ledger / "checkpoint").read_bytes()).text)


def _sign(world, checkpoint, signer=None):
    note = sign_note(checkpoint.to_text(), checkpoint.origin, signer or world.online)
    (world.ledger / "checkpoint").write_bytes(note.to_bytes())


def _flip(file, place=0):
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


@attack(10, by="ledger-tree", alone=True)
def a_tile_is_altered(world):
    """One bit of a hash in a tile is another one."""
    _flip(world.ledger / tile_path(0, 0, _checkpoint(world).size))


@attack(10, by="ledger-tree", alone=True)
def an_entry_is_altered(world):
    """One bit of an entry is another one."""
    _flip(world.ledger / tile_path("entries", 0, _checkpoint(world).size), 100)


@attack(10, by="ledger-tree", alone=True)
def an_entry_and_its_tile_are_altered_together(world):
    """An entry says another count, the tile has its new hash; the checkpoint is the signed one."""
    before, entries = (world.ledger / "checkpoint").read_bytes(), entries_of(world.ledger)
    kept = world.copy(world.evidence.parent / "kept")
    entries[5] = entries[5].replace(b'"treeSize":16', b'"treeSize":61')
    write_ledger(world.ledger, _checkpoint(world).origin, entries, world.online)
    (world.ledger / "checkpoint").write_bytes(before)
    for name in ("cosigned", "timestamps"):
        shutil.copytree(kept.ledger / name, world.ledger / name, dirs_exist_ok=True)


@attack(9, by="ledger-tree", alone=True)
def a_tile_of_another_ledger(world):
    """The tile of hashes is that of another ledger of the same length."""
    size = _checkpoint(world).size
    other = b"".join(merkle.leaf_hashes(b"%d" % number for number in range(size)))
    (world.ledger / tile_path(0, 0, size)).write_bytes(other)


@attack(8, by="ledger-tree", alone=True)
def the_newest_bundle_of_entries_is_gone(world):
    """The entries are gone, hashes and checkpoint are there."""
    (world.ledger / tile_path("entries", 0, _checkpoint(world).size)).unlink()


@attack(2, by="ledger-present", alone=True)
def the_ledger_is_left_out(world):
    """An auditor is handed the systems, and no ledger."""
    shutil.rmtree(world.ledger)


@attack(4, by="ledger-unique", alone=True)
def an_entry_is_there_twice(world):
    """The entry of the bad night is appended once more."""
    story = Story.of(world)
    story.told.append(entries_of(world.ledger)[10])
    story.write()


@attack(15, by="ledger-entries", alone=True)
def an_entry_of_a_kind_that_nobody_knows(world):
    """An entry of the kind `amendment` is appended, which a careless reader may honour."""
    story = Story.of(world)
    story.told.append(canonical.dumps({"v": 1, "kind": "amendment", "system": "loans", "partition": "2026-09-03"}))
    story.write()


@attack(15, by="ledger-entries", alone=True)
def an_entry_in_another_spelling(world):
    """An entry of an act is appended with a space in it."""
    story = Story.of(world)
    story.told.append(b'{"act":"review","kind":"act","sha256": "' + b"0" * 64 + b'","v":1}')
    story.write()


@attack(9, by="checkpoint-signature", alone=True)
def a_checkpoint_of_a_stranger(world):
    """The checkpoint is signed by a key that nobody named."""
    _sign(world, _checkpoint(world), world.strange)


@attack(9, by="checkpoint-origin")
def a_checkpoint_of_another_ledger(world):
    """The checkpoint, soundly signed, is named as another ledger."""
    named = _checkpoint(world)
    _sign(world, Checkpoint("example-bank/other", named.size, named.root))


@attack(9, 15, by="checkpoint-signature")
def a_checkpoint_under_a_name_that_cannot_be(world):
    """The ledger's name in the checkpoint holds a plus, which no name of a key may."""
    file = world.ledger / "checkpoint"
    file.write_bytes(file.read_bytes().replace(b"example-bank/", b"example-bank+", 1))


@attack(14, by="ledger-tree", alone=True)
def a_checkpoint_of_another_size(world):
    """The checkpoint signs the same root for one entry less."""
    named = _checkpoint(world)
    _sign(world, Checkpoint(named.origin, named.size - 1, named.root))


@attack(9, by="ledger-tree", alone=True)
def a_checkpoint_over_another_root(world):
    """The checkpoint signs another root for the same size."""
    named = _checkpoint(world)
    _sign(world, Checkpoint(named.origin, named.size, merkle.root([named.root])[::-1]))


@attack(8, by="ledger-snapshot")
def an_older_checkpoint_is_served(world):
    """The checkpoint is the one of the auditor's last visit; packages and all else are newer."""
    shutil.copy(world.auditor / "last", world.ledger / "checkpoint")


@attack(9, by={LAST: "ledger-last"}, alone=True)
def a_split_view(world):
    """From the third night on another story is told, to this auditor alone: cosigned as far as the witnesses looked then,
    and stamped night by night. What he kept is of the story that others see."""
    story = Story.of(world)
    for night in (story.night(3), story.night(3, system="cards"), story.night(4), story.night(5)):
        night.said["asOf"] = night.said["asOf"].replace("T02", "T03")
    story.write()
    story.stamp(world)


@attack(
    9,
    by={ROOT: "root-trusted", LAST: "ledger-last", WITNESS: "witness-quorum", STAMP: "time-limit", KEY: "trusted-key"},
)
def a_ledger_under_another_key(world):
    """A stranger writes the whole evidence anew under a key and a root of trust of his own, with the bank's name."""
    story = Story.of(world)
    story.found_anew(world.strange)
    story.write()


@attack(2, 11, by="ledger-order")
def entries_in_another_order(world):
    """Two new nights stand in the ledger in the other order than their numbers."""
    story = Story.of(world)
    first, second = sixth(story), sixth(story)
    shift(second, 1)
    place = len(story.told) - 2
    story.write()
    standing = dict(first.said["ledger"])
    second.lie = lambda whole: whole["predicate"].update(ledger=standing)
    story.write()
    entries = list(story.done)
    entries[place:] = reversed(entries[place:])
    write_ledger(world.ledger, _checkpoint(world).origin, entries, world.online)


@attack(3, 9, by="ledger-standing", alone=True)
def a_night_stands_on_another_ledger(world):
    """A new night names a root that the ledger never had."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole["predicate"]["ledger"].update(rootHash="0" * 64)
    story.write()


@attack(3, by="ledger-standing", alone=True)
def a_night_stands_on_a_ledger_to_come(world):
    """A new night says that it was signed when the ledger was larger than where it stands in it."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole["predicate"]["ledger"].update(size=99)
    story.write()
