"""Outcomes of groups compared: selection rates, impact ratios, demographic parity; with intervals, tests and power.

The metrics that need more than the counts of two groups are in `referenced`; the battery of `adverse_impact` is here.

Tests are adjusted and, where the data choose the reference, intervals are simultaneous over the control's family of
comparisons (see `family`). Against a declared reference intervals are plain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gov_pipelines.measure import sentences
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness import adverse_impact
from gov_pipelines.measure.fairness.family import (
    Entry,
    Family,
    Pair,
    columns_of,
    entry_of,
    family_of,
    form_of,
    joined,
    listed,
    pairs_of,
    too_few,
)
from gov_pipelines.measure.fairness.referenced import (
    availability_measurements,
    common_odds_measurements,
    mean_measurements,
)
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.groups import Group, worst_of
from gov_pipelines.measure.rates.scoring import SCORING
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.alarms import Year
from gov_pipelines.measure.statistics.intervals import Interval, wilson
from gov_pipelines.measure.statistics.pairwise import INTERVAL, extreme, interval, outermost
from gov_pipelines.measure.statistics.resampling import DRAWS, gap_test, seeded
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.kinds import DIFFERENCES, GOOD, RATES, Fairness

_WITHOUT_AGGREGATE = frozenset({"adverse_impact_ratio"})  # compared with one named group, each for itself


def fairness_measurements(
    tally: Tally, control: Fairness, declaration: SystemDeclaration, year: Year | None = None, policy: str = ""
) -> list[Measurement]:
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
        year: the nights that a control with `error_over: year` holds its error over; else None.
        policy: its digest. Random draws are seeded from it and the names of system, window, metric and attributes.

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
    entries = [entry_of(tally, by, control, left_out, rate) for by in named for rate in control.rates]
    if control.metric in RATES:
        rows = _rates(entries, control)
    elif control.metric == "common_odds_ratio":
        rows = common_odds_measurements(tally, entries, control)
    elif control.metric == "standardized_mean_difference":
        rows = mean_measurements(tally, entries, control)
    else:
        days = tally.days["partition"]
        seed = (declaration.system, f"{days.min()!s} to {days.max()!s}", control.metric, repr(named), policy)
        family = family_of(entries, tally, control, seed, year)
        rows, aggregates = [], dict[tuple[str, ...], list[Measurement]]()
        for entry in entries:
            beside = _beside(entry, family, control)
            rows += (compared := [_row(group, entry, family, control, beside.get(group)) for group in entry.groups])
            aggregates.setdefault(entry.attributes, []).append(_aggregate(entry, compared, family, control))
            if entry.rate == control.rates[-1] and control.metric not in _WITHOUT_AGGREGATE and not control.each_alone:
                rows.append(_worst(aggregates[entry.attributes], control))
        if control.metric == "adverse_impact":
            rows += [each for entry in entries for group in entry.tested for each in _battery(group, entry)]
            rows += [_permuted(entry, seed) for entry in entries]
    return _among(rows, control)


def _among(rows: Sequence[Measurement], control: Fairness) -> list[Measurement]:
    of_rows = control.metric in SCORING  # the median of everyone's scores is in no tally
    return [
        replace(row, stratum=dict(control.among) or None, recomputable=row.recomputable and not of_rows) for row in rows
    ]


def _permuted(entry: Entry, seed: Sequence[str]) -> Measurement:
    """Whether the largest gap among the groups is one that chance deals: one test of all of them, for context."""
    x, n = [group.favorable for group in entry.tested], [group.decided for group in entry.tested]
    p = gap_test(x, n, seeded(*seed, *entry.attributes)) if len(n) > 1 else None
    return Measurement(
        metric="permutation_p",
        attribute=entry.attributes,
        value=p,
        n=sum(n),
        p_value=p,
        method="permutation test of highest less lowest rate, hypergeometric deals",
        note=None if p is not None else "undefined",
        recomputable=False,
    )


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
        ("four_fifths_flag", float(adverse_impact.four_fifths(*counts)), None, "1 where below four fifths, whole numbers"),
        ("fisher_p", fisher, fisher, "Fisher exact two-sided, unadjusted"),
        ("fisher_mid_p", mid, mid, "Lancaster's mid-p of Fisher's test, unadjusted"),
        ("z_pooled", z, None if z is None else adverse_impact.normal_p(z), "difference in pooled standard deviations"),
        ("flip_flop", float(flips), None, "1 where one favorable decision moved would turn the difference round"),
        ("shortfall", adverse_impact.shortfall(*counts), None, "favorable decisions expected under one rate, less actual"),
        (
            "selections_to_four_fifths", float(adverse_impact.selections_to_four_fifths(*counts)), None,
            "further favorable decisions for four fifths, rounded up",
        ),
        ("relative_rate_adverse", adverse_impact.relative_rate_adverse(*counts), None, "rate of refusal over the other's"),
    ]  # fmt: skip
    told = f"{group.favorable:,} of {group.decided:,} against {base.favorable:,} of {base.decided:,}"
    return [
        Measurement(
            metric, entry.attributes, group.values, base.values, value=value, n=group.decided, p_value=p, method=method,
            note=joined(told, None if value is not None else "undefined"),
        )
        for metric, value, p, method in found
    ]  # fmt: skip


Beside = tuple[float, float, float, float]
"""Of a group beside the reference: both limits, the rate that would be found, times as many decisions needed."""


def _beside(entry: Entry, family: Family, control: Fairness) -> dict[Group, Beside]:
    base = entry.reference
    groups = [group for group in entry.groups if base and group.decided and group != base]
    if base is None or not groups:
        return {}
    pairs = [(group, base) for group in groups]
    low, high = _interval(pairs, control, family.confidence)
    n, rates, base_rate = columns_of(pairs)[1], [float(group.rate) for group in groups], float(base.rate)
    reachable = comparisons.detectable_rate(base_rate, n, base.decided, family.level)
    times = comparisons.needed_factor(rates, n, base_rate, base.decided, family.level)
    numbers = zip(low.tolist(), high.tolist(), reachable.tolist(), times.tolist(), strict=True)
    return dict(zip(groups, numbers, strict=True))


def _row(group: Group, entry: Entry, family: Family, control: Fairness, beside: Beside | None) -> Measurement:
    base = entry.reference
    row = listed(group, entry, control, _method(family, control, simultaneous=family.chosen))
    if base is None or not group.decided:
        return replace(row, note=joined(row.note, entry.why_none if base is None else None))
    value = _value(group, base, control)
    if value is None:
        nothing = (
            "no favorable decision in"
            if entry.rate == "selection_rate"
            else f"a {sentences.metric(entry.rate)} of 0 in"
        )
        return replace(row, note=joined(row.note, f"undefined: {nothing} {base.name}"))
    if beside is None:
        best = "the group with the highest rate" if GOOD[entry.rate] == "small" else "the best group"
        words = "the group compared with" if control.reference else f"{best}, which the others are compared with"
        return replace(row, value=value, note=joined(row.note, words))
    low, high, reachable, times = beside
    p, adjusted = family.p.get(frozenset((group, base)), (None, None)) if row.tested else (None, None)
    base_rate, differs = float(base.rate), control.metric in DIFFERENCES
    row = replace(
        row,
        value=value,
        lower=finite(low),
        upper=finite(high),
        confidence=family.plain,
        p_value=p,
        p_adjusted=adjusted,
        minimum_detectable=finite(base_rate - reachable if differs else reachable / base_rate),
        n_needed=math.ceil(times * group.decided) if math.isfinite(times) else None,
        recomputable=not family.drawn,
    )
    return family.watched(row, group, base)


def _aggregate(entry: Entry, rows: Sequence[Measurement], family: Family, control: Fairness) -> Measurement:
    others = [group for group in entry.tested if group != entry.reference]
    which = "largest difference" if control.metric in DIFFERENCES else "smallest ratio"
    row = Measurement(
        metric=control.metric,
        attribute=entry.attributes,
        reference_group=entry.reference.values if entry.reference else None,
        n=sum(group.decided for group in entry.tested),
        method=f"{which} among the tested groups; {_method(family, control, simultaneous=True)}",
    )
    left_out = entry.without(entry.groups)
    if not others or entry.reference is None:
        return replace(row, note=joined(entry.why_none or too_few(entry.groups, control), left_out))
    worst = worst_of(others)
    own = next(found for found in rows if found.group == worst.values)
    if own.value is None:
        return replace(row, note=own.note)
    if not family.chosen:
        pick = max if control.metric in DIFFERENCES else min
        low, high = map(pick, _interval(pairs_of(entry, control), control, family.simultaneous))
    elif family.every:
        low, high = extreme(form_of(control), *_interval(pairs_of(entry, control), control, family.simultaneous))
    else:
        x, n = [group.favorable for group in entry.tested], [group.decided for group in entry.tested]
        low, high = outermost(form_of(control), x, n, family.plain)
    of = f"{sentences.metric(entry.rate)} of " if len(control.rates) > 1 else ""
    note = joined(f"{of}{worst.name} against {entry.reference.name}", left_out)
    needed = own.n_needed and math.ceil(own.n_needed * row.n / own.n)
    own = replace(own, metric=row.metric, group=None, n=row.n, n_needed=needed)
    row = replace(own, method=row.method, note=note, lower=finite(low), upper=finite(high))
    return family.watched(row, worst, entry.reference)


def _worst(rows: Sequence[Measurement], control: Fairness) -> Measurement:
    """Of the rates of one metric the worst one; limits that hold together hold for the extreme of them."""
    undefined = [row for row in rows if row.value is None]
    if undefined or len(rows) == 1:
        return [*undefined, *rows][0]
    pick = max if control.metric in DIFFERENCES else min
    low, high = (
        pick(math.inf if end is None else end for end in ends)
        for ends in zip(*((row.lower, row.upper) for row in rows), strict=True)
    )
    return replace(pick(rows, key=lambda row: row.value or 0.0), lower=finite(low), upper=finite(high))


def _value(group: Group, base: Group, control: Fairness) -> float | None:
    """Integers until the one division at the end: four fifths is exactly 0.8."""
    if control.metric in DIFFERENCES:
        return float(base.rate - group.rate)
    return float(group.rate / base.rate) if base.favorable else None


def _interval(pairs: Sequence[Pair], control: Fairness, confidence: float) -> Interval:
    x, n, y, m = columns_of(pairs)
    return interval(form_of(control), x, n, y, m, confidence)


def _method(family: Family, control: Fairness, *, simultaneous: bool) -> str:
    name = INTERVAL[form_of(control)]
    test = family.year or "Fisher exact two-sided"
    if family.size == 1:
        return f"{name} interval; {test}; one comparison"
    over = f"{family.size:,} {'pairs of groups' if family.chosen else 'comparisons with the reference'}"
    bound = f"max-T of {DRAWS:,} bootstrap draws" if family.drawn else "Bonferroni"
    kind = f"simultaneous ({bound} over {over})" if simultaneous else "plain"
    if not family.every:
        return f"{name} interval, {kind}; {test}, Bonferroni over {over}, of which those with the best are tested"
    return f"{name} interval, {kind}; {test}, {comparisons.NAMES.get(family.adjust, family.adjust)} over {over}"


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
