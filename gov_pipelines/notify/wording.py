"""The plain words of an alert: the clause, what was measured, since when, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gov_pipelines.store import Transition, VerdictRow

_HEADLINE: dict[Transition, str] = {
    "failing": "{control} fails",
    "missing": "{control} was due and left no result",
    "recovered": "{control} recovered",
}


def title(row: VerdictRow, happened: Transition) -> str:
    """Say in one line what happened."""
    headline = _HEADLINE[happened].format(control=row.control)
    return f"{row.system} {row.partition.isoformat()}: {headline} ({row.severity})"


def body(
    row: VerdictRow,
    happened: Transition,
    before: VerdictRow | None,
    text: str,
    link: str | None,
    note: str | None,
    key: str,
) -> str:
    """Say what a person needs in order to act, one fact a line; a fact that is not known has no line."""
    return _lines(
        [
            ("Clause", text),
            ("Verdict", f"{row.verdict}. {row.reason}"),
            ("Measured", _measured(row)),
            ("Limit", row.threshold),
            ("Interval", _interval(row)),
            ("Rows", None if row.n is None else f"n = {row.n:,}"),
            ("Breaches", f"{row.breaches:,} decision{'s' * (row.breaches != 1)} outside" if row.breaches else None),
            ("Window", f"{row.window_start:%Y-%m-%d %H:%M} to {row.window_end:%Y-%m-%d %H:%M} UTC"),
            ("Since", _since(row, happened, before)),
            ("The control", f"{row.acts} ({row.kind}, {row.level})"),
            ("What to do", _remedy(row, happened)),
            ("Page", link),
            ("About the data", note),
            ("Alert key", key),
        ]
    )


def missed(system: str, partition: date, reason: str, note: str | None, key: str) -> str:
    """Say why a partition was not audited, and what to do."""
    again = f"make the source answer again, then run `gov audit {system} --date {partition.isoformat()}`"
    return _lines(
        [
            ("Verdict", f"none: every control of {partition.isoformat()} is missing"),
            ("Reason", reason),
            ("What to do", again),
            ("About the data", note),
            ("Alert key", key),
        ]
    )


def _lines(facts: list[tuple[str, str | None]]) -> str:
    return "\n".join(f"{name}: {fact}" for name, fact in facts if fact)


def _measured(row: VerdictRow) -> str | None:
    if row.metric is None:
        return None
    by = f" by {', '.join(row.attribute)}" if row.attribute else ""
    value = "undefined" if row.value is None else number(row.value)
    group = f" for {_group(row.group)}" if row.group else ""
    against = f", compared with {_group(row.reference_group)}" if row.reference_group else ""
    return f"{row.metric}{by} = {value}{group}{against}"


def _interval(row: VerdictRow) -> str | None:
    if row.lower is None and row.upper is None:
        return None
    low, high = ("open" if end is None else number(end) for end in (row.lower, row.upper))
    confidence = f" at {number(100 * row.confidence)} % confidence" if row.confidence is not None else ""
    adjusted = f", adjusted p = {number(row.p_adjusted)}" if row.p_adjusted is not None else ""
    return f"{low} to {high}{confidence}{adjusted}"


def _since(row: VerdictRow, happened: Transition, before: VerdictRow | None) -> str:
    day = row.partition.isoformat()
    if before is None:
        return f"{day}, the first time this control was judged"
    last = ", last" if happened == "recovered" else ""
    return f"{day}; before, it was {before.verdict}{last} on {before.partition.isoformat()}"


def _remedy(row: VerdictRow, happened: Transition) -> str:
    audit = f"`gov audit {row.system} --date {row.partition.isoformat()}`"
    if happened == "missing":
        return f"find in the run's log why the control left no result, then run {audit}; until then nothing is known"
    if happened == "recovered":
        return "nothing at once; note what was changed where the failure is on record"
    if row.breaches:
        return (
            "see on the control's page which decisions are outside, run `gov explain` on one; decide who corrects them"
        )
    return "open the control's page, see which group or column moved and in which decisions; `gov gaps` lists all that is red"


def _group(group: Mapping[str, str | None]) -> str:
    return ", ".join(f"{column} = {'unknown' if value is None else value}" for column, value in group.items())


def number(value: float) -> str:
    """Write a number for reading: three decimals, thousands grouped, very small ones with an exponent."""
    if value and abs(value) < 0.001:  # what three decimals cannot show
        return f"{value:.1e}"
    return f"{value:,.3f}".rstrip("0").rstrip(".")
