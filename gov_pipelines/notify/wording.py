"""The plain words of an alert: the clause, what was measured, since when, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from gov_pipelines.notify.turns import Judged
from gov_pipelines.policy import partition_key
from gov_pipelines.store import Transition, VerdictRow

_HEADLINE: dict[Transition, str] = {
    "failing": "{control} fails",
    "missing": "{control} was due and left no result",
    "recovered": "{control} recovered",
    "warning": "{control} warns",
    "undecided": "{control} cannot be decided on the data",
    "settled": "{control} is well again",
}


def title(row: VerdictRow, happened: Transition) -> str:
    """Say in one line what happened."""
    headline = _HEADLINE[happened].format(control=row.control)
    return f"{row.system} {row.partition}: {headline} ({row.severity})"


def facts(row: VerdictRow, happened: Transition, before: Judged | None) -> dict[str, str | None]:
    """Say what a person needs in order to act; a fact that is not known is None."""
    return {
        "Verdict": f"{row.verdict}. {row.reason}",
        "Measured": _measured(row),
        "Limit": row.threshold,
        "Interval": _interval(row),
        "Rows": None if row.n is None else f"n = {row.n:,}",
        "Breaches": f"{row.breaches:,} decision{'s' * (row.breaches != 1)} outside" if row.breaches else None,
        "Window": f"{row.window_start:%Y-%m-%d %H:%M} to {row.window_end:%Y-%m-%d %H:%M} UTC",
        "Since": _since(row, happened, before),
        "The control": f"{row.acts} ({row.kind}, {row.level})",
        "What to do": _remedy(row, happened),
    }


def lines(facts: Mapping[str, str | None]) -> str:
    """Write one fact a line; one that is not known has no line."""
    return "\n".join(f"{name}: {' '.join(fact.split())}" for name, fact in facts.items() if fact)


def facts_in(body: str) -> dict[str, str]:
    """Read what `lines` wrote."""
    return {name: fact for name, _, fact in (line.partition(": ") for line in body.splitlines())}


def counted(words: Iterable[str]) -> str:
    """Count words, such as verdicts, as they come: `3 pass, 1 warn`."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).items())


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


def _since(row: VerdictRow, happened: Transition, before: Judged | None) -> str:
    if before is None:
        return f"{row.partition}, the first time this control was judged"
    day, verdict = before
    if day == row.partition:
        return f"{day}, by revision {row.revision}; before, it was {verdict}"
    return f"{row.partition}; before, it was {verdict}{', last' * (happened == 'recovered')} on {day}"


def _remedy(row: VerdictRow, happened: Transition) -> str:
    of = f"{row.system} --date {partition_key(row.partition)}`"
    if happened == "missing":
        return f"find in the run's log why the control left no result, then run `gov audit {of}; until then nothing is known"
    if happened in {"recovered", "settled"}:
        return "nothing at once; note what was changed where the failure is on record"
    if happened == "undecided":
        return "nothing at once; `gov gaps` shows what the data could not tell for long"
    if row.kind in {"access_pattern", "data_access"}:
        return f"`gov access {of} says who read what; decide who may"
    if row.breaches:
        return "see on its page which decisions are outside, run `gov explain` on one; decide who corrects them"
    return "open the control's page, see which group or column moved and in which decisions; `gov gaps` lists all that is red"


def _group(group: Mapping[str, str | None]) -> str:
    return ", ".join(f"{column} = {'unknown' if value is None else value}" for column, value in group.items())


def number(value: float) -> str:
    """Write a number for reading: three decimals, thousands grouped, very small ones with an exponent."""
    if value and abs(value) < 0.001:  # what three decimals cannot show
        return f"{value:.1e}"
    return f"{value:,.3f}".rstrip("0").rstrip(".")
