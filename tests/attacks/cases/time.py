"""Time: back-dated, a clock ahead, tokens of other things, tokens taken away."""

import shutil
from datetime import UTC, datetime, timedelta

from attacks.case import attack
from attacks.forging import REWRITTEN, Story, history_of_his_own, sixth
from attacks.world import HOUR, restamped
from tsa import time_authority

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog.notes import parse_note

DAY = timedelta(days=1)


def _made(night, ago):
    """Have a night say that it was made some time ago."""
    night.said["timeCreated"] = canonical.instant(datetime.now(UTC).replace(microsecond=0) - ago)


def _stamped(world, at=None):
    """Have the authority stamp the newest checkpoint, now or at another time."""
    note = parse_note((world.ledger / "checkpoint").read_bytes())
    token = world.clock.stamp(note.text.encode())
    size = note.text.split("\n")[1]
    (world.ledger / "timestamps" / f"{size}.tsr").write_bytes(restamped(world.clock, token, at) if at else token)


def _tokens(world):
    return sorted((world.ledger / "timestamps").iterdir(), key=lambda file: int(file.stem))


@attack(3, by="time-limit")
def a_night_is_back_dated(world):
    """A new night says that it was made sixty days ago; its first token is of today."""
    story = Story.of(world)
    _made(sixth(story), 60 * DAY)
    story.write()
    _stamped(world)


@attack(3, by="time-limit")
def a_night_is_back_dated_and_not_stamped(world):
    """As before, and no token is asked for: nights made long after it have theirs."""
    story = Story.of(world)
    _made(sixth(story), 60 * DAY)
    story.write()


@attack(3, 23, by="time-limit")
def the_clock_is_a_year_behind(world):
    """The producer's clock was a year behind when a new night was signed."""
    story = Story.of(world)
    _made(sixth(story), 365 * DAY)
    story.write()
    _stamped(world)


@attack(23, by="time-limit", alone=True)
def the_clock_is_a_year_ahead(world):
    """The producer's clock was a year ahead when a new night was signed."""
    story = Story.of(world)
    _made(sixth(story), -365 * DAY)
    story.write()
    _stamped(world)


@attack(3, by="time-standing", alone=True)
def a_night_older_than_what_it_stands_on(world):
    """A new night says that it was made yesterday; the ledger on which it stands was stamped today."""
    story = Story.of(world)
    _made(sixth(story), 35 * HOUR)
    story.write()
    _stamped(world)


@attack(3, by=REWRITTEN)
def every_night_is_back_dated_in_a_history_of_his_own(world):
    """Every night says that it is a year older; the root of trust that the insider signs names no time authority."""
    story = history_of_his_own(world)
    for night in story.nights() + story.nights("cards"):
        made = datetime.fromisoformat(night.said["timeCreated"])
        night.said["timeCreated"] = canonical.instant(made - 365 * DAY)
    story.write()


@attack(3, by="time-token", alone=True)
def a_token_of_another_checkpoint(world):
    """In place of the newest token lies an older one."""
    *_, older, newest = _tokens(world)
    shutil.copy(older, newest)


@attack(3, 24, by="time-token", alone=True)
def a_token_of_another_authority(world):
    """The newest token is by a time authority that the root of trust does not name."""
    other = time_authority(world.evidence.parent / "other", name="Other")
    note = parse_note((world.ledger / "checkpoint").read_bytes())
    _tokens(world)[-1].write_bytes(other.stamp(note.text.encode()))


@attack(3, by="time-limit", alone=True)
def tokens_are_taken_away(world):
    """No checkpoint has a token."""
    shutil.rmtree(world.ledger / "timestamps")


@attack(3, by="time-limit", alone=True)
def the_first_tokens_are_taken_away(world):
    """Only the newest checkpoint has a token; the first night was made days before it."""
    for file in _tokens(world)[:-1]:
        file.unlink()


@attack(3, 8, by="time-token")
def a_token_of_a_ledger_to_come(world):
    """A token lies there for more entries than the ledger has."""
    newest = _tokens(world)[-1]
    newest.rename(newest.with_name("99.tsr"))


@attack(3, 24, by="time-order")
def a_larger_ledger_is_stamped_earlier(world):
    """The authority's clock went back: the ledger with a new night was stamped hours before the ledger without it."""
    story = Story.of(world)
    _made(sixth(story), 10 * HOUR)
    story.write()
    _stamped(world, datetime.now(UTC) - 9 * HOUR)


@attack(3, 15, by="time-token", alone=True)
def a_token_with_an_unsigned_word(world):
    """The status of the newest token, which nothing signs, is `granted with changes`."""
    newest = _tokens(world)[-1]
    newest.write_bytes(newest.read_bytes().replace(bytes.fromhex("3003020100"), bytes.fromhex("3003020101"), 1))


@attack(26, by="time-token", alone=True)
def a_huge_token(world):
    """The newest token has 65 KiB and more."""
    newest = _tokens(world)[-1]
    newest.write_bytes(newest.read_bytes() + bytes(65 * 1024))
