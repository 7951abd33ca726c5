"""The verdict rule: what a control's limit says of its measurements. Pure; Great Expectations calls it, it calls nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import sentences
from gov_pipelines.measure.measurement import WORST_FIRST, Judgement, Measurement
from gov_pipelines.policy.kinds import (
    RATES,
    AccessPattern,
    Control,
    Drift,
    Fairness,
    Freshness,
    LogQuality,
    OperatingRange,
    Test,
)

_HOURS = {"hours": 1, "days": 24}


def judge(
    control: Control, measurements: Sequence[Measurement], *, partitions_present: int, partitions_expected: int
) -> Judgement:
    """Hold measurements against a control's limit.

    Fairness and drift with a limit, over groups and attributes, the worst first: fail, insufficient, warn, pass.

    - `against: equality`: *fail* where the point is beyond the limit and the adjusted test rejects equality,
      *insufficient* where it is beyond and the test does not, or where fewer than two groups are large enough; *warn* where
      it is inside and the interval crosses the limit; *pass* where the whole interval is inside.
    - `against: threshold`, and any rate, which knows no equality: *fail* where the whole interval is beyond;
      where it crosses, *warn* if the point is beyond and *insufficient* if it is inside; *pass* where it is inside.
    - `test: none`: the bare point. No limit: *report_only*.

    Decisions: one outside fails; then undecidable ones, then pending ones alone, are insufficient; nothing judged is
    not_applicable. Quality, ranges, freshness and access: bare comparisons. Null is insufficient, nothing measured at
    all missing, and a hole in the window makes every verdict but report_only insufficient.

    Args:
        control: what must hold.
        measurements: of this control; other metrics among them are context and not judged.
        partitions_present: partitions of the window that were audited.
        partitions_expected: partitions the window has.

    Raises:
        WrongUse: the control is an `expectation`, which Great Expectations judges itself.
    """
    if control.kind == "expectation":
        raise WrongUse("an `expectation` control is judged by Great Expectations, not by a limit on measurements")
    if not measurements:
        return Judgement("missing", "Nothing was measured: this control was due and its measurement is absent.")
    judgement = _rule(control, measurements)
    if judgement.verdict == "pass" and not (judgement.decisive and judgement.decisive.n):
        judgement = replace(judgement, verdict="insufficient", reason=f"This rests on no rows. {judgement.reason}")
    if partitions_present < partitions_expected and judgement.verdict != "report_only":
        words = (
            f"{partitions_present} of the window's {partitions_expected} partitions were audited; the rest are missing."
        )
        return replace(judgement, verdict="insufficient", reason=f"{words} On those: {judgement.reason}")
    return judgement


def _rule(control: Control, measurements: Sequence[Measurement]) -> Judgement:
    if control.judges == "decision":
        return _decisions(measurements)
    match control.kind:
        case "fairness" | "drift":
            return _compared(control, measurements)
        case "data_access":
            return _access(measurements)
        case "access_pattern":
            return _pattern(control, measurements)
        case "log_quality" | "operating_range" | "freshness":
            return _bare(control, measurements)
    raise WrongUse(f"no verdict rule for controls of kind {control.kind}")


def _decisions(measurements: Sequence[Measurement]) -> Judgement:
    found = {one.metric: one for one in measurements}
    names = ("outside", "undecidable", "pending", "within")
    absent = [name for name in names if f"decisions_{name}" not in found]
    if absent:
        return Judgement("missing", f"The number of decisions {' and '.join(absent)} was not measured.")
    rows = [found[f"decisions_{name}"] for name in names]
    if any(row.value is None for row in rows):
        return Judgement("insufficient", "The decisions could not be counted.", rows[0])
    outside, undecidable, pending, within = (int(row.value or 0) for row in rows)
    judged = outside + undecidable + pending + within
    if not judged:
        return Judgement("not_applicable", "The rule applied to no decision.", rows[3])
    also = f"; {undecidable:,} undecidable" if undecidable else ""
    open_ = f"; {pending:,} pending" if pending else ""
    if outside:
        return Judgement("fail", f"{outside:,} of {judged:,} decisions are outside{also}{open_}.", rows[0], outside)
    if within and not undecidable:
        return Judgement("pass", f"All {within:,} decisions judged are within{open_}.", rows[3])
    words = f"{pending:,} clock{' still runs' if pending == 1 else 's still run'}"
    if undecidable:
        words = f"{undecidable:,} of {judged:,} decisions cannot be judged: a value the rule needs is missing{open_}"
    return _insufficient(rows[1] if undecidable else rows[2], words)


def _compared(control: Fairness | Drift, measurements: Sequence[Measurement]) -> Judgement:
    rows = [one for one in measurements if one.metric == control.metric]
    named = control.by if control.kind == "fairness" else control.of
    absent = _absent(rows, [(name,) if isinstance(name, str) else tuple(name) for name in named])
    if not rows or absent:
        return _unmeasured(control.metric, absent)
    at_least = control.at_least if control.kind == "fairness" else None
    if at_least is None and control.at_most is None:
        return _report_only(rows)
    # The group compared with is its own reference: always equal, so never a reason to pass.
    judged = [one for one in rows if one.tested and (one.group is None or one.group != one.reference_group)]
    bases = [one for one in rows if one.group is not None and one.group == one.reference_group]
    found = [_limit(control.test, at_least, control.at_most, one, bases) for one in judged]
    for attribute in dict.fromkeys(one.attribute for one in rows):
        if not any(one.attribute == attribute for one in judged):
            row = next(one for one in rows if one.attribute == attribute)
            why = row.note or "no group is large enough"
            found.append(_insufficient(row, f"{sentences.name(row)} cannot be compared: {why}"))
    return _worst(found, rows, at_least, control.at_most)


def _absent(rows: Sequence[Measurement], due: Iterable[tuple[str, ...]]) -> list[str]:
    """What was to be measured and was not."""
    measured = {one.attribute for one in rows}
    return sorted(" and ".join(attribute) for attribute in due if attribute not in measured)


def _unmeasured(metric: str, absent: Sequence[str]) -> Judgement:
    of = f" of {', '.join(absent)}" if absent else ""
    return Judgement("missing", f"The {sentences.metric(metric)}{of} was due and not measured.")


def _report_only(rows: Sequence[Measurement]) -> Judgement:
    return Judgement("report_only", "Measured and reported; the clause sets no limit.", rows[0])


def _worst(
    found: Sequence[Judgement], rows: Sequence[Measurement], at_least: float | None, at_most: float | None
) -> Judgement:
    """The worst verdict; of equals one of a named group, then the one whose test says most or that has least room."""
    chosen = min(found, key=lambda one: _severity(one, at_least, at_most))
    also = sum(one.verdict == chosen.verdict and _named(one) for one in found) - _named(chosen)
    same = f" {also} more like it." if also > 0 and chosen.verdict not in {"pass", "report_only"} else ""
    listed = tuple(
        f"{sentences.group(one.group)}: {one.note}"
        for one in rows
        if not one.tested and one.group is not None and one.note
    )
    return replace(chosen, reason=chosen.reason + same, notes=listed)


def _named(judgement: Judgement) -> bool:
    return judgement.decisive is not None and judgement.decisive.group is not None


def _severity(judgement: Judgement, at_least: float | None, at_most: float | None) -> tuple[int, bool, float, float]:
    row = judgement.decisive
    if row is None or row.value is None:
        return WORST_FIRST.index(judgement.verdict), True, 1.0, 0.0
    # A test speaks against equality: it orders what fails or might, and says nothing of what is inside its limit.
    p = 1.0 if row.p_adjusted is None or judgement.verdict in {"pass", "warn"} else row.p_adjusted
    room = min(
        math.inf if at_least is None else row.value - at_least, math.inf if at_most is None else at_most - row.value
    )
    return WORST_FIRST.index(judgement.verdict), row.group is None, p, room


def _limit(
    test: Test | Literal["none"],
    at_least: float | None,
    at_most: float | None,
    row: Measurement,
    rows: Sequence[Measurement],
) -> Judgement:
    if row.value is None:
        return _insufficient(row, f"{sentences.name(row)} cannot be judged: {row.note or 'undefined'}")
    least, most = -math.inf if at_least is None else at_least, math.inf if at_most is None else at_most
    beyond = f"below {least:g}" if row.value < least else f"above {most:g}" if row.value > most else ""
    told = f"{sentences.said(row, rows)}, {beyond or sentences.inside(at_least, at_most)}"
    if test == "none":
        return Judgement("fail" if beyond else "pass", f"{told}; the bare point, not tested.", row)
    low = -math.inf if row.lower is None else row.lower
    high = math.inf if row.upper is None else row.upper
    inside, apart = not beyond and low >= least and high <= most, high < least or low > most
    against = f"tested against the limit by its {sentences.bounded(row)}"
    crosses = f"the interval crosses the limit ({against})"
    if test.against == "equality" and row.metric not in RATES and not inside:
        return _against_equality(test, row, told) if beyond else Judgement("warn", f"{told}, but {crosses}.", row)
    if inside or apart:
        words = f"{told}, and so is the whole interval ({against})."
        return Judgement("pass" if inside else "fail", words, row)
    if beyond:
        return Judgement("warn", f"{told}, but {crosses}.", row)
    needed = sentences.needed_for_limit(row, least if low < least else most, test.confidence)
    return _insufficient(row, f"{told}, but {crosses}{needed}")


def _against_equality(test: Test, row: Measurement, told: str) -> Judgement:
    """Of a point beyond its limit."""
    if row.p_adjusted is not None and row.p_adjusted <= 1 - test.confidence:
        return Judgement("fail", f"{told}, and equality is rejected ({sentences.tested(row, 1)}).", row)
    needed = sentences.reachable(row) + sentences.needed(row, test.confidence)
    return _insufficient(row, f"{told}, but equality is not rejected ({sentences.tested(row, 2)}){needed}")


def _insufficient(row: Measurement, words: str) -> Judgement:
    return Judgement("insufficient", f"{words}.", row)


def _access(measurements: Sequence[Measurement]) -> Judgement:
    """Three comparisons, the worst first: an excess fails, what could not be compared is insufficient."""
    found = {one.metric: one for one in measurements}
    absent = {"reads_outside", "reads", "fields_declared_outside"} - found.keys()
    if absent:
        return Judgement("missing", f"{', '.join(map(sentences.metric, sorted(absent)))}: due and not measured.")
    reads, grants = found["reads"], found.get("fields_granted_outside")
    compared = [(found[name], words) for name, words in _OUTSIDE.items() if name in found]
    beyond = [f"{row.value:,.0f} of {row.n:,} {words}{_because(row)}" for row, words in compared if row.value]
    if beyond:
        return Judgement("fail", f"{'; '.join(beyond)}.", next(row for row, _ in compared if row.value))
    unknown = next((row for row, _ in compared if row.value is None), None)
    if unknown is not None:
        return _insufficient(unknown, f"{sentences.name(unknown)} cannot be judged: {unknown.note or 'undefined'}")
    if not reads.value:
        return _insufficient(reads, "The access log holds no read by this system: nothing can be told")
    granted = "grants were not compared: no PostgreSQL database and role are declared"
    if grants is not None:
        granted = f"nor any of {grants.n:,} granted columns{_because(grants)}"
    words = f"None of {reads.n:,} reads is outside what the intake declares, nor a declared field outside the policy"
    return Judgement("pass", f"{words}; {granted}.", found["reads_outside"])


_OUTSIDE = {
    "reads_outside": "reads are outside what the intake declares",
    "fields_granted_outside": "columns granted in the database are outside what the intake declares",
    "fields_declared_outside": "declared fields are outside what the policy permits",
}


def _because(row: Measurement) -> str:
    return f" ({row.note})" if row.note else ""


def _pattern(control: AccessPattern, measurements: Sequence[Measurement]) -> Judgement:
    found = {one.metric: one for one in measurements}
    due = [*(f"new_{column}s" for column in control.watch), *(["reads_ratio"] if control.reads else [])]
    unusual = [f"{counted}_to_usual" for counted in control.usual]
    absent = [name for name in (*due, *unusual) if name not in found]
    if absent:
        return _unmeasured(absent[0], ())
    stopped = found.get("reads_ratio")
    if stopped is not None and stopped.value == 0 and stopped.note:
        return Judgement("missing", f"The access log holds no read, and {stopped.note}: it has stopped.", stopped)
    judged = [_held(found[name], control.at_most_new, ",.0f") for name in due if name != "reads_ratio"]
    if control.reads is not None:
        ratio = found["reads_ratio"]
        least, most = control.reads
        judged.append(_held(ratio, math.inf if most is None else most, ".2f"))
        if ratio.value is not None and least is not None and ratio.value < least:
            words = f"{sentences.name(ratio)} is {ratio.value:.2f}, below {least:g}."
            judged.append(Judgement("fail", words, ratio))
    judged += [_unusual(one, control.one_false_alarm_in) for one in measurements if one.metric in unusual]
    return _worst(judged, [found[name] for name in due], None, None)


def _unusual(row: Measurement, one_false_alarm_in: int) -> Judgement:
    told = sentences.name(row)
    if row.p_adjusted is None:
        return _insufficient(row, f"{told} cannot be compared with what is usual: {row.note or 'undefined'}")
    told = f"{told} is {row.note} (adjusted p = {row.p_adjusted:.2g})"
    return Judgement("fail" if row.p_adjusted < 1 / one_false_alarm_in else "pass", f"{told}.", row)


def _bare(control: LogQuality | OperatingRange | Freshness, measurements: Sequence[Measurement]) -> Judgement:
    metrics, due, limit, form = _bare_limit(control)
    rows = [one for one in measurements if one.metric in metrics]
    absent = _absent(rows, [(name,) for name in due])
    if not rows or absent:
        return _unmeasured(metrics[0], absent)
    unread = next((one for one in rows if one.metric == "hours_since_read" and one.value is None), None)
    if unread is not None:
        return Judgement("missing", f"{sentences.name(unread)} cannot be told: {unread.note}.", unread)
    undated = next((one for one in rows if one.metric == "days_past_due" and one.value is None), None)
    if undated is not None:
        return Judgement("missing", f"The document {undated.attribute[0]} is not there: {undated.note}.", undated)
    nights = getattr(control, "one_false_alarm_in", 0)
    judged = [
        _unusual(one, nights) if one.metric.endswith("_to_usual") else _held(one, limit, form)
        for one in rows
        if one.tested and limit is not None
    ]
    return _worst(judged, rows, None, limit) if judged else _report_only(rows)


def _bare_limit(
    control: LogQuality | OperatingRange | Freshness,
) -> tuple[tuple[str, ...], Iterable[str], float | None, str]:
    """The metrics that are judged, the attributes that are due, the upper limit, and how numbers are written."""
    if control.kind == "log_quality":
        return (control.metric,), control.of, control.at_most, ".2%"
    if control.kind == "operating_range":
        metrics = (
            "rows_outside_range",
            "days_outside_range",
            "hours_outside_range",
            "volume_to_usual",
            "share_to_usual",
            "new_values",
        )
        return metrics, {*control.ranges, *control.usual, *control.new}, 0.0, ",.0f"
    if control.document is not None:
        return ("days_past_due",), (control.document,), 0.0, ",.0f"
    return (
        ("hours_since_read" if control.of else "hours_since_newest",),
        (),
        float(control.within.count * _HOURS[control.within.unit]),
        ",.1f",
    )


def _held(row: Measurement, limit: float, form: str) -> Judgement:
    name = sentences.name(row)
    if row.value is None:
        return _insufficient(row, f"{name} cannot be judged: {row.note or 'undefined'}")
    if row.metric == "days_past_due":
        late = f"; that is {row.value:,.0f} day{'s' * (row.value != 1)} past"
        told = f"The document {row.attribute[0]} is {row.note}"
        return Judgement("fail", f"{told}{late}.", row) if row.value > 0 else Judgement("pass", f"{told}.", row)
    told = f"{name} is {_number(row.value, form)}{f' ({row.note})' if row.note else ''}"
    if row.value > limit:
        return Judgement("fail", f"{told}, above {_number(limit, form)}.", row)
    return Judgement("pass", f"{told}, at most {_number(limit, form)}.", row)


def _number(value: float, form: str) -> str:
    return f"{value:{form}}".replace("%", " %")
