"""How near distances and the area under the ROC curve from the tally's bins come to those from all rows.

    python -m benchmarks.accuracy

Ten shapes of features and two narrow ones, a million rows against a million that have moved, each column beside the same from
sorted rows: Kolmogorov-Smirnov and Wasserstein by SciPy, the stability index at NumPy's quantiles, the area by ranks.
A bin is a part of its value, so of a column that spreads over few hundredths of its mean few bins are filled, and less is
promised. Exits with 1 where a figure is outside what is promised.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.distributions.distances import DISTANCES, stability_index
from gov_pipelines.measure.distributions.drift import compare
from gov_pipelines.measure.rates.scores import auc, scores_by

ROWS = 1_000_000
PROMISED = {"ks": 1e-4, "wasserstein": 0.005, "psi": 0.005, "auc": 1e-5}
"""Largest error: absolute for ks and auc, else a part of the exact value; psi where it exceeds `PSI_FROM`."""
NARROW = {"ks": 5e-4, "wasserstein": 0.005, "psi": 0.02, "auc": 2e-4}
"""The same of shapes whose standard deviation is less than a fifth of their mean, and of scores crowded near 1."""
PSI_FROM = 0.02
LABELLED_FROM = 100_000

Floats = NDArray[np.float64]


def shapes(random: np.random.Generator, moved: float) -> dict[str, Floats]:
    """A million rows of each shape, moved by a part of its scale."""
    n = ROWS
    incomes = random.lognormal(10.8 + moved, 0.7, n)
    return {
        "income, to the cent": incomes.round(2),
        "amount, in thousands": (incomes * 3 / 1000).round() * 1000,
        "age, whole years": np.clip(random.normal(42 + 10 * moved, 13, n), 18, 90).round(),
        "children, 0 to 6": random.poisson(1.1 + moved, n).clip(0, 6).astype(float),
        "score, beta": random.beta(2 + 2 * moved, 5, n),
        "days, whole": random.exponential(40 * (1 + moved), n).round(),
        "ratio, uniform": random.random(n) * (1 + moved),
        "balance, also negative": random.normal(100 * moved, 1000, n),
        "debt, heavy tail": random.pareto(1.8 - moved / 2, n) * 1000,
        "savings, half zero": np.where(
            random.random(n) < 0.5 - moved / 4, 0.0, random.exponential(8000 * (1 + moved), n)
        ),
        "narrow: 300 to 850": np.clip(random.normal(690 - 100 * moved, 80, n), 300, 850).round(),
        "narrow: a rate": random.normal(0.05 + 0.01 * moved, 0.002, n),
    }


def exact(now: Floats, then: Floats) -> dict[str, float]:
    """The three distances from all rows."""
    edges = np.unique(np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf"))
    counts = [np.bincount(np.searchsorted(edges, rows), minlength=len(edges) + 1) for rows in (now, then)]
    used = np.add(*counts) > 0
    return {
        "ks": float(stats.ks_2samp(now, then, method="asymp").statistic),
        "wasserstein": float(stats.wasserstein_distance(now, then)),
        "psi": stability_index(*(each[used] for each in counts)),
    }


def drift_errors(moved: float, seed: int) -> list[tuple[str, str, float, float]]:
    """Shape, metric, exact value and error."""
    then, now = (shapes(np.random.default_rng([seed, part]), part * moved) for part in (0, 1))
    columns = Columns("d", frozenset(), numbers=tuple(then))
    current, reference = (count(pl.DataFrame(each).with_columns(d=pl.lit("x")), columns) for each in (now, then))
    found = []
    for one in compare(current, reference, list(then)):
        name = one.row.attribute[0]
        for metric, value in exact(now[name], then[name]).items():
            sides = one.of(metric)
            assert sides is not None
            error = abs(DISTANCES[metric].value(sides) - value)
            found.append((name, metric, value, error if metric == "ks" else error / value))
    return found


def area_errors(seed: int) -> list[tuple[str, str, float, float]]:
    """The same of the area under the ROC curve, for three sizes."""
    random, found = np.random.default_rng(seed), []
    for rows in (LABELLED_FROM, 300_000, ROWS):
        label = random.random(rows) < 0.12
        for name, score in {
            "logistic": 1 / (1 + np.exp(-random.normal(label * 1.1 - 2, 1))),
            "beta": random.beta(2 + label, 5, rows),
            "to 3 decimals": random.beta(2 + label, 5, rows).round(3),
            "narrow: near one": 1 - random.beta(1, 40 - 20 * label),
        }.items():
            ranks = stats.rankdata(score)[label].sum()
            n = int(label.sum())
            value = (ranks - n * (n + 1) / 2) / (n * (rows - n))
            frame = pl.DataFrame({"d": "x", "s": score, "y": label.astype(int)}).with_columns(
                pl.col("d").cast(pl.String)
            )
            tally = count(frame, Columns("d", frozenset(), label="y", label_positive=frozenset("1"), score="s"))
            error = abs(auc(scores_by(tally, "")[None], 0.95)[0] - value)
            found.append((f"{name}, {rows:,} rows", "auc", value, error))
    return found


def main() -> int:
    """Print every figure; 1 where one is outside what is promised."""
    missed = 0
    sys.stdout.write("| shape | moved | metric | exact | error | promised |\n| --- | --- | --- | --- | --- | --- |\n")
    for moved in (0.02, 0.1, 0.3):
        for name, metric, value, error in drift_errors(moved, 7):
            most = (NARROW if name.startswith("narrow") else PROMISED)[metric]
            promised = metric != "psi" or value > PSI_FROM
            missed += promised and error > most
            limit = f"{most:g}{'' if metric == 'ks' else ' of it'}" if promised else f"none below {PSI_FROM}"
            sys.stdout.write(f"| {name} | {moved} | {metric} | {value:.6g} | {error:.2g} | {limit} |\n")
    for name, metric, value, error in area_errors(8):
        most = (NARROW if name.startswith("narrow") else PROMISED)[metric]
        missed += error > most
        sys.stdout.write(f"| {name} | | {metric} | {value:.6g} | {error:.2g} | {most:g} |\n")
    sys.stdout.write(f"\n{missed} figures outside what is promised.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
