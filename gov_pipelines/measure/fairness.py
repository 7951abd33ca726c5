"""Outcomes of groups compared: selection rates, impact ratios, demographic parity; with intervals, tests and power.

Tests are adjusted and, where the data choose the reference, intervals are simultaneous over the control's family of
comparisons (see `family`). Against a declared reference intervals are plain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gov_pipelines.measure import comparisons
from gov_pipelines.measure.family import Entry, Family, Pair, columns_of, entry_of, family_of, pairs_of, too_few
from gov_pipelines.measure.groups import Group, worst_of
from gov_pipelines.measure.intervals import Interval, newcombe, ratio_score, wilson
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.tallies import Tally
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.kinds import Fairness

_DIFFERENCES = frozenset({"demographic_parity_difference"})
_WITHOUT_AGGREGATE = frozenset({"adverse_impact_ratio"})  # compared with one named group, each for itself


def fairness_measurements(tally: Tally, control: Fairness, declaration: SystemDeclaration) -> list[Measurement]:
    """Measure what a fairness control limits.

    One row a group (unknown and small groups too, with `tested` False) and, but for `selection_rate` and
    `adverse_impact_ratio`, one row an entry of `by` with group None: the smallest ratio or the largest difference among
    the tested groups. The row of the group compared with carries its own n. Formulas, with r a group's selection rate:
    `impact_ratio` and `demographic_parity_ratio` r / r best; `adverse_impact_ratio` r / r reference;
    `demographic_parity_difference` r best - r. `reference`, where declared, takes the place of the best group.

    Args:
        tally: the window's counts.
        control: metric, groups, limit, test.
        declaration: names the outcomes that are left out.

    Returns:
        Measurements without system and window, ordered by entry and group.

    Raises:
        WrongUse: `by` or `among` name columns that the tally does not count, or the tally's small cells are merged.
    """
    named = [(by,) if isinstance(by, str) else tuple(by) for by in control.by or declaration.protected_attributes]
    undecided = ", ".join(declaration.outcomes.undecided)
    left_out = f"undecided ({undecided}) left out" if undecided else "undecided left out"
    entries = [entry_of(tally, by, control, left_out) for by in named]
    if control.metric == "selection_rate":
        rows = _rates(entries, control)
    else:
        family = family_of(entries, control)
        rows = []
        for entry in entries:
            rows += (compared := [_row(group, entry, family, control) for group in entry.groups])
            if control.metric not in _WITHOUT_AGGREGATE:
                rows.append(_aggregate(entry, compared, family, control))
    return [replace(row, stratum=dict(control.among) or None) for row in rows]


def _row(group: Group, entry: Entry, family: Family, control: Fairness) -> Measurement:
    base = entry.reference
    row = _listed(group, entry, control, _method(family, control, simultaneous=family.chosen))
    if base is None or not group.decided:
        return replace(row, note=_join(row.note, entry.why_none if base is None else None))
    value = _value(group, base, control)
    if value is None:
        return replace(row, note=_join(row.note, f"undefined: no favorable decision in {base.name}"))
    if group == base:
        words = "the group compared with" if control.reference else "the best group, which the others are compared with"
        return replace(row, value=value, note=_join(row.note, words))
    low, high = _interval([(group, base)], control, family.confidence)
    p, adjusted = family.p.get(frozenset((group, base)), (None, None)) if row.tested else (None, None)
    base_rate, differs = float(base.rate), control.metric in _DIFFERENCES
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
    extreme = "largest difference" if control.metric in _DIFFERENCES else "smallest ratio"
    row = Measurement(
        metric=control.metric,
        attribute=entry.attributes,
        reference_group=entry.reference.values if entry.reference else None,
        n=sum(group.decided for group in entry.tested),
        method=f"{extreme} among the tested groups; {_method(family, control, simultaneous=True)}",
    )
    left_out = entry.without(sum(group.undecided for group in entry.groups))
    if not others or entry.reference is None:
        return replace(row, note=_join(entry.why_none or too_few(entry.groups, control), left_out))
    worst = worst_of(others)
    own = next(found for found in rows if found.group == worst.values)
    if own.value is None:
        return replace(row, note=own.note)
    pairs = pairs_of(entry, control)
    both = pairs + [(other, one) for one, other in pairs] if family.chosen else pairs
    ends = _interval(both, control, family.simultaneous)
    pick, equality = (max, 0.0) if control.metric in _DIFFERENCES else (min, 1.0)
    # Where the data choose, the best group is at least as good as any other, so the metric ends at equality.
    low, high = (_finite(pick([*limits, equality] if family.chosen else limits)) for limits in ends)
    note = _join(f"{worst.name} against {entry.reference.name}", left_out)
    return replace(own, group=None, n=row.n, method=row.method, note=note, lower=low, upper=high)


def _value(group: Group, base: Group, control: Fairness) -> float | None:
    """Integers until the one division at the end: four fifths is exactly 0.8."""
    if control.metric in _DIFFERENCES:
        return float(base.rate - group.rate)
    return float(group.rate / base.rate) if base.favorable else None


def _interval(pairs: Sequence[Pair], control: Fairness, confidence: float) -> Interval:
    x1, n1, x2, n2 = columns_of(pairs)
    if control.metric in _DIFFERENCES:
        return newcombe(x2, n2, x1, n1, confidence)
    return ratio_score(x1, n1, x2, n2, confidence)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _method(family: Family, control: Fairness, *, simultaneous: bool) -> str:
    interval = "Newcombe" if control.metric in _DIFFERENCES else "Miettinen-Nurminen score"
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
            row = _listed(group, entry, control, method)
            low, high = wilson(group.favorable, group.decided, 1 - (1 - confidence) / size)
            if group.decided:
                value, lower, upper = float(group.rate), float(low), float(high)
                row = replace(row, value=value, lower=lower, upper=upper, confidence=confidence)
            rows.append(row)
    return rows


def _listed(group: Group, entry: Entry, control: Fairness, method: str) -> Measurement:
    """A group's row without a value: its size, whether it is tested, and what is to be said of it."""
    words = None if group in entry.tested else entry.why_none
    if not group.known:
        unknown = [name for name, value in group.values.items() if value is None]
        words = f"{' and '.join(unknown)} unknown: shown, not tested"
    elif group.decided < control.min_group_size:
        words = f"{group.decided:,} of {control.min_group_size} decisions: listed, not tested"
    return Measurement(
        metric=control.metric,
        attribute=entry.attributes,
        group=group.values,
        reference_group=entry.reference.values if entry.reference and control.metric != "selection_rate" else None,
        n=group.decided,
        tested=group in entry.tested,
        method=method,
        note=_join(words, entry.without(group.undecided), None if group.decided else "no decision"),
    )


def _join(*parts: str | None) -> str | None:
    return "; ".join(dict.fromkeys(part for part in parts if part)) or None
