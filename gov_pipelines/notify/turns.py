"""What the signed verdicts of one control amount to: when it was failing, and when it had recovered. Pure.

Nothing is remembered between nights. What was told follows from the verdicts signed before, what is to be told from
those signed now, and the difference is the news; so a backfill and a revision are told like a night.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gov_pipelines.store import Transition

Judged = tuple[date, str | None]
"""A partition and its verdict; None where the window was missed and nothing is known."""

PAGED: Mapping[str, Transition] = {"fail": "failing", "missing": "missing"}
NOTED: Mapping[str, Transition] = {"warn": "warning", "insufficient": "undecided"}
_OVER: Sequence[tuple[Mapping[str, Transition], Transition]] = ((PAGED, "recovered"), (NOTED, "settled"))


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which a control was not well.

    Attributes:
        since: the first partition.
        until: the partition with which it had recovered; None where it has not.
        kinds: what it was in that time.
    """

    since: date
    until: date | None
    kinds: frozenset[Transition]

    def meets(self, other: Episode) -> bool:
        """Whether the two have a partition in common."""
        return _before(self.since, other.until) and _before(other.since, self.until)


def episodes(history: Iterable[Judged], marks: Mapping[str, Transition], clean: int) -> list[Episode]:
    """Find the times in which verdicts were of some kind.

    Args:
        history: in order of partition. A missed window says nothing; nor do `insufficient` of failures, and failures of
            warnings.
        marks: `PAGED` or `NOTED`.
        clean: so many windows of other verdicts end it.
    """
    silent = {None, "insufficient"} if marks is PAGED else {None, *PAGED}
    found, since, kinds, streak = [], None, set[Transition](), 0
    for partition, verdict in history:
        if verdict is not None and verdict in marks:
            since, streak = since or partition, 0
            kinds.add(marks[verdict])
        elif since is not None and verdict not in silent:
            streak += 1
            if streak == clean:
                found.append(Episode(since, partition, frozenset(kinds)))
                since, kinds = None, set()
    return found if since is None else [*found, Episode(since, None, frozenset(kinds))]


def news(before: Sequence[Judged], partition: date, verdict: str, clean: int) -> list[Transition]:
    """Tell what the verdict of one partition changes, on top of what was signed before.

    Args:
        before: the control's signed verdicts, in order of partition, the one that is now revised included.
        partition: the one just judged.
        verdict: its verdict.
        clean: so many windows without failure make a recovery.
    """
    signed: dict[date, str | None] = dict(before)
    if verdict != "insufficient" or signed.get(partition) not in PAGED:  # a failure revised to it stands
        signed[partition] = verdict
    now = sorted(signed.items())
    happened = [
        each
        for marks, over in _OVER
        for each in _turns(
            episodes(before, marks, clean), episodes(now, marks, clean), partition, marks.get(verdict), over
        )
    ]
    # A digest also says what recovered, to those who were not paged.
    return list(dict.fromkeys([*happened, "settled"] if "recovered" in happened else happened))


def _turns(
    told: list[Episode], now: list[Episode], partition: date, kind: Transition | None, over: Transition
) -> Iterator[Transition]:
    entered = ended = False
    for each in now:
        same = [one for one in told if one.meets(each)]
        new = each.until is None and all(one.until is not None for one in same)
        here = kind is not None and not _before(partition, each.since) and _before(partition, each.until)
        begins = here and (new or not any(kind in one.kinds for one in same))
        entered |= begins
        ended |= each.until is not None and (begins or any(one.until is None for one in same))
    ended |= any(one.until is None and not any(one.meets(each) for each in now) for one in told)
    if entered and kind is not None:
        yield kind
    if ended and not (now and now[-1].until is None):  # a revised old day says nothing of a failure that goes on
        yield over


def _before(partition: date, end: date | None) -> bool:
    return end is None or partition < end
