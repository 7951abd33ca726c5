"""Groups held against what a policy declares: a reference over strata or by a number's mean, or shares of a pool."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import polars as pl

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness.adverse_impact import binomial_p, z_binomial
from gov_pipelines.measure.fairness.family import Entry, joined, listed
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.rates.groups import Group, groups_of
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import clopper_pearson, normal_quantile
from gov_pipelines.measure.statistics.means import Denominator, Moments, mean_difference
from gov_pipelines.measure.statistics.strata import Table, common_odds
from gov_pipelines.policy.kinds import Fairness

_POWER = NormalDist().inv_cdf(comparisons.POWER)


def common_odds_measurements(tally: Tally, entries: Sequence[Entry], control: Fairness) -> list[Measurement]:
    """The common odds ratio of each group over the strata of `over`, and whether the strata agree on it.

    One row a group, its test Cochran-Mantel-Haenszel's, its interval that of Robins, Breslow and Greenland; and one
    named `odds_ratio_heterogeneity`, Breslow and Day's chi-square with Tarone's correction. Rows whose stratum is
    unknown are left out.
    """
    over = tuple(control.over or ())

    def measure(group: Group, entry: Entry, row: Measurement, confidence: float) -> list[Measurement]:
        assert entry.reference is not None
        tables, unknown = _tables(tally, over, group, entry.reference, control)
        odds = common_odds(tables)
        ends = odds.interval(control_confidence)
        seen = joined(
            row.note,
            f"{odds.strata:,} of {len(tables):,} strata have both groups and both outcomes",
            f"{unknown:,} decisions in no known stratum left out" if unknown else None,
            None if odds.odds_ratio is not None else "undefined: the odds have no bound",
        )
        reach = None if odds.error is None else (float(normal_quantile(confidence)) + _POWER) * odds.error
        main = replace(
            row,
            value=odds.odds_ratio,
            lower=ends and ends[0],
            upper=ends and ends[1],
            confidence=control_confidence if ends else None,
            p_value=odds.p,
            minimum_detectable=None if reach is None else math.exp(-reach),
            n=odds.own,
            note=seen,
        )
        differ = "a small p says that one odds ratio does not describe all strata"
        heterogeneity = replace(
            row,
            metric="odds_ratio_heterogeneity",
            value=odds.heterogeneity,
            p_value=odds.heterogeneity_p,
            n=odds.n,
            method=f"Breslow-Day chi-square with Tarone's correction over {odds.strata:,} strata",
            note=joined(row.note, differ if odds.heterogeneity is not None else "undefined"),
        )
        return [main, heterogeneity]

    control_confidence, _ = comparisons.demanded(control.test)
    method = (
        f"Mantel-Haenszel over {' and '.join(over)}; Robins-Breslow-Greenland interval; Cochran-Mantel-Haenszel test"
    )
    return _compared(entries, control, method, measure)


def mean_measurements(tally: Tally, entries: Sequence[Entry], control: Fairness) -> list[Measurement]:
    """The standardized mean difference of the number `of` from the reference's, over the declared `denominator`."""
    assert control.of is not None
    assert control.denominator is not None
    number, denominator = control.of, control.denominator
    counted, due = _counted(tally, number)
    why = (
        f"{number} was summed in {counted:,} of {due:,} rows; audit the window's partitions again"
        if counted < due
        else None
    )
    everyone = _moments(tally, number, control.among, {})
    confidence, _ = comparisons.demanded(control.test)

    def measure(group: Group, entry: Entry, row: Measurement, single: float) -> list[Measurement]:
        assert entry.reference is not None
        own, base = (_moments(tally, number, control.among, each.values) for each in (group, entry.reference))
        found = None if why else mean_difference(own, base, everyone, denominator)
        row = replace(row, n=own.n)
        if found is None:
            return [
                replace(row, note=joined(row.note, why or f"undefined: {number} does not vary, or has too few values"))
            ]
        low, high = found.interval(confidence)
        return [
            replace(
                row,
                value=found.value,
                lower=low,
                upper=high,
                confidence=confidence,
                p_value=found.p,
                minimum_detectable=found.reach(single) + _POWER * found.error,
            )
        ]

    return _compared(entries, control, f"{number}: {_SPREAD[denominator]}; Welch's interval and test", measure)


_SPREAD: Mapping[Denominator, str] = {
    "population": "standard deviation of everyone (n)",
    "pooled": "pooled standard deviation of the two groups (n - 2)",
    "reference": "standard deviation of the reference (n - 1)",
}

_Measure = Callable[[Group, Entry, Measurement, float], list[Measurement]]


def _compared(entries: Sequence[Entry], control: Fairness, method: str, measure: _Measure) -> list[Measurement]:
    """Each group with the declared reference; the first row of each carries the test, adjusted over all of them."""
    confidence, adjust = comparisons.demanded(control.test)
    size = max(sum(group != entry.reference for entry in entries for group in entry.tested), 1)
    over = f", {comparisons.NAMES[adjust]} over {size} comparisons with the reference" if size > 1 else ""
    found: list[list[Measurement]] = []
    for entry in entries:
        for group in entry.groups:
            row = listed(group, entry, control, method + over)
            if entry.reference is None or not entry.tested:
                found.append([replace(row, note=joined(row.note, entry.why_none))])
            elif group == entry.reference:
                found.append([replace(row, note=joined(row.note, "the group compared with"))])
            else:
                found.append(measure(group, entry, row, 1 - (1 - confidence) / size))
    mains = _adjusted([rows[0] for rows in found], adjust)
    return [row for main, (_, *rest) in zip(mains, found, strict=True) for row in (main, *rest)]


def _tables(
    tally: Tally, over: tuple[str, ...], group: Group, reference: Group, control: Fairness
) -> tuple[list[Table], int]:
    """A 2 x 2 table a known stratum, and the decisions of both groups whose stratum is not known."""
    counts: dict[tuple[str | None, ...], dict[bool, tuple[int, int]]] = {}
    unknown = 0
    for cell in groups_of(tally, (*over, *group.attributes), control.among):
        stratum, key = cell.key[: len(over)], cell.key[len(over) :]
        if key not in {group.key, reference.key}:
            continue
        if None in stratum:
            unknown += cell.decided
        else:
            counts.setdefault(stratum, {})[key == group.key] = cell.favorable, cell.decided
    return [(*found.get(True, (0, 0)), *found.get(False, (0, 0))) for found in counts.values()], unknown


def _counted(tally: Tally, number: str) -> tuple[int, int]:
    """Rows of a number in the sums, and rows in which it has a value."""
    kept = tally.nulls.filter((pl.col("column") == number) & ~pl.col("missing"))
    return _moments(tally, number, {}, {}).n, int(kept["n"].sum())


def _moments(tally: Tally, number: str, among: Mapping[str, str], values: Mapping[str, str | None]) -> Moments:
    if not tally.moments.width:
        return Moments()
    wanted = [pl.col(name).eq_missing(pl.lit(value)) for name, value in {**among, **values, "column": number}.items()]
    kept = tally.moments.filter(*wanted)
    return Moments(*(int(kept[name].sum()) for name in ("n", "sum", "squares")))


def availability_measurements(tally: Tally, control: Fairness) -> list[Measurement]:
    """How many standard deviations each group's favorable decisions lie from its share of the declared pool.

    `n` is the favorable decisions of known groups of the attribute. The test is exact (binomial), the interval Clopper and
    Pearson's of the share, in standard deviations; the pool is what the policy says it is, and the verdict depends on it.
    """
    confidence, adjust = comparisons.demanded(control.test)
    rows = []
    for attribute, shares in (control.availability or {}).items():
        found = {group.key[0]: group for group in groups_of(tally, (attribute,), control.among) if group.known}
        n = sum(group.favorable for group in found.values())
        for value, share in shares.items():
            x = found[value].favorable if value in found else 0
            row = Measurement(
                metric=control.metric,
                attribute=(attribute,),
                group={attribute: value},
                n=n,
                method="standard deviations from the binomial mean; Clopper-Pearson interval of the share; exact binomial test",
                tested=n >= control.min_group_size,
                note=f"{x:,} of {n:,}; {share:.2%} of the declared pool, so {n * share:,.1f} expected",
            )
            if n:
                lower, upper = (z_binomial(n * float(end), n, share) for end in clopper_pearson(x, n, confidence))
                z, p = z_binomial(x, n, share), binomial_p(x, n, share)
                row = replace(row, value=z, lower=lower, upper=upper, confidence=confidence, p_value=p)
            rows.append(row)
    return _adjusted(rows, adjust)


def _adjusted(rows: Sequence[Measurement], adjust: comparisons.Adjustment) -> list[Measurement]:
    """The p values of the tested rows adjusted over all of them."""
    at = [place for place, row in enumerate(rows) if row.tested and row.p_value is not None]
    p = comparisons.adjusted([rows[place].p_value or 0.0 for place in at], adjust).tolist() if at else []
    found = dict(zip(at, p, strict=True))
    return [replace(row, p_adjusted=found.get(place)) for place, row in enumerate(rows)]
