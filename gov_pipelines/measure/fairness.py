"""Outcomes of groups compared: selection rates, impact ratios, demographic parity; with intervals, tests and power.

The metrics that need more than the counts of two groups are in `referenced`; the battery of `adverse_impact` is here.

Tests are adjusted and, where the data choose the reference, intervals are simultaneous over the control's family of
comparisons (see `family`). Against a declared reference intervals are plain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gov_pipelines.measure import adverse_impact, comparisons
from gov_pipelines.measure.family import (
    Entry,
    Family,
    Pair,
    columns_of,
    entry_of,
    family_of,
    joined,
    listed,
    pairs_of,
    too_few,
)
from gov_pipelines.measure.groups import Group, worst_of
from gov_pipelines.measure.intervals import Interval, newcombe, ratio_score, wilson
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.referenced import availability_measurements, common_odds_measurements, mean_measurements
from gov_pipelines.measure.scoring import SCORING
from gov_pipelines.measure.tallies import Tally
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.kinds import DIFFERENCES, RATES, Fairness

_WITHOUT_AGGREGATE = frozenset({"adverse_impact_ratio"})  # compared with one named group, each for itself


def fairness_measurements(tally: Tally, control: Fairness, declaration: SystemDeclaration) -> list[Measurement]:
    """Measure what a fairness control limits.

    One row a group (unknown and small groups too, with `tested` False) and, but for `selection_rate` and
    `adverse_impact_ratio`, one row an entry of `by` with group None: the smallest ratio or the largest difference among
    the tested groups. The row of the group compared with carries its own n. Formulas, with r a group's selection rate:
    `impact_ratio` and `demographic_parity_ratio` r / r best; `adverse_impact_ratio` r / r reference;
    `demographic_parity_difference` r best - r. `reference`, where declared, takes the place of the best group.
    `adverse_impact` is the impact ratio with, beside it, the whole battery of `adverse_impact`'s functions, each under
    its own name. Of the scoring metrics the tally is one of `scored_tally`.

    Args:
        tally: the window's counts.
        control: metric, groups, limit, test.
        declaration: names the outcomes that are left out.

    Returns:
        Measurements without system and window, ordered by entry and group.

    Raises:
        WrongUse: `by` or `among` name columns that the tally does not count, or the tally's small cells are merged.
    """
    if control.metric == "availability_z":
        return _among(availability_measurements(tally, control), control)
    named = [(by,) if isinstance(by, str) else tuple(by) for by in control.by or declaration.protected_attributes]
    undecided = ", ".join(declaration.outcomes.undecided)
    left_out = f"undecided ({undecided}) left out" if undecided else "undecided left out"
    if control.metric in SCORING:
        left_out = "without a score left out"
    entries = [entry_of(tally, by, control, left_out) for by in named]
    if control.metric in RATES:
        rows = _rates(entries, control)
    elif control.metric == "common_odds_ratio":
        rows = common_odds_measurements(tally, entries, control)
    elif control.metric == "standardized_mean_difference":
        rows = mean_measurements(tally, entries, control)
    else:
        family = family_of(entries, control)
        rows = []
        for entry in entries:
            rows += (compared := [_row(group, entry, family, control) for group in entry.groups])
            if control.metric not in _WITHOUT_AGGREGATE:
                rows.append(_aggregate(entry, compared, family, control))
        if control.metric == "adverse_impact":
            rows += [each for entry in entries for group in entry.tested for each in _battery(group, entry)]
    return _among(rows, control)


def _among(rows: Sequence[Measurement], control: Fairness) -> list[Measurement]:
    return [replace(row, stratum=dict(control.among) or None) for row in rows]


def _battery(group: Group, entry: Entry) -> list[Measurement]:
    """What the Uniform Guidelines and the cases look at beside the ratio: context, each under its own name."""
    base = entry.reference
    if base is None or group == base:
        return []
    counts = (group.favorable, group.decided, base.favorable, base.decided)
    fisher, mid = adverse_impact.fisher_p(*counts)
    z = adverse_impact.z_pooled(*counts)
    flips = adverse_impact.flip_flop(*counts)
    found: list[tuple[str, float | None, float | None, str]] = [
        (
            "four_fifths_flag",
            float(adverse_impact.four_fifths(*counts)),
            None,
            "1 where below four fifths, whole numbers",
        ),
        ("fisher_p", fisher, fisher, "Fisher exact two-sided, unadjusted"),
        ("fisher_mid_p", mid, mid, "Lancaster's mid-p of Fisher's test, unadjusted"),
        ("z_pooled", z, None if z is None else adverse_impact.normal_p(z), "difference in pooled standard deviations"),
        ("flip_flop", float(flips), None, "1 where one favorable decision moved would turn the difference round"),
        (
            "shortfall",
            adverse_impact.shortfall(*counts),
            None,
            "favorable decisions expected under one rate, less actual",
        ),
        (
            "selections_to_four_fifths",
            float(adverse_impact.selections_to_four_fifths(*counts)),
            None,
            "further favorable decisions for four fifths, rounded up",
        ),
        (
            "relative_rate_adverse",
            adverse_impact.relative_rate_adverse(*counts),
            None,
            "rate of refusal over the other's",
        ),
    ]
    told = f"{group.favorable:,} of {group.decided:,} against {base.favorable:,} of {base.decided:,}"
    return [
        Measurement(
            metric=metric,
            attribute=entry.attributes,
            group=group.values,
            reference_group=base.values,
            value=value,
            n=group.decided,
            p_value=p,
            method=method,
            note=joined(told, None if value is not None else "undefined"),
        )
        for metric, value, p, method in found
    ]


def _row(group: Group, entry: Entry, family: Family, control: Fairness) -> Measurement:
    base = entry.reference
    row = listed(group, entry, control, _method(family, control, simultaneous=family.chosen))
    if base is None or not group.decided:
        return replace(row, note=joined(row.note, entry.why_none if base is None else None))
    value = _value(group, base, control)
    if value is None:
        return replace(row, note=joined(row.note, f"undefined: no favorable decision in {base.name}"))
    if group == base:
        words = "the group compared with" if control.reference else "the best group, which the others are compared with"
        return replace(row, value=value, note=joined(row.note, words))
    low, high = _interval([(group, base)], control, family.confidence)
    p, adjusted = family.p.get(frozenset((group, base)), (None, None)) if row.tested else (None, None)
    base_rate, differs = float(base.rate), control.metric in DIFFERENCES
    reachable = comparisons.detectable_rate(base_rate, group.decided, base.decided, family.level)
    return replace(
        row,
        value=value,
        lower=_finite(low[0]),
        upper=_finite(high[0]),
        confidence=family.plain,
        p_value=p,
        p_adjusted=adjusted,
        minimum_detectable=None if reachable is None else base_rate - reachable if differs else reachable / base_rate,
    )


def _aggregate(entry: Entry, rows: Sequence[Measurement], family: Family, control: Fairness) -> Measurement:
    others = [group for group in entry.tested if group != entry.reference]
    extreme = "largest difference" if control.metric in DIFFERENCES else "smallest ratio"
    row = Measurement(
        metric=control.metric,
        attribute=entry.attributes,
        reference_group=entry.reference.values if entry.reference else None,
        n=sum(group.decided for group in entry.tested),
        method=f"{extreme} among the tested groups; {_method(family, control, simultaneous=True)}",
    )
    left_out = entry.without(sum(group.undecided for group in entry.groups))
    if not others or entry.reference is None:
        return replace(row, note=joined(entry.why_none or too_few(entry.groups, control), left_out))
    worst = worst_of(others)
    own = next(found for found in rows if found.group == worst.values)
    if own.value is None:
        return replace(row, note=own.note)
    pairs = pairs_of(entry, control)
    both = pairs + [(other, one) for one, other in pairs] if family.chosen else pairs
    ends = _interval(both, control, family.simultaneous)
    pick, equality = (max, 0.0) if control.metric in DIFFERENCES else (min, 1.0)
    # Where the data choose, the best group is at least as good as any other, so the metric ends at equality.
    low, high = (_finite(pick([*limits, equality] if family.chosen else limits)) for limits in ends)
    note = joined(f"{worst.name} against {entry.reference.name}", left_out)
    return replace(own, group=None, n=row.n, method=row.method, note=note, lower=low, upper=high)


def _value(group: Group, base: Group, control: Fairness) -> float | None:
    """Integers until the one division at the end: four fifths is exactly 0.8."""
    if control.metric in DIFFERENCES:
        return float(base.rate - group.rate)
    return float(group.rate / base.rate) if base.favorable else None


def _interval(pairs: Sequence[Pair], control: Fairness, confidence: float) -> Interval:
    x1, n1, x2, n2 = columns_of(pairs)
    if control.metric in DIFFERENCES:
        return newcombe(x2, n2, x1, n1, confidence)
    return ratio_score(x1, n1, x2, n2, confidence)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _method(family: Family, control: Fairness, *, simultaneous: bool) -> str:
    interval = "Newcombe" if control.metric in DIFFERENCES else "Miettinen-Nurminen score"
    test = "Fisher exact two-sided"
    if family.size == 1:
        return f"{interval} interval; {test}; one comparison"
    over = f"{family.size} {'pairs of groups' if family.chosen else 'comparisons with the reference'}"
    kind = f"simultaneous (Bonferroni over {over})" if simultaneous else "plain"
    return f"{interval} interval, {kind}; {test}, {family.adjust.capitalize()} over {over}"


def _rates(entries: Sequence[Entry], control: Fairness) -> list[Measurement]:
    """Selection rates. Several groups against one limit are several comparisons: their intervals hold together."""
    confidence, _ = comparisons.demanded(control.test)
    limited = control.at_least is not None or control.at_most is not None
    size = max(sum(len(entry.tested) for entry in entries), 1) if limited else 1
    method = f"Wilson interval, simultaneous (Bonferroni over {size} groups)" if size > 1 else "Wilson interval"
    rows = []
    for entry in entries:
        for group in entry.groups:
            row = listed(group, entry, control, method)
            low, high = wilson(group.favorable, group.decided, 1 - (1 - confidence) / size)
            if group.decided:
                value, lower, upper = float(group.rate), float(low), float(high)
                row = replace(row, value=value, lower=lower, upper=upper, confidence=confidence)
            rows.append(row)
    return rows
