"""Decision logs of any length on disk: days of a million made-up decisions, ten different ones, each linked as often as needed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.workload import SEED
from gov_pipelines.measure import Columns

DAY_ROWS, DAYS, ROW_GROUP = 1_000_000, 10, 250_000
NUMBERS = (*(f"money_{at}" for at in range(5)), *(f"times_{at}" for at in range(3)), "debt_ratio", "amount")
CATEGORIES = ("product", "region", "model_version")
_VALUES: dict[str, tuple[list[str | None], list[float]]] = {
    "sex": (["female", "male", None], [0.5, 0.49, 0.01]),
    "race": (["White", "Black or African American", "Hispanic", "Asian", None], [0.6, 0.15, 0.15, 0.08, 0.02]),
    "age": (["under 25", "25-34", "35-44", "45-54", "55-64", "65 and over"], [1 / 6] * 6),
    "decision": (["approved", "denied", "withdrawn"], [0.7, 0.28, 0.02]),
    "label": (["1", "0", None], [0.6, 0.2, 0.2]),
    "product": (["home_loan", "car_loan", "boat_loan"], [0.6, 0.3, 0.1]),
    "region": ([f"region-{at:02}" for at in range(20)], [0.05] * 20),
    "model_version": (["v3", "v4"], [0.5, 0.5]),
}


def columns(*, pairs: bool) -> Columns:
    """What is counted of such a log; with `pairs` also thirteen features beside three protected attributes."""
    return Columns(
        decision="decision",
        favorable=frozenset({"approved"}),
        undecided=frozenset({"withdrawn"}),
        attributes=("sex", "race", "age"),
        label="label",
        label_positive=frozenset({"1"}),
        score="score",
        numbers=(*NUMBERS, "score"),
        categories=CATEGORIES,
        pairs=(*NUMBERS, *CATEGORIES) if pairs else (),
    )


def day(seed: int, rows: int = DAY_ROWS) -> pl.DataFrame:
    """One day, always the same for a seed."""
    draw = np.random.default_rng([SEED, seed])
    texts = {
        name: pl.Series(draw.choice(len(values), rows, p=shares).astype(np.uint32)).replace_strict(
            range(len(values)), values, return_dtype=pl.String
        )
        for name, (values, shares) in _VALUES.items()
    }
    money = {f"money_{at}": np.exp(draw.normal(8 + 0.3 * at, 1, rows)).round(2) for at in range(5)}
    times = {f"times_{at}": draw.poisson(3 + at, rows).astype(float) for at in range(3)}
    others = {"debt_ratio": draw.normal(0.3, 0.1, rows), "amount": (1000 + 599_000 * draw.beta(2, 5, rows)).round(2)}
    return pl.DataFrame(texts | {"score": draw.beta(4, 3, rows)} | money | times | others)


def write(folder: Path, layout: str, rows: int) -> list[Path]:
    """Files of a million rows: `raw` (text, zstd) or `own` (Enum, lz4, float32)."""
    folder.mkdir(parents=True)
    files = [folder / f"{at:04}.parquet" for at in range(max(rows // DAY_ROWS, 1))]
    for at, file in enumerate(files):
        if at >= DAYS:
            os.link(files[at % DAYS], file)
            continue
        frame = day(at, min(rows, DAY_ROWS))
        if layout == "own":
            known = {name: pl.Enum([value for value in values if value]) for name, (values, _) in _VALUES.items()}
            frame = frame.cast({pl.Float64: pl.Float32}).cast(known)  # type: ignore[arg-type]  # a schema
        compression = "lz4" if layout == "own" else "zstd"
        frame.write_parquet(file, compression=compression, row_group_size=ROW_GROUP)  # type: ignore[arg-type]  # a literal
    return files
