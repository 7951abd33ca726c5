"""Decisions against labels, group by group, as arrays of counts: what every rate and metric of groups is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.tallies import Tally

Key = tuple[str | None, ...]
Counts = NDArray[Any]
"""`[..., G, 6]`: true and false positives, false and true negatives, favorable and unfavorable without a label.

Whole numbers, or sums of weights. Positive is a favorable decision and a positive label. Leading axes are draws of a
bootstrap, nights, or strata.
"""
Values = NDArray[np.float64]
"""One number for each leading axis; not a number where undefined."""

TP, FP, FN, TN, FAVORABLE, UNFAVORABLE = range(6)
CELLS = [
    ("favorable", "positive"), ("favorable", "negative"), ("unfavorable", "positive"), ("unfavorable", "negative"),
    ("favorable", None), ("unfavorable", None),
]  # fmt: skip
_LISTED = 10_000  # combinations of an intersection that are listed though no row has them; beyond it, those seen


@dataclass(frozen=True, slots=True, eq=False)
class Confusions:
    """Counts of each group.

    Attributes:
        attributes: the columns that define the groups.
        keys: one value an attribute, in their order; None where unknown, and those last.
        counts: `[G, 6]`, see `Counts`.
        undecided: `[G]`, decisions that are none yet, left out of `counts`.
    """

    attributes: tuple[str, ...]
    keys: tuple[Key, ...]
    counts: Counts
    undecided: Counts

    @property
    def known(self) -> NDArray[np.bool_]:
        """`[G]`: whether every attribute has a value."""
        return np.array([None not in key for key in self.keys], bool)

    @property
    def unlabelled(self) -> Counts:
        """`[G]`: decisions without a label."""
        return np.asarray(self.counts[:, FAVORABLE:].sum(-1))


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion: the counts of `x` among those of `n`, by their places on the last axis."""

    x: tuple[int, ...]
    n: tuple[int, ...] = (TP, FP, FN, TN)

    def of(self, counts: Counts) -> tuple[Counts, Counts]:
        """Numerator and denominator, without the last axis."""
        return counts[..., list(self.x)].sum(-1), counts[..., list(self.n)].sum(-1)

    def __call__(self, counts: Counts) -> Values:
        """The proportion itself."""
        return over(*self.of(counts))

    @property
    def labelled(self) -> bool:
        """Whether rows without a label are left out."""
        return FAVORABLE not in self.n


_ALL = (TP, FP, FN, TN, FAVORABLE, UNFAVORABLE)
RATES: Mapping[str, Rate] = {
    "selection_rate": Rate((TP, FP, FAVORABLE), _ALL),
    "rejection_rate": Rate((FN, TN, UNFAVORABLE), _ALL),
    "true_positive_rate": Rate((TP,), (TP, FN)),
    "false_negative_rate": Rate((FN,), (TP, FN)),
    "false_positive_rate": Rate((FP,), (FP, TN)),
    "true_negative_rate": Rate((TN,), (FP, TN)),
    "precision": Rate((TP,), (TP, FP)),
    "false_discovery_rate": Rate((FP,), (TP, FP)),
    "negative_predictive_value": Rate((TN,), (FN, TN)),
    "false_omission_rate": Rate((FN,), (FN, TN)),
    "accuracy": Rate((TP, TN)),
    "error_rate": Rate((FP, FN)),
    "base_rate": Rate((TP, FN)),
    "labelled_rate": Rate((TP, FP, FN, TN), _ALL),
}


def over(x: ArrayLike, n: ArrayLike) -> Values:
    """One by the other, element by element; not a number where that is nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(n) == 0, np.nan, np.true_divide(np.asarray(x), np.asarray(n)))


def cells_of(tally: Tally, by: Sequence[str], among: Mapping[str, str]) -> pl.DataFrame:
    """The cells with these values.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    if tally.merged_below:
        raise WrongUse("small cells of this tally are merged; groups need the full one")
    unknown = sorted({*by, *among} - set(tally.dimensions))
    if unknown:
        names, counted = ", ".join(unknown), ", ".join(tally.dimensions)
        raise WrongUse(f"the tally is not counted by {names}, only by {counted}; declare it and audit again")
    return tally.cells.filter(pl.col(name) == value for name, value in among.items()) if among else tally.cells


def grouped(cells: pl.DataFrame, by: Sequence[str], *sums: pl.Expr) -> tuple[tuple[Key, ...], Counts]:
    """Sums over the cells of each group, in the order of its values, unknown ones last.

    Combinations of known values that no cell has are listed with zeros: a group that is not there is a finding.

    Returns:
        The groups' keys, and `[G, S]` of the sums.
    """
    found = cells.group_by(by).agg(*sums)
    seen = [found.select(name).drop_nulls().unique() for name in by]
    if 1 < math.prod(each.height for each in seen) <= _LISTED and len(by) > 1:
        every = reduce(lambda left, right: left.join(right, how="cross"), seen)
        found = found.join(every, on=by, how="full", nulls_equal=True, coalesce=True)
    found = found.sort(by, nulls_last=True)
    rest = found.select(pl.all().exclude(by)).fill_null(0)
    return tuple(found.select(by).iter_rows()), rest.to_numpy()


def confusion(
    tally: Tally, by: Sequence[str], among: Mapping[str, str] | None = None, *, count: str = "n"
) -> Confusions:
    """Decisions against labels for each group of an attribute or an intersection.

    Args:
        tally: what was counted.
        by: one attribute, or several for their intersection; none for everyone.
        among: keeps the cells with these values, such as `{credit_history_meets_guidelines: "1"}`.
        count: `n`, or `weight` for what rows stand for, in millionths.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    decided, label = pl.col("outcome"), pl.col("label")
    n = pl.col(count).cast(pl.Int64 if count == "n" else pl.Float64)
    matching = [n.filter(decided == out, label.eq_missing(pl.lit(told, pl.String))).sum() for out, told in CELLS]
    undecided = n.filter(decided.is_null() | (decided == "undecided")).sum()
    sums = [each.alias(f"({place})") for place, each in enumerate([*matching, undecided])]
    cells = cells_of(tally, by, among or {})
    if by:
        keys, found = grouped(cells, by, *sums)
    else:
        keys, found = ((),), cells.select(sums).to_numpy()
    return Confusions(tuple(by), keys, found[:, :6], found[:, 6])
