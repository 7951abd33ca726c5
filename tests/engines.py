"""A log that engines could count differently, and how their counts are compared."""

import math

import numpy as np
import polars as pl

from gov_pipelines.measure import Columns
from gov_pipelines.measure.counting.tallies import TABLES

_POWERS = [2.0**n for n in range(-150, 130)]
NASTY = [
    0.0, -0.0, math.nan, math.inf, -math.inf, None, 1e300, -1e300, 5e-324, 1e-45, 7.006492321624085e-46, 1.4e-45,
    3.4028234663852886e38, 3.4028235677973362e38, 3.4028235677973366e38, 1.1754943508222875e-38, 1.1754942807573643e-38,
    *_POWERS, *(-power for power in _POWERS), *(math.nextafter(power, 0) for power in _POWERS),
    *(math.nextafter(power, math.inf) for power in _POWERS), *(power * (1 + 2**-24) for power in _POWERS),
    *(power * (1 - 2**-25) for power in _POWERS),
]  # fmt: skip

COLUMNS = Columns(
    decision="said",
    favorable=frozenset({"yes"}),
    undecided=frozenset({"später"}),
    attributes=("sex", "age"),
    strata=("ratio",),
    label="repaid",
    label_positive=frozenset({"true"}),
    proposed="ai",
    reviewed="person",
    score="score",
    weight="weight",
    numbers=("age", "income", "score"),
    categories=("said", "sex", "age", "ratio", "repaid"),
    moments=("income", "weight"),
    pairs=("income", "age", "ai", "repaid"),
)


def log(rows, seed=7):
    """Rows with nulls in every column, NaN, infinities, minus zero, subnormal numbers, and text that is not ASCII."""
    rng = np.random.default_rng(seed)
    nasty = np.array([value for value in NASTY if value is not None])
    frame = pl.DataFrame(
        {
            "said": rng.choice(["yes", "no", "später", "", "YES"], rows),
            "sex": rng.choice(["f", "m", "Ünï ß", "U\u0308ni", "🜁", " f"], rows),
            "age": rng.integers(-2, 5, rows),
            "ratio": rng.choice([0.0, -0.0, 0.5, 1 / 3, math.nan, math.inf], rows),
            "repaid": rng.random(rows) < 0.5,
            "ai": rng.choice(["yes", "no"], rows),
            "person": rng.choice(["ann", "bob"], rows),
            "score": np.where(rng.random(rows) < 0.2, rng.choice(nasty, rows), rng.random(rows)),
            "income": np.where(rng.random(rows) < 0.2, rng.choice(nasty, rows), rng.normal(0, 1e5, rows)),
            "weight": np.where(rng.random(rows) < 0.1, rng.choice(nasty, rows), rng.integers(0, 4, rows) / 2),
        }
    )
    return frame.with_columns(
        pl.when(pl.Series(rng.random(rows) < 0.95)).then(pl.col(name)).alias(name) for name in frame.columns
    )


def bits(values, dropped):
    """The bins of numbers by their bits as float32, in order of value."""
    with np.errstate(over="ignore", invalid="ignore"):
        raw = np.array([0.0 if value is None else value for value in values]).astype(np.float32).view(np.uint32)
    magnitude = (raw & 0x7FFFFFFF).astype(np.int64) >> dropped
    nan, signed = (raw & 0x7FFFFFFF) > 0x7F800000, np.where(raw >> 31, -magnitude, magnitude)
    found = np.where(nan, 0x7FC00000 >> dropped, signed)
    return [None if value is None else int(each) for value, each in zip(values, found, strict=True)]


def tables_of(tally):
    """The tables that `count` fills, as rows."""
    return {name: getattr(tally, name).rows() for name in ("cells", "moments", *TABLES)}
