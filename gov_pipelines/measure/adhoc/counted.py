"""Every metric of the catalogue: of each group, of the groups together, and of a group and another, from draws if need be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gov_pipelines.measure.adhoc.tables import Table
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, OF_PAIR, Metric, Together, bases
from gov_pipelines.measure.rates.confusion import Counts, Key, Values
from gov_pipelines.measure.statistics import resampling
from gov_pipelines.measure.statistics.pairwise import INTERVAL, MOST_PAIRS, extreme
from gov_pipelines.policy.kinds.rates import SHAPES

DRAWS = 1_000  # of metrics that no closed interval serves
_NO_ENDS = (math.nan, math.nan)
Ends = tuple[float, float]
_UNLABELLED = np.array([[0, 0, 0, 0, 2, 3], [0, 0, 0, 0, 4, 4]])


def catalogue_rows(
    table: Table, confidence: float, base: Mapping[str, str] | None, *, labelled: bool
) -> Iterator[Measurement]:
    """Every other metric of counts: of each group, of the groups together, and against the reference.

    Of a group, of a group and another, and of the extremes of groups there are intervals from bootstrap draws.
    """
    draws = table.draws[:DRAWS] if table.draws is not None and resampling.enough(confidence, DRAWS) else None
    counts, decided = table.weighed, table.counts.sum(-1)
    known, large = (np.flatnonzero(those & (decided > 0)) for those in (table.known, table.compared(decided)))
    own, keys = counts[known], [table.keys[at] for at in known]
    row = partial(_row, table, decided, (int(decided[large].sum()), table.apart(decided)), confidence)
    of_groups: dict[str, tuple[Values, Values]] = {}
    together = Together(counts[large])
    for name, of in _told(OF_GROUP, _UNLABELLED, labelled=labelled):
        values, drawn = of.compute(counts), None if draws is None else drawn_values(of.compute(draws))
        if drawn is not None:
            of_groups[name] = values[large], drawn[:, large]
        ends = alone(values, drawn, confidence)
        yield from (row(name, of, value, at, ends[at]) for at, value in enumerate(values.tolist()))
    for name, of in _told(OF_GROUPS, Together(_UNLABELLED), labelled=labelled):
        group, _, form = name.rpartition("_")
        ends_of = _extreme(form, *of_groups[group], confidence) if group in of_groups and form in INTERVAL else _NO_ENDS
        yield row(name, of, float(of.compute(together)) if len(large) > 1 else math.nan, None, ends_of)
    key: Key = () if base is None else tuple(base[name] for name in table.attributes)
    named = key in [table.keys[at] for at in large]
    pairs = {name: of for name, of in OF_PAIR.items() if name not in OF_GROUPS and keys and (of.against or named)}
    for name, of in _told(pairs, *_UNLABELLED, labelled=labelled):
        against, reference = of.against or keys.index(key), None if of.against else key
        values = of.compute(own, bases(own, against))
        drawn = None if draws is None else drawn_values(of.compute(draws[:, known], bases(draws[:, known], against)))
        for at, value, each in zip(known.tolist(), values.tolist(), alone(values, drawn, confidence), strict=True):
            if table.keys[at] != reference:
                yield row(name, of, value, at, each, reference)


def _row(
    table: Table, decided: Counts, together: tuple[int, str | None], confidence: float,
    metric: str, of: Metric, value: float, at: int | None, ends: Ends, reference: Key | None = None,
) -> Measurement:  # fmt: skip
    n, apart = together if at is None else (int(decided[at]), None)
    undefined = None if math.isfinite(value) else "undefined: too few groups, or rows, have what it is made of"
    found = Measurement(
        metric, table.attributes, None if at is None else table.group(at), table.of(reference) if reference else None,
        value=finite(value), n=n, note=joined(undefined, apart),
        method=f"from {'counts' if table.sums is None else 'sums of weights'}: {of.meaning}",
    )  # fmt: skip
    if not ends[0] <= value <= ends[1]:  # nor where the draws leave out what decides: a ratio to 0 has no logarithm
        return found
    low, high = np.clip(ends, *of.bounds) if of.bounds != (None, None) else ends
    how = "simultaneous over all pairs of groups" if at is None else "alone"
    method = f"{found.method}; interval of {DRAWS:,} bootstrap draws, {how}"
    return replace(found, lower=float(low), upper=float(high), confidence=confidence, method=method, recomputable=False)


def _told(each: Mapping[str, Metric], *unlabelled: Any, labelled: bool) -> Iterator[tuple[str, Metric]]:
    """Those that say something where nobody has a label, and are not told with a closed interval already."""
    for name, of in each.items():
        speaks = labelled or ("labelled_rate" not in name and np.isfinite(of.compute(*unlabelled)).any())
        if name not in SHAPES and speaks:
            yield name, of


def alone(values: Values, drawn: Values | None, confidence: float) -> list[Ends]:
    """The interval of each value from its own draws; not numbers where there are none."""
    if drawn is None:
        return [_NO_ENDS] * len(values)
    each = [resampling.band(values[[at]], drawn[:, [at]], confidence) for at in range(len(values))]
    return [(float(low[0]), float(high[0])) for low, high in each]


def drawn_values(values: Values) -> Values:
    """Draws, not a number where they are infinite."""
    return np.where(np.isfinite(values), values, np.nan)


def _extreme(form: str, values: Values, drawn: Values, confidence: float) -> Ends:
    """Limits of the largest difference or the smallest ratio of what is in the draws, all pairs together (see `band`)."""
    one, other = np.triu_indices(len(values), 1)
    if not 0 < len(one) <= MOST_PAIRS:
        return _NO_ENDS
    if form == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            values, drawn = drawn_values(np.log(values)), drawn_values(np.log(drawn))
    low, high = resampling.band(values[one] - values[other], drawn[:, one] - drawn[:, other], confidence)
    there = np.isfinite(low)
    if not there.any():
        return _NO_ENDS
    if form == "ratio":
        return extreme("ratio", np.exp(low[there]), np.exp(high[there]))
    return extreme("difference", low[there], high[there])
