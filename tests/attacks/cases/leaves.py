"""The decisions of a night: inserted, deleted, re-ordered, judged otherwise."""

from hashlib import sha256

from attacks.case import RECOMPUTE, attack
from attacks.forging import REWRITTEN, Story, history_of_his_own, sixth

from gov_pipelines.evidence import LEAVES, read_leaves, write_leaves
from gov_pipelines.evidence.tlog import merkle

FORGED = b'{"_sd":["' + b"A" * 43 + b'"],"_sd_alg":"sha-256","v":{"house/SMALL":"within"}}'


def _changed_but_not_counted(world, change):
    """A new night whose leaves are others than those it states."""
    story = Story.of(world)
    night = sixth(story)
    listed = read_leaves(night.files[LEAVES])
    change(listed)
    night.files[LEAVES] = write_leaves(listed)
    story.write()


@attack(10, by="manifest-sha256")
def a_leaf_is_edited(world):
    """The third night's third decision was outside, its leaf says; nothing is signed anew."""
    file = world.package(3) / LEAVES
    file.write_bytes(file.read_bytes().replace(b"within", b"outside", 1))


@attack(11, by="decisions-root")
def a_decision_is_inserted(world):
    """A new night has a leaf more than it states."""
    _changed_but_not_counted(world, lambda leaves: leaves.append(FORGED))


@attack(10, by="decisions-root")
def a_decision_is_deleted(world):
    """A new night has a leaf less than it states."""
    _changed_but_not_counted(world, lambda leaves: leaves.pop())


@attack(10, by="decisions-accepted", alone=True)
def a_decision_hides_behind_a_copy(world):
    """In a new night one leaf is a copy of another: a decision has vanished, and all counts agree."""
    story = Story.of(world)
    sixth(story).leaves(lambda leaves: leaves.__setitem__(0, leaves[1]))
    story.write()


@attack(12, by="decisions-root", alone=True)
def two_decisions_change_places(world):
    """Two leaves of a new night stand in another order than under its root."""
    _changed_but_not_counted(world, lambda leaves: leaves.insert(0, leaves.pop()))


@attack(10, by="decisions-counts")
def a_decision_is_judged_otherwise(world):
    """A leaf of a new night says outside, its counts and root say within."""
    _changed_but_not_counted(world, lambda leaves: leaves.append(leaves.pop().replace(b"within", b"outside")))


@attack(10, by="decisions-counts", alone=True)
def verdicts_are_counted_otherwise(world):
    """A new night states fifteen decisions within and one outside; its leaves say sixteen within."""
    story = Story.of(world)
    sixth(story).said["decisions"]["counts"] = {"house/SMALL": {"outside": 1, "within": 15}}
    story.write()


@attack(10, 11, by={RECOMPUTE: "tally-adds-up"})
def a_decision_is_inserted_and_counted(world):
    """A new night has a forged leaf more, in its root, its counts and among what was accepted; the tally does not know it."""
    story = Story.of(world)
    night = sixth(story)
    night.leaves(lambda leaves: leaves.append(FORGED))
    night.said["ingest"] |= {"accepted": 17, "sourceCount": 17}
    night.files["rows.json"] = night.files["rows.json"].replace(b": 16", b": 17")
    night.said["ingest"]["inputs"][0]["rows"] = 17
    story.write()


@attack(10, by={RECOMPUTE: "recomputed-measurement"})
def a_decision_is_judged_otherwise_and_counted(world):
    """A leaf of a new night says outside, and so do root and counts; the measurement of them does not."""
    story = Story.of(world)
    sixth(story).leaves(lambda leaves: leaves.append(leaves.pop().replace(b"within", b"outside")))
    story.write()


@attack(11, by={**REWRITTEN, RECOMPUTE: "tally-adds-up"})
def a_decision_is_inserted_into_a_history_of_his_own(world):
    """The third night has a forged leaf more, in root and counts, long after it was signed; everything is signed anew."""
    story = history_of_his_own(world)
    night = story.night(3)
    night.leaves(lambda leaves: leaves.append(FORGED))
    night.said["ingest"] |= {"accepted": 17, "sourceCount": 17}
    night.files["rows.json"] = night.files["rows.json"].replace(b": 16", b": 17")
    night.said["ingest"]["inputs"][0]["rows"] = 17
    story.write()


@attack(13, by="decisions-root")
def a_node_stands_for_two_leaves(world):
    """Two leaves of a new night are replaced by the node over them, which would have the same root without a prefix."""

    def fold(leaves):
        pair = b"".join(merkle.leaf_hash(each) for each in leaves[:2])
        leaves[:2] = [pair.replace(b"\n", b" ")]

    _changed_but_not_counted(world, fold)


@attack(13, by="decisions-root", alone=True)
def a_root_without_prefixes(world):
    """A new night states a root computed without the bytes that tell leaves from nodes."""
    story = Story.of(world)
    night = sixth(story)
    level = [sha256(each).digest() for each in read_leaves(night.files[LEAVES])]
    while len(level) > 1:
        level = [sha256(left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
    night.said["decisions"]["rootHash"] = level[0].hex()
    story.write()


@attack(14, by="decisions-root")
def a_tree_of_another_size(world):
    """A new night states its root for seventeen leaves."""
    story = Story.of(world)
    said = sixth(story).said
    said["decisions"]["treeSize"] = said["ingest"]["accepted"] = said["ingest"]["sourceCount"] = 17
    story.write()


@attack(16, by="leaf-format", alone=True)
def leaves_of_a_format_that_nobody_knows(world):
    """A new night says that its leaves are of another format."""
    story = Story.of(world)
    sixth(story).said["decisions"]["leafFormat"] = "sd-leaf/v9"
    story.write()


@attack(15, by="leaf-format")
def a_leaf_with_a_member_more(world):
    """A leaf of a new night says a member twice, with two verdicts; root and counts are of these bytes."""
    story = Story.of(world)
    night = sixth(story)
    listed = read_leaves(night.files[LEAVES])
    listed[0] = listed[0].replace(b'{"house/SMALL":"within"}', b'{"house/SMALL":"outside","house/SMALL":"within"}')
    night.files[LEAVES] = write_leaves(listed)
    night.said["decisions"]["rootHash"] = merkle.root(merkle.leaf_hashes(listed)).hex()
    story.write()
