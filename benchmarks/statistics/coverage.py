"""How often intervals hold the truth: one rate and two by enumeration of every table, all pairs at once by simulation.

Averages are over rates in [.02, .98]; the worst is the lowest coverage at any of them. Clopper and Pearson's is also looked
at beside each of its own limits, where its coverage jumps and is lowest. For all pairs of groups at once the audit's own
intervals are drawn: as `family_of` finds them (max-T, or Bonferroni beside small groups and rates of 0 or 1), Bonferroni beside
them. For weighted rows weights are drawn too, of which a row's rate may depend.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.statistics.audits import DECLARATION, SEED, control, counted, told
from gov_pipelines.measure.fairness.family import entry_of, family_of
from gov_pipelines.measure.statistics.intervals import (
    Floats,
    Interval,
    clopper_pearson,
    difference_score,
    effective,
    ratio_score,
    wilson,
)
from gov_pipelines.measure.statistics.pairwise import Form, interval, together
from gov_pipelines.measure.statistics.resampling import DRAWS, redraw

GRID: Floats = np.linspace(0.02, 0.98, 49)
_COARSE: Floats = np.linspace(0.02, 0.98, 17)
APPROXIMATE, EXACT, LEAST = (0.94, 0.97), 0.95, 0.9
_FORMS: tuple[Form, ...] = ("difference", "ratio")
_METRICS = {"demographic_parity_difference": difference_score, "impact_ratio": ratio_score}


@dataclass(frozen=True, slots=True)
class Covered:
    """How often an interval held the truth.

    Attributes:
        name: the interval, and of how many rows or groups.
        mean: over all rates.
        worst: at the rate where it is lowest.
        where: that rate, or those.
    """

    name: str
    mean: float
    worst: float
    where: str


def of_one_rate(interval: Callable[..., Interval], n: int, rates: Floats = GRID) -> Covered:
    """Coverage of an interval of one rate, exactly."""
    x = np.arange(n + 1)
    low, high = interval(x, n)
    inside = (low[:, None] <= rates) & (rates <= high[:, None])
    covered = (inside * stats.binom.pmf(x[:, None], n, rates)).sum(axis=0)
    worst = int(covered.argmin())
    return Covered(
        f"{interval.__name__}, n = {n:,}", float(covered.mean()), float(covered[worst]), f"{rates[worst]:.4f}"
    )


def beside_its_limits(n: int) -> Covered:
    """Clopper and Pearson's coverage as near as can be to each of its limits, on both sides."""
    ends = np.concatenate(clopper_pearson(np.arange(n + 1), n))
    rates = np.concatenate([ends - 1e-9, ends + 1e-9])
    return of_one_rate(clopper_pearson, n, rates[(rates > 0) & (rates < 1)])


def of_two_rates(interval: Callable[..., Interval], n: int, m: int, rates: Floats = _COARSE) -> Covered:
    """Coverage of an interval of a difference or ratio at every pair of rates, exactly."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij"))
    low, high = interval(x, n, y, m)
    one, other = (np.asarray(stats.binom.pmf(np.arange(size + 1)[:, None], size, rates)) for size in (n, m))
    covered = np.empty((len(rates), len(rates)))
    for (i, a), (j, b) in ((first, second) for first in enumerate(rates) for second in enumerate(rates)):
        truth = a - b if interval is difference_score else a / b
        inside = ((low <= truth + 1e-12) & (truth - 1e-12 <= high)).reshape(n + 1, m + 1)
        covered[i, j] = one[:, i] @ inside @ other[:, j]
    i, j = divmod(int(covered.argmin()), len(rates))
    where = f"{rates[i]:.2f} and {rates[j]:.2f}"
    return Covered(f"{interval.__name__}, n = {n:,} and {m:,}", float(covered.mean()), float(covered[i, j]), where)


def of_all_pairs(metric: str, sizes: NDArray[np.int64], rates: Floats, audits: int) -> tuple[float, float]:
    """How often all intervals of all pairs hold the truth at once: at max-T's confidence, and at Bonferroni's."""
    random = np.random.default_rng([SEED, len(sizes), int(sizes[0]), int(rates[0] * 100)])
    asked, interval = control(metric), _METRICS[metric]
    one, other = np.array(list(combinations(range(len(sizes)), 2))).T
    truth = rates[one] - rates[other] if interval is difference_score else rates[one] / rates[other]
    held = np.zeros(2)
    for audit in range(audits):
        x = random.binomial(sizes, rates)
        tally = counted(
            [(f"{place:02}", "any", int(k), int(n)) for place, (k, n) in enumerate(zip(x, sizes, strict=True))]
        )
        entry = entry_of(tally, ("race",), asked, "")
        found = family_of([entry], tally, asked, (DECLARATION.system, str(audit)))
        for place, confidence in enumerate((found.simultaneous, 1 - found.level)):
            low, high = interval(x[one], sizes[one], x[other], sizes[other], confidence)
            held[place] += ((low <= truth + 1e-12) & (truth - 1e-12 <= high)).all()
    return float(held[0] / audits), float(held[1] / audits)


def of_weighted_pairs(
    form: Form, sizes: NDArray[np.int64], rates: Floats, weights: str, slope: float, audits: int
) -> float:
    """How often all intervals of all pairs of weighted groups hold the truth at once, as `gov metrics --weight` has them.

    Args:
        form: what is compared.
        sizes: rows of each group.
        rates: of rows of little weight.
        weights: of `WEIGHTS`.
        slope: by what share a rate rises or falls with the weight of the row.
        audits: how many draws.
    """
    random = np.random.default_rng([SEED, len(sizes), int(sizes[0]), int(rates[0] * 100), int(100 * (slope + 1))])
    many = WEIGHTS[weights](random, 1_000_000)
    true = rates * np.average(_sloped(many, slope), weights=many)
    one, other = np.array(list(combinations(range(len(sizes)), 2))).T
    truth = true[other] - true[one] if form == "difference" else true[one] / true[other]
    held, groups = 0, list(zip(sizes, rates, strict=True))
    for _ in range(audits):
        sums = np.array([_sums(WEIGHTS[weights](random, int(n)), rate, slope, random) for n, rate in groups]).T
        (favorable, rest), squares = sums[:, 0], sums[:, 1]
        x, n = effective(favorable, favorable + rest, squares.sum(0))
        drawn, gone = np.moveaxis(redraw(sums[:, 0], squares, DRAWS, random), 1, 0)
        draws = drawn / (drawn + gone), (drawn + gone) / (favorable + rest)
        confidence = together(form, x / n, n, draws, (one, other), EXACT) or 1 - (1 - EXACT) / len(one)
        low, high = interval(form, x[one], n[one], x[other], n[other], confidence)
        held += bool(((low <= truth + 1e-12) & (truth - 1e-12 <= high)).all())
    return held / audits


WEIGHTS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "uniform .5 to 1.5": lambda random, n: random.uniform(0.5, 1.5, n),
    "exponential": lambda random, n: random.exponential(1.0, n),
    "log-normal": lambda random, n: random.lognormal(-0.5, 1.0, n),
}


def _sums(weights: Floats, rate: float, slope: float, random: np.random.Generator) -> list[list[float]]:
    """Sums of the weights of favorable and other rows of a group, and of their squares."""
    favorable = random.random(len(weights)) < rate * _sloped(weights, slope)
    return [[float((weights[which] ** power).sum()) for which in (favorable, ~favorable)] for power in (1, 2)]


def _sloped(weights: Floats, slope: float) -> Floats:
    return np.asarray(1 + slope * np.tanh(weights - 1))


def families() -> Iterator[tuple[int, str, NDArray[np.int64], str, Floats]]:
    """Groups, sizes in words and numbers, rates in words and numbers."""
    for groups in (2, 3, 5, 10):
        sizes = {"200": np.full(groups, 200), "2,000": np.full(groups, 2000)}
        sizes["200 to 5,000"] = np.geomspace(200, 5000, groups).astype(np.int64)
        rates = {f"{rate:g}": np.full(groups, rate) for rate in (0.02, 0.1, 0.5)}
        rates[".2 to .8"] = np.linspace(0.2, 0.8, groups)
        for size, each in sizes.items():
            for words, rate in rates.items():
                yield groups, size, each, words, rate


def few() -> Iterator[tuple[int, str, NDArray[np.int64], str, Floats]]:
    """The same of families with a group that draws do not tell of."""
    for groups in (3, 10):
        small = np.array([30] + [100_000] * (groups - 1))
        for size, each in {"30": np.full(groups, 30), "30 beside 100,000": small}.items():
            for words, rate in {
                ".1": np.full(groups, 0.1),
                ".5": np.full(groups, 0.5),
                ".2 to .8": np.linspace(0.2, 0.8, groups),
            }.items():
                yield groups, size, each, words, rate
        yield groups, "500", np.full(groups, 500), ".002, .3", np.array([0.002] + [0.3] * (groups - 1))


def main() -> None:
    """Print the tables and what they come to."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--audits", type=int, default=400, help="of each family of pairs")
    options = parser.parse_args()
    told(__doc__)
    wrong = []
    told("| interval | mean | worst | at |\n|---|---|---|---|")
    sizes = (30, 100, 1_000, 10_000)
    exact = [of_one_rate(clopper_pearson, n) for n in sizes] + [beside_its_limits(n) for n in sizes[:3]]
    approximate = [of_one_rate(wilson, n) for n in sizes]
    pairs = ((30, 30), (30, 120), (100, 100), (50, 300))
    approximate += [of_two_rates(interval, n, m) for interval in _METRICS.values() for n, m in pairs]
    for each in (*exact, *approximate):
        told(f"| {each.name} | {100 * each.mean:.2f} % | {100 * each.worst:.2f} % | {each.where} |")
        kept = each.worst >= EXACT - 1e-12 if each in exact else APPROXIMATE[0] <= each.mean <= APPROXIMATE[1]
        wrong += [] if kept else [each.name]
    told("\n| groups | rows each | rates | max-T: difference | ratio | Bonferroni: difference | ratio |")
    told("|---|---|---|---|---|---|---|")
    together: dict[int, list[tuple[float, ...]]] = {}
    for groups, size, n, words, rates in families():
        found = [of_all_pairs(metric, n, rates, options.audits) for metric in _METRICS]
        shares = (found[0][0], found[1][0], found[0][1], found[1][1])
        together.setdefault(groups, []).append(shares)
        told(f"| {groups} | {size} | {words} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    for groups, rows in together.items():
        means, worst = np.mean(rows, axis=0), np.min(rows, axis=0)
        shown = " | ".join(
            f"**{100 * mean:.1f} %**, worst {100 * low:.1f}" for mean, low in zip(means, worst, strict=True)
        )
        told(f"| **{groups}** | all | all | {shown} |")
        ends = zip(means, (0.97, 0.97, 1, 1), strict=True)
        wrong += [] if all(APPROXIMATE[0] <= mean <= top for mean, top in ends) else [f"{groups} groups at once"]
    told("\n| groups | rows each | rates | as audited: difference | ratio |\n|---|---|---|---|---|")
    for groups, size, n, words, rates in few():
        both = [of_all_pairs(metric, n, rates, options.audits)[0] for metric in _METRICS]
        told(f"| {groups} | {size} | {words} | {' | '.join(f'{100 * share:.1f} %' for share in both)} |")
        wrong += [f"{groups} groups of {size} rows"] if min(both) < LEAST else []
    told("\n| weights | rate by weight | rates of five groups | difference | ratio |\n|---|---|---|---|---|")
    for weights, slope, rate in product(WEIGHTS, (0, 0.5, -0.5), (0.05, 0.3)):
        sizes_of, all_alike = np.geomspace(500, 5000, 5).astype(np.int64), np.full(5, rate)
        both = [of_weighted_pairs(form, sizes_of, all_alike, weights, slope, options.audits) for form in _FORMS]
        told(f"| {weights} | {slope:+g} | {rate:g} | {' | '.join(f'{100 * share:.1f} %' for share in both)} |")
        wrong += [f"weights {weights}, {slope:+g}, {rate:g}"] if min(both) < LEAST else []
    told(f"outside what is promised: {', '.join(wrong) or 'none'}")
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
