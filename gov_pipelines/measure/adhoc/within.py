"""The groups of any table compared within strata: odds, disparity, and rates as if all had everybody's strata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.conditional import by_strata, conditional_demographic_disparity, standardized_rates
from gov_pipelines.measure.rates.confusion import RATES, Counts, Key, over
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.intervals import wilson
from gov_pipelines.measure.statistics.strata import common_odds

_ODDS = 200  # groups up to which each is compared within strata


@dataclass(frozen=True, slots=True, eq=False)
class _Within:
    """The known groups of an attribute in the known strata: `[L, G, 6]`, decisions of each group, which have enough."""

    by: tuple[str, ...]
    words: str
    keys: tuple[Key, ...]
    counts: Counts
    n: Counts
    large: NDArray[np.bool_]
    once: str

    def row(self, at: int, metric: str, method: str) -> Measurement:
        group = dict(zip(self.by, self.keys[at], strict=True))
        return Measurement(metric, self.by, group, n=int(self.n[at]), method=method + self.once, note=self.words)


def within_rows(
    tally: Tally, by: tuple[str, ...], strata: tuple[str, ...], confidence: float, reference: Mapping[str, str] | None, least: int
) -> list[Measurement]:  # fmt: skip
    """Each known group over strata together: demographic disparity, standardized rate, common odds ratio, heterogeneity.

    The odds are compared with the named group, or else with the one of the highest rate over all strata: tests and
    intervals then pay for every pair of groups. Groups of fewer than `least` decisions are compared with nobody.
    """
    every, keys, counts = by_strata(tally, by, strata)
    n = RATES["selection_rate"].of(counts)[1].sum(0)
    once = "; rows count once each, whatever they weigh" if "weight" in tally.cells.columns else ""
    words = f"within {len(every):,} strata of {' and '.join(strata)}"
    found = _Within(by, words, keys, counts, n, (n >= least) & (n > 0), once)
    named = None if reference is None else tuple(reference[column] for column in by)
    return [*_disparity(found), *_standardized(found, confidence), *_odds(found, confidence, named)]


def _disparity(found: _Within) -> Iterator[Measurement]:
    method = "share of the refused less share of the favored, the mean over strata by their decisions"
    values = conditional_demographic_disparity(found.counts) if len(found.counts) else np.full(len(found.keys), np.nan)
    for at, value in enumerate(values):
        row = found.row(at, "conditional_demographic_disparity", method)
        why = "undefined: no stratum has both outcomes" if np.isnan(value) else None
        yield replace(row, value=finite(value), note=joined(why, row.note))


def _standardized(found: _Within, confidence: float) -> Iterator[Measurement]:
    method = "rate in everybody's strata (direct standardization); Wilson interval at the effective sample size"
    values, told, covered = standardized_rates(found.counts[:, found.large], RATES["selection_rate"])
    low, high = wilson(values * told, told, confidence)
    for place, at in enumerate(np.flatnonzero(found.large).tolist()):
        row = found.row(at, "standardized_selection_rate", method)
        if np.isnan(values[place]):
            yield replace(row, note=joined("undefined: no stratum has every group", row.note))
            continue
        note = joined(f"over the strata that have every group: {float(covered):.0%} of decisions", row.note)
        ends: dict[str, Any] = {"lower": float(low[place]), "upper": float(high[place]), "confidence": confidence}
        yield replace(row, value=float(values[place]), note=note, **ends)


def _odds(found: _Within, confidence: float, named: Key | None) -> Iterator[Measurement]:
    """The common odds ratio and its heterogeneity, of each group with the named one, or else the best."""
    if len(found.keys) > _ODDS:
        note = f"more than {_ODDS} groups: they are not compared by their odds"
        yield Measurement("common_odds_ratio", found.by, n=int(found.n.sum()), note=note)
        return
    favored, decided = RATES["selection_rate"].of(found.counts)
    rates = np.where(found.large, over(favored.sum(0), found.n), np.nan)
    base = None if np.isnan(rates).all() else int(np.nanargmax(rates))
    if named is not None:
        base = found.keys.index(named) if named in found.keys else None
    if base is None or not found.large[base]:
        return
    others = [at for at in range(len(found.keys)) if at != base]
    each = [
        common_odds(
            [*zip(*(side[:, place].tolist() for place in (at, base) for side in (favored, decided)), strict=True)]
        )
        for at in others
    ]
    groups = int(found.large.sum())
    size = 1 if named is not None else max(groups * (groups - 1) // 2, 1)
    paid = "Holm over the groups" if named is not None else f"Bonferroni over {size:,} pairs of groups"
    tested = [at for at, odds in zip(others, each, strict=True) if odds.p is not None and found.large[at]]
    p = np.array([odds.p for at, odds in zip(others, each, strict=True) if at in tested], float)
    adjusted = comparisons.adjusted(p) if named is not None else np.minimum(p * size, 1.0)
    of_all = dict(zip(tested, adjusted.tolist(), strict=True))
    for at, odds in zip(others, each, strict=True):
        limits = "score" if odds.odds_ratio == 0 else "Robins-Breslow-Greenland"
        method = f"Mantel-Haenszel; {limits} interval; Cochran-Mantel-Haenszel test; {paid}"
        row = found.row(at, "common_odds_ratio", method)
        seen = f"{odds.strata:,} of {len(found.counts):,} strata have both groups and both outcomes"
        small = None if found.large[at] else f"{found.n[at]:,} decisions, too few: listed, not tested"
        row = replace(
            row, reference_group=dict(zip(found.by, found.keys[base], strict=True)), n=odds.own, tested=not small
        )
        low, high = odds.interval(1 - (1 - confidence) / size) or (None, None)
        yield replace(
            row, value=odds.odds_ratio, lower=low, upper=high, confidence=None if low is None else confidence,
            p_value=odds.p if at in of_all else None, p_adjusted=of_all.get(at), note=joined(None if odds.odds_ratio is not None else "undefined: the odds have no bound", small, seen),
        )  # fmt: skip
        yield replace(
            row, metric="odds_ratio_heterogeneity", value=odds.heterogeneity, p_value=odds.heterogeneity_p,
            note=joined(None if odds.heterogeneity is not None else "undefined", seen), method="Breslow-Day chi-square with Tarone's correction" + found.once,
        )  # fmt: skip
