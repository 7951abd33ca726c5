"""Nights deleted, renumbered, replayed, inserted, moved, and the tail cut off."""

import shutil

from attacks.case import LAST, RECOMPUTE, attack
from attacks.forging import REWRITTEN, Story, good_night, history_of_his_own, second_of, sixth


@attack(2, by="ledger-complete")
def a_bad_night_is_deleted(world):
    """The package of the third night is gone."""
    shutil.rmtree(world.package(3).parent)


@attack(2, by="ledger-complete", alone=True)
def the_newest_night_is_deleted(world):
    """The package of the last night is gone: no link leads to it, but the ledger has it."""
    shutil.rmtree(world.package(5).parent)


@attack(2, 4, by="ledger-complete", alone=True)
def a_late_revision_is_withheld(world):
    """The fifth night was signed once more, when a late decision had come; only the first revision is shown."""
    story = Story.of(world)
    story.again(story.night(5)).withheld = True
    story.write()


@attack(2, by="ledger-snapshot")
def a_bad_night_is_deleted_and_the_others_renumbered(world):
    """Packages are numbered, linked and signed anew without the third night; the ledger is as it was."""
    kept = world.copy(world.evidence.parent / "kept")
    story = Story.of(world)
    story.told.remove(story.night(3))
    story.write()
    second_of(world.ledger, kept.ledger)


@attack(2, 7, by="witness-quorum")
def a_night_is_deleted_and_the_ledger_written_anew(world):
    """The first night is deleted, its entry too, all others signed anew with the online key; the root of trust, which the
    owners signed, still names the witnesses."""
    story = Story.of(world)
    for night in (story.night(1), story.night(1, 2)):
        story.told.remove(night)
    story.write()


@attack(2, 7, by={**REWRITTEN, RECOMPUTE: "recomputed-verdict"})
def a_bad_night_is_deleted_in_a_history_of_his_own(world):
    """As before with the third night, under a second root version of the insider's own, without witnesses and clock."""
    story = history_of_his_own(world)
    story.told.remove(story.night(3))
    story.write()


@attack(2, by="chain-sequence")
def a_hole_is_left_in_the_numbers(world):
    """A new night is signed with the number after the next."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole["predicate"].update(sequence=whole["predicate"]["sequence"] + 1)
    story.write()


@attack(2, by="chain-previous", alone=True)
def a_link_leads_past_a_night(world):
    """A new night links to what nobody has, in place of the night before."""
    story = Story.of(world)
    sixth(story).lie = lambda whole: whole["predicate"]["previous"].update(payloadSha256="0" * 64)
    story.write()


@attack(4, by="chain-revision", alone=True)
def a_revision_names_another_as_replaced(world):
    """A second revision of the fifth night says that it replaces what nobody signed."""
    story = Story.of(world)
    story.again(story.night(5)).lie = lambda whole: whole["predicate"]["supersedes"].update(payloadSha256="0" * 64)
    story.write()


@attack(2, 4, by="chain-reasons", alone=True)
def a_revision_without_a_reason(world):
    """A second revision of the bad night says that all was well, and not what has changed."""
    story = Story.of(world)
    night = story.again(story.night(3))
    good_night(story, 3, into=night)
    night.said["timeCreated"] = story.night(5).said["timeCreated"]
    night.lie = lambda whole: whole["predicate"].update(revisionReasons=[])
    story.write()


@attack(4, by="chain-place")
def yesterday_is_replayed_as_today(world):
    """The package of the fourth night lies in the place of the fifth."""
    shutil.rmtree(world.package(5))
    shutil.copytree(world.package(4), world.package(5))


@attack(4, by="chain-place")
def an_old_revision_is_replayed_as_the_newest(world):
    """The first revision of the first night, from before the late decision, lies there as the third."""
    shutil.copytree(world.package(1), world.package(1, 3))


@attack(4, by="chain-place", alone=True)
def two_nights_change_places(world):
    """The folders of the third and the fourth night have each other's names."""
    third, fourth, spare = world.package(3).parent, world.package(4).parent, world.evidence / "spare"
    third.rename(spare)
    fourth.rename(third)
    spare.rename(fourth)


@attack(4, by="chain-place")
def a_night_of_another_system(world):
    """The third night of cards lies in the place of the third of loans."""
    shutil.rmtree(world.package(3))
    shutil.copytree(world.package(3, system="cards"), world.package(3))


@attack(4, 11, by="ledger-unique")
def two_snapshots_under_one_number(world):
    """A second story of the fifth night is signed under the number and the revision of the first, and shown in its place."""
    story = Story.of(world)
    honest, other = story.night(5), story.again(story.night(5))
    honest.withheld = True
    other.said["ingest"]["undated"] = 1
    links = {name: honest.said[name] for name in ("sequence", "previous", "revision", "supersedes")}
    other.lie = lambda whole: whole["predicate"].update(links)
    story.write()


@attack(11, by="ledger-snapshot", alone=True)
def a_night_is_inserted_that_the_ledger_does_not_have(world):
    """A sixth night is signed, linked and shown; the ledger does not have it."""
    story = Story.of(world)
    kept = world.copy(world.evidence.parent / "kept")
    sixth(story)
    story.write()
    second_of(world.ledger, kept.ledger)


@attack(2, by="ledger-snapshot")
def a_missed_window_is_logged_as_audited(world):
    """A new missed window has an entry of a night that was audited."""
    story = Story.of(world)
    sixth(story, story.night(4, system="cards")).entered = _of_kind("missed", "snapshot")
    story.write()


@attack(2, by="ledger-snapshot")
def a_bad_night_is_logged_as_missed(world):
    """A new night has an entry of a window that was missed."""
    story = Story.of(world)
    sixth(story).entered = _of_kind("snapshot", "missed")
    story.write()


def _of_kind(kind, other):
    return lambda entry: entry.replace(b'"kind":"%b"' % kind.encode(), b'"kind":"%b"' % other.encode())


@attack(2, by="chain-place")
def an_emptied_night(world):
    """The third night's folder is there, and nothing in it."""
    shutil.rmtree(world.package(3))


@attack(8, by={LAST: "ledger-last"}, alone=True)
def the_tail_is_cut_off(world):
    """Packages, ledger, cosignatures and tokens end where the witnesses looked first, as if no later night had been."""
    story = Story.of(world)
    del story.told[9:]
    story.write()


@attack(8, by="ledger-complete")
def the_tail_is_cut_off_the_packages(world):
    """The packages of the last two nights are gone."""
    for day in (4, 5):
        shutil.rmtree(world.package(day).parent)
