"""What outside time stamps say about when snapshots were made: never later than stamped, and stamped soon after.

A token over a checkpoint of size n shows that the entries 0 to n - 1 were there at its time, so it bounds each of them
from above. A snapshot that claims to be much older than the first stamp over it may have been back-dated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gov_pipelines.evidence.canonical import instant

LIMIT = timedelta(hours=36)
"""Longest time from making a snapshot to the first stamp over it."""
AHEAD = timedelta(minutes=5)
"""How far two clocks may disagree."""

NO_AUTHORITY = "time: no time authority is configured, so the times are the producer's own; name one in the trust root and set GOV_TSA_URL"
AUTHORITY_TRUSTED = "time: that the time authority told the truth; any one of those the trust root names suffices"
NOT_THE_FIRST = "time: that it was stamped soon after it was made; the whole ledger shows that"


@dataclass(frozen=True, slots=True)
class TimeFinding:
    """One rule about time, applied in one place.

    Attributes:
        rule: `time-limit` of a snapshot, `time-order` of a token.
        place: index of the snapshot's entry in the ledger, or size of the token's checkpoint.
        ok: whether the rule holds.
        got: what was found.
        expected: what the rule wants.
    """

    rule: str
    place: int
    ok: bool
    got: str
    expected: str


def time_findings(
    snapshots: Sequence[tuple[int, datetime]],
    tokens: Sequence[tuple[int, datetime]],
    *,
    demanded_from: int | None,
    limit: timedelta | None = LIMIT,
) -> tuple[list[TimeFinding], list[str]]:
    """Judge the times that snapshots claim by the tokens over the ledger's checkpoints.

    Args:
        snapshots: index of the entry in the ledger, and `timeCreated`, each once, in any order.
        tokens: size of the checkpoint, and the stamped time of a verified token, each size once, in any order.
        demanded_from: index from which the trust root names a time authority; None where it names none. Snapshots
            before it owe no token, and may be older than the first one over them.
        limit: longest time from `timeCreated` to the first token over the snapshot; None where there may be earlier
            tokens than those given, as of a snapshot that travels without its ledger.

    Returns:
        The findings, and in words what they do not prove. Only the newest snapshots may wait for a token, and only
        while none of them is `limit` older than the newest: the ledger went on, so it was time.
    """
    stamped = sorted(tokens)
    sizes = [size for size, _ in stamped]
    newest = max((created for _, created in snapshots), default=None)
    findings, waiting = [*_in_order(stamped)], 0
    for index, created in sorted(snapshots):
        owed = demanded_from is not None and index >= demanded_from
        first = bisect_right(sizes, index)
        if first < len(stamped):
            findings.append(_in_time(index, created, stamped[first][1], limit if owed else None))
        elif owed and newest is not None:
            waiting += 1
            findings += [_still_waiting(index, created, newest, limit)] if limit else []
    if demanded_from is None:
        return findings, [NO_AUTHORITY]
    early = sum(index < demanded_from for index, _ in snapshots)
    not_proven = {
        AUTHORITY_TRUSTED: True,
        NOT_THE_FIRST: limit is None,
        f"time: {waiting} snapshots, the newest, wait for a time stamp; until then their times are the producer's own": waiting,
        f"time: {early} snapshots are older than the first time authority of the trust root": early,
    }
    return findings, [sentence for sentence, said in not_proven.items() if said]


def _in_order(stamped: Sequence[tuple[int, datetime]]) -> Iterator[TimeFinding]:
    """A larger ledger is a later one."""
    latest = None
    for size, at in stamped:
        if latest is not None:
            expected = f"not before {instant(latest)}, when a smaller ledger was stamped"
            yield TimeFinding("time-order", size, at >= latest - AHEAD, f"stamped {instant(at)}", expected)
        latest = max(at, latest or at)


def _in_time(index: int, created: datetime, stamped: datetime, limit: timedelta | None) -> TimeFinding:
    ok = created <= stamped + AHEAD and (limit is None or stamped - created <= limit)
    expected = f"made before {instant(stamped)}, when it was stamped"
    if limit is not None:
        expected += f", by {_hours(limit)} at most"
    return TimeFinding("time-limit", index, ok, f"made {instant(created)}", expected)


def _still_waiting(index: int, created: datetime, newest: datetime, limit: timedelta) -> TimeFinding:
    expected = f"a time stamp within {_hours(limit)}; the newest snapshot was made {instant(newest)}"
    return TimeFinding(
        "time-limit", index, newest - created <= limit, f"made {instant(created)}, not stamped", expected
    )


def _hours(limit: timedelta) -> str:
    return f"{limit / timedelta(hours=1):g} h"
