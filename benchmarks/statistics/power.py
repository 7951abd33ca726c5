"""How soon a difference alarms, and how often a year of nights alarms for nothing: e-processes beside tests of each night.

The smaller of two groups (a quarter of the decisions) has a share of the other's rate from one night on; 40 controls share
the error of the year. Base rates move for both groups alike, over weeks and from night to night. Then a year of 40 controls
with nothing wrong, half of them of two groups and half of three. Beside the e-process, on the same counts:

- `z, 5 %`: a pooled z test of each night at 5 %, Bonferroni over the control's pairs;
- `z, all`: the same, Bonferroni over the nights of the year and all controls, too;
- `4/5`: the night's lowest rate below four fifths of the highest;
- `90 days`: the rule of `error_over: night`: four fifths over the last 90 days, and the z test of those at 5 %;
- `year`: the rule of `error_over: year`: four fifths over the last 90 days, and the e-process;
- `year, 14`: the same over the last 14 days, which may be so few because the evidence does not rest on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.statistics.audits import SEED, told
from gov_pipelines.measure import Year
from gov_pipelines.measure.statistics.alarms import in_family, odds_evidence
from gov_pipelines.measure.statistics.intervals import clopper_pearson

NIGHTS, CONTROLS, LEVEL, FOUR_FIFTHS = 365, 40, 0.05, 0.8
CHANGES, RATIOS, VOLUMES = 120, (0.9, 0.8, 0.7), (200, 2_000, 20_000)
EVIDENT = np.log(Year({}, (), CONTROLS, CONTROLS).divisor / LEVEL)
METHODS = ("e-process", "z, 5 %", "z, all", "4/5", "90 days", "year", "year, 14")

Counts = NDArray[np.int64]
"""Favorable and decided of each group on each night [G, T, 2]."""


def year(
    random: np.random.Generator, decisions: float, shares: Sequence[float], ratio: float = 1, begins: int = 0
) -> Counts:
    """Draw a year of nights; the last group has `ratio` of the others' rate from night `begins` on."""
    nights = np.arange(NIGHTS)
    rate = np.clip(0.5 + 0.1 * np.sin(nights / 30) + random.normal(0, 0.03, NIGHTS), 0.1, 0.9)
    rates = [rate] * (len(shares) - 1) + [np.where(nights < begins, rate, rate * ratio)]
    decided = [random.poisson(decisions * share, NIGHTS) for share in shares]
    favorable = [random.binomial(n, its) for n, its in zip(decided, rates, strict=True)]
    return np.stack([favorable, decided], axis=-1)


def alarms(counts: Counts) -> Mapping[str, NDArray[np.bool_]]:
    """By method, on which nights a control alarms."""
    pairs = list(combinations(range(len(counts)), 2))
    log_e = np.array([odds_evidence(np.hstack([counts[b], counts[a]]), NIGHTS, above=True).log_e for a, b in pairs])
    shared = np.array([in_family(each).max() for each in log_e.T]) if len(pairs) > 1 else log_e[0]
    window = _last(counts, 90)
    p = np.min([_z(counts[a], counts[b]) for a, b in pairs], axis=0) * len(pairs)
    over = np.min([_z(window[a], window[b]) for a, b in pairs], axis=0) * len(pairs)
    evident = shared >= EVIDENT
    each_night = (evident, p <= LEVEL, p <= LEVEL / NIGHTS / CONTROLS, _below(counts))
    fails = (_below(window) & (over <= LEVEL), _below(window) & evident, _below(_last(counts, 14)) & evident)
    return dict(zip(METHODS, (*each_night, *fails), strict=True))


def _last(counts: Counts, days: int) -> Counts:
    """The sums over so many nights that end with each."""
    sums = np.cumsum(counts, axis=1)
    return np.asarray(sums - np.concatenate([np.zeros_like(sums[:, :days]), sums[:, :-days]], axis=1))


def _z(one: Counts, other: Counts) -> NDArray[np.float64]:
    """Two-sided p of the pooled z test, night by night."""
    (x, n), (y, m) = one.T, other.T
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x + y) / (n + m)
        z = (x / n - y / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return np.asarray(np.nan_to_num(2 * ndtr(-np.abs(z)), nan=1.0))


def _below(counts: Counts) -> NDArray[np.bool_]:
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = counts[..., 0] / counts[..., 1]
        return np.asarray(np.nan_to_num(rates.min(0) / rates.max(0), nan=1.0) < FOUR_FIFTHS)


def found(decisions: float, ratio: float, begins: int, times: int) -> tuple[dict[str, list[float]], float]:
    """By method the nights from a change until an alarm, not a number where none came; and the share of spans that hold it."""
    random = np.random.default_rng([SEED, int(decisions), int(100 * ratio), begins])
    nights: dict[str, list[float]] = {name: [] for name in METHODS}
    held = []
    for _ in range(times):
        counts = year(random, decisions, (0.75, 0.25), ratio, begins)
        for name, at in alarms(counts).items():
            late = at[begins:]
            nights[name].append(float(np.argmax(late)) + 1 if late.any() else np.nan)
        seen = odds_evidence(np.hstack([counts[1], counts[0]]), NIGHTS, above=True)
        if seen.now >= EVIDENT:
            _, first, last = seen.since()
            held.append(first <= begins <= last)
    return nights, float(np.mean(held)) if held else np.nan


def quiet(years: int, decisions: float) -> tuple[dict[str, int], dict[str, int]]:
    """By method the years with any alarm though nothing is wrong, and the nights with one."""
    random = np.random.default_rng([SEED, years, int(decisions)])
    with_any, nights = dict.fromkeys(METHODS, 0), dict.fromkeys(METHODS, 0)
    for _ in range(years):
        controls = [
            alarms(year(random, decisions, (0.75, 0.25) if at % 2 else (0.6, 0.25, 0.15))) for at in range(CONTROLS)
        ]
        for name in METHODS:
            hit = np.array([each[name] for each in controls])
            with_any[name] += bool(hit.any())
            nights[name] += int(hit.sum())
    return with_any, nights


def main() -> None:
    """Print both tables; 1 where more years alarm for nothing than chance explains."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--times", type=int, default=40, help="draws of each change")
    parser.add_argument("--years", type=int, default=100, help="with nothing wrong")
    options = parser.parse_args()
    told(__doc__)
    told("Share of changes found within the year, and the median night of the first alarm (1: the night itself)\n")
    told(f"| decisions | ratio | since night | {' | '.join(METHODS)} | span holds it |")
    told("|---" * (len(METHODS) + 4) + "|")
    for begins in (0, CHANGES):
        for decisions in VOLUMES:
            for ratio in RATIOS:
                nights, held = found(decisions, ratio, begins, options.times)
                cells = [
                    f"{100 * np.mean(np.isfinite(each)):.0f} %, {np.median(np.nan_to_num(each, nan=np.inf)):.0f}"
                    for each in nights.values()
                ]
                told(f"| {decisions:,} | {ratio:g} | {begins + 1} | {' | '.join(cells)} | {100 * held:.0f} % |")
    told(f"\n{options.years} years of {CONTROLS} controls with nothing wrong, 200 decisions a night each\n")
    told("| | years with an alarm | alarms of a control a year |\n|---|---|---|")
    with_any, count = quiet(options.years, VOLUMES[0])
    for name in METHODS:
        told(f"| {name} | {with_any[name]} of {options.years} | {count[name] / options.years / CONTROLS:.3g} |")
    if float(clopper_pearson(with_any["e-process"], options.years, 0.99)[0]) > LEVEL:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
