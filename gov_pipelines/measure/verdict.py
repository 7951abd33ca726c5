"""The verdict rule: what a control's limit says of its measurements. Pure; Great Expectations calls it, it calls nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import sentences
from gov_pipelines.measure.measurement import WORST_FIRST, Judgement, Measurement

if TYPE_CHECKING:
    from gov_pipelines.policy.kinds import Control, DataAccess, Drift, Fairness, Freshness, LogQuality, OperatingRange

_HOURS = {"hours": 1, "days": 24}


def judge(
    control: Control, measurements: Sequence[Measurement], *, partitions_present: int, partitions_expected: int
) -> Judgement:
    """Hold measurements against a control's limit.

    Fairness and drift with a limit, over groups and attributes, the worst first: fail, insufficient, warn, pass.

    - `against: equality`: *fail* where the point is beyond the limit and the adjusted test rejects equality,
      *insufficient* where it is beyond and the test does not, or where fewer than two groups are large enough; *warn* where
      it is inside and the interval crosses the limit; *pass* where the whole interval is inside.
    - `against: threshold`, and any `selection_rate`, which knows no equality: *fail* where the whole interval is beyond;
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
        case "fairness":
            return _fairness(control, measurements)
        case "drift":
            return _drift(control, measurements)
        case "data_access":
            return _access(control, measurements)
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
    also = "".join(
        f"; {count:,} {name}" for name, count in (("undecidable", undecidable), ("pending", pending)) if count
    )
    if outside:
        verdict = Judgement("fail", f"{outside:,} of {judged:,} decisions are outside{also}.", rows[0], outside)
    elif undecidable:
        words = f"{undecidable:,} of {judged:,} decisions cannot be judged: a value the rule needs is missing"
        verdict = _insufficient(rows[1], f"{words}{f'; {pending:,} pending' if pending else ''}")
    elif within:
        verdict = Judgement("pass", f"All {within:,} decisions whose clock has run are within{also}.", rows[3])
    else:
        verdict = _insufficient(rows[2], f"{pending:,} clock{' still runs' if pending == 1 else 's still run'}")
    return verdict


def _fairness(control: Fairness, measurements: Sequence[Measurement]) -> Judgement:
    rows = [one for one in measurements if one.metric == control.metric]
    due = [(by,) if isinstance(by, str) else tuple(by) for by in control.by]
    absent = _absent(rows, due)
    if not rows or absent:
        return _unmeasured(control.metric, absent)
    if control.at_least is None and control.at_most is None:
        return _report_only(rows)
    # The group compared with is its own reference: always equal, so never a reason to pass.
    judged = [one for one in rows if one.tested and (one.group is None or one.group != one.reference_group)]
    found = [_limit(control, one, rows) for one in judged]
    for attribute in dict.fromkeys(one.attribute for one in rows):
        if not any(one.attribute == attribute for one in judged):
            row = next(one for one in rows if one.attribute == attribute)
            why = row.note or "no group is large enough"
            found.append(_insufficient(row, f"{sentences.name(row)} cannot be compared: {why}"))
    return _worst(found, rows)


def _drift(control: Drift, measurements: Sequence[Measurement]) -> Judgement:
    rows = [one for one in measurements if one.metric == control.metric]
    absent = sorted(set(control.of) - {name for one in rows for name in one.attribute})
    if absent:
        return Judgement("missing", f"No {sentences.metric(control.metric)} of {', '.join(absent)} was measured.")
    if control.at_most is None:
        return _report_only(rows)
    return _worst([_limit(control, one, rows) for one in rows], rows)


def _absent(rows: Sequence[Measurement], due: Iterable[tuple[str, ...]]) -> list[str]:
    """What was to be measured and was not."""
    measured = {one.attribute for one in rows}
    return sorted(" and ".join(attribute) for attribute in due if attribute not in measured)


def _unmeasured(metric: str, absent: Sequence[str]) -> Judgement:
    of = f" of {', '.join(absent)}" if absent else ""
    return Judgement("missing", f"The {sentences.metric(metric)}{of} was due and not measured.")


def _report_only(rows: Sequence[Measurement]) -> Judgement:
    return Judgement("report_only", "Measured and reported; the clause sets no limit.", rows[0])


def _worst(found: Sequence[Judgement], rows: Sequence[Measurement]) -> Judgement:
    """The worst verdict; of equals one of a named group, then the one whose test or point says most."""
    chosen = min(found, key=_severity)
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


def _severity(judgement: Judgement) -> tuple[int, bool, float, float]:
    row = judgement.decisive
    if row is None or row.value is None:
        return WORST_FIRST.index(judgement.verdict), True, 1.0, 0.0
    p = row.p_adjusted if row.p_adjusted is not None else 1.0
    falls = row.metric not in {"demographic_parity_difference", "psi"}
    return WORST_FIRST.index(judgement.verdict), row.group is None, p, row.value if falls else -row.value


def _limit(control: Fairness | Drift, row: Measurement, rows: Sequence[Measurement]) -> Judgement:
    at_least = getattr(control, "at_least", None)  # a drift control has an upper limit only
    at_most = control.at_most
    if row.value is None:
        return _insufficient(row, f"{sentences.name(row)} cannot be judged: {row.note or 'undefined'}")
    too_low = at_least is not None and row.value < at_least
    too_high = at_most is not None and row.value > at_most
    limits = [f"below {at_least:g}"] if too_low else [f"above {at_most:g}"] if too_high else []
    told = f"{sentences.said(row, rows)}, {''.join(limits) or sentences.inside(at_least, at_most)}"
    low = -math.inf if row.lower is None else row.lower
    high = math.inf if row.upper is None else row.upper
    beyond = too_low or too_high
    inside = (at_least is None or low >= at_least) and (at_most is None or high <= at_most)
    if control.test == "none":
        return Judgement("fail" if beyond else "pass", f"{told}; the bare point, not tested.", row)
    if control.test.against == "threshold" or row.metric == "selection_rate":
        apart = (at_least is not None and high < at_least) or (at_most is not None and low > at_most)
        more = sentences.narrower(row, at_least, at_most)
        return _against_threshold(row, told, more, beyond=beyond, inside=inside, apart=apart)
    return _against_equality(row, told, 1 - control.test.confidence, beyond=beyond, inside=inside)


def _against_equality(row: Measurement, told: str, level: float, *, beyond: bool, inside: bool) -> Judgement:
    if beyond and row.p_adjusted is not None and row.p_adjusted <= level:
        words = f"{told}, and equality is rejected (adjusted p = {row.p_adjusted:.1g})."
        return Judgement("fail", words, row)
    if beyond:
        p = "not tested" if row.p_adjusted is None else f"adjusted p = {row.p_adjusted:.2g}"
        return _insufficient(row, f"{told}, but equality is not rejected ({p}){sentences.needed(row)}")
    if inside:
        return Judgement("pass", f"{told}, and so is the whole interval.", row)
    return Judgement("warn", f"{told}, but the interval crosses the limit.", row)


def _against_threshold(row: Measurement, told: str, more: str, *, beyond: bool, inside: bool, apart: bool) -> Judgement:
    if apart or inside:
        return Judgement("fail" if apart else "pass", f"{told}, and so is the whole interval.", row)
    if beyond:
        return Judgement("warn", f"{told}, but the interval crosses the limit.", row)
    return _insufficient(row, f"{told}, but the interval crosses the limit{more}")


def _insufficient(row: Measurement, words: str) -> Judgement:
    return Judgement("insufficient", f"{words}.", row)


def _access(_control: DataAccess, measurements: Sequence[Measurement]) -> Judgement:
    found = {one.metric: one for one in measurements}
    outside, reads = found.get("reads_outside"), found.get("reads")
    if outside is None:
        return Judgement("missing", "Reads outside the declared ones were not measured.")
    if outside.value is None:
        return Judgement("insufficient", f"Reads cannot be judged: {outside.note or 'undefined'}.", outside)
    if outside.value > 0:
        of = f" of {reads.value:,.0f}" if reads is not None and reads.value is not None else ""
        return Judgement("fail", f"{outside.value:,.0f}{of} reads are outside what the intake declares.", outside)
    if reads is not None and not reads.value:
        return Judgement("insufficient", "The access log holds no read by this system: nothing can be told.", reads)
    return Judgement("pass", f"None of {outside.n:,} reads is outside what the intake declares.", outside)


def _bare(control: LogQuality | OperatingRange | Freshness, measurements: Sequence[Measurement]) -> Judgement:
    metric, limit, worded = _bare_limit(control)
    rows = [one for one in measurements if one.metric in metric]
    due = control.ranges if control.kind == "operating_range" else control.of if control.kind == "log_quality" else ()
    absent = _absent(rows, [(name,) for name in due])
    if not rows or absent:
        return _unmeasured(max(metric), absent)
    if limit is None:
        return _report_only(rows)
    return _worst([_held(one, limit, worded) for one in rows], rows)


def _bare_limit(
    control: LogQuality | OperatingRange | Freshness,
) -> tuple[frozenset[str], float | None, Callable[[float], str]]:
    if control.kind == "log_quality":
        return frozenset({control.metric}), control.at_most, lambda share: f"{share:.2%}"
    if control.kind == "operating_range":
        return frozenset({"rows_outside_range", "days_outside_range"}), 0.0, lambda count: f"{count:,.0f}"
    if control.within.unit not in _HOURS:
        raise WrongUse(f"freshness is counted in hours or days; `within: {control.within}` is neither")
    hours = float(control.within.count * _HOURS[control.within.unit])
    return frozenset({"hours_since_newest"}), hours, lambda count: f"{count:,.1f}"


def _held(row: Measurement, limit: float, worded: Callable[[float], str]) -> Judgement:
    name = sentences.name(row)
    if row.value is None:
        return _insufficient(row, f"{name} cannot be judged: {row.note or 'undefined'}")
    told = f"{name} is {worded(row.value)}{f' ({row.note})' if row.note else ''}"
    if row.value > limit:
        return Judgement("fail", f"{told}, above {worded(limit)}.", row)
    return Judgement("pass", f"{told}, at most {worded(limit)}.", row)
