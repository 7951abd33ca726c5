"""The rows of one day: decisions as they are known on a date, and who read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from gov_pipelines.cli.simulate.world import RACES, World, is_holiday

BLOCK = 50_000
"""Rows drawn at once: the memory that is needed, whatever the number of rows."""
ZONE = "America/New_York"
FIELDS = ("amount", "income", "score", "product")
READS = ("read_at", "principal", "role", "table_name", "field", "purpose", "rows")
_PRODUCTS, _REGIONS = ("home", "car", "personal"), ("north", "south", "east", "west")
_WEEKEND = 5
_WRITTEN = (
    "application_id", "decided_on", "decision", "score", "model", "product", "region", "amount", "income", "completed_on",
    "notice_sent_on", "race", "sex", "repaid", "arrived_on",
)  # fmt: skip


def decisions(world: World, system: str, day: date, known: date) -> Iterator[pl.DataFrame]:
    """The decisions of a local day as the source held them at the end of the day `known`, in blocks.

    A late row has not arrived yet, a label is null until it matures, an amount is wrong until it is corrected, and a row
    that somebody asked to have deleted is gone.
    """
    count = world.count(system, day)
    for number, start in enumerate(range(0, count, BLOCK)):
        yield _block(world, system, day, known, number, min(BLOCK, count - start))


def _block(world: World, system: str, day: date, known: date, number: int, n: int) -> pl.DataFrame:
    draw, age = world.draw(system, day, 1, number), (known - day).days
    kinds = ("income_shift", "score_range", "new_category", "new_model")
    strength = {kind: world.strength(kind, system, day) or 0 for kind in kinds}
    race = np.searchsorted(np.cumsum(list(RACES.values())), draw.random(n))
    rates = world.rates(system, day)
    approved = draw.random(n) < np.array([rates[name] for name in RACES])[np.minimum(race, len(RACES) - 1)]
    score = np.where(approved, 0.5 + 0.5 * draw.beta(1.5, 2, n), 0.5 * draw.beta(2, 1.5, n))
    repaid = draw.random(n) < 0.75 + 0.2 * score
    score = np.where(draw.random(n) < strength["score_range"], 1 + score, score)
    income = np.exp(draw.normal(11, 0.5, n)) * (strength["income_shift"] or 1)
    amount = income * draw.uniform(0.1, 3, n)
    decided = np.sort(7 * 3600 + 14 * 3600 * draw.beta(2, 2.2, n)).round(3)
    completed, notice = draw.uniform(1, 20, n), draw.uniform(5, 180, n)
    arrives = np.where(draw.random(n) < world.late, draw.integers(1, 6, n), 0)
    corrected = np.where(draw.random(n) < world.corrected, draw.integers(1, 21, n), -1)
    leaves = np.where(draw.random(n) < world.deleted, draw.integers(5, 61, n), -1)
    wrong = (corrected > age) & (corrected > 0)
    at = pl.lit(datetime.combine(day, time())) + pl.duration(microseconds=(pl.col("decided") * 1e6).cast(pl.Int64))
    drawn = pl.DataFrame(
        {
            "decided": decided,
            "decision": np.where(approved, "approved", "denied"),
            "score": score.round(4),
            "model": np.where(draw.random(n) < strength["new_model"], "v2", "v1"),
            "product": np.where(
                draw.random(n) < strength["new_category"], "balloon", np.array(_PRODUCTS)[draw.integers(0, 3, n)]
            ),
            "region": np.array(_REGIONS)[draw.integers(0, 4, n)],
            "amount": np.where(wrong, amount * 10, amount).round(2),
            "income": income.round(2),
            "completed": completed,
            "notice": notice,
            "race": np.array([*RACES, *list(RACES)[-1:]])[race],
            "sex": np.where(draw.random(n) < 0.5, "female", "male"),
            "repaid": repaid,
            "arrived": arrives,
            "there": (arrives <= age) & ((leaves < 0) | (leaves > age)),
        }
    )
    places, decided_on = pl.int_range(number * BLOCK, number * BLOCK + n), pl.col("decided_on")
    rows = drawn.with_columns(decided_on=at.dt.replace_time_zone(ZONE).dt.convert_time_zone("UTC")).with_columns(
        application_id=pl.format(f"{system}-{day:%Y%m%d}-{{}}", places.cast(pl.String).str.zfill(7)),
        completed_on=decided_on - pl.duration(minutes=(pl.col("completed") * 1440).cast(pl.Int64)),
        notice_sent_on=decided_on + pl.duration(minutes=pl.col("notice").cast(pl.Int64)),
        repaid=pl.when((pl.col("decision") == "approved") & (world.matures <= age)).then("repaid"),
        arrived_on=decided_on + pl.duration(days="arrived"),
    )
    return rows.filter("there").select(_WRITTEN)


def reads(world: World, system: str, day: date) -> pl.DataFrame:
    """Who read what on a local day: the model in every working hour, analysts on working days, planted faults."""
    draw, rows = world.draw(system, day, 2), world.count(system, day)
    works = day.weekday() < _WEEKEND and not is_holiday(day)
    found: list[tuple[Any, ...]] = []

    def read(hour: float, principal: str, fields: Iterable[str], purpose: str, count: float) -> None:
        role = "credit_model" if principal.startswith("svc-") else "analyst"
        table = "applications" if "race" not in fields else "applicants"
        moment = datetime.combine(day, time()) + timedelta(seconds=int(hour * 3600))
        found.extend((moment, principal, role, table, field, purpose, int(count)) for field in fields)

    for hour in range(7, 22):
        read(hour + 0.02, "svc-credit", FIELDS, "underwriting", rows / 15)
    hired = [each for year in range(day.year - 1, day.year + 1) for each in world.hires(system, year)]
    analysts = [*range(1, 5), *(5 + number for number, first in enumerate(hired) if first <= day)]
    creep = next((each for each in world.faults if each.kind == "slow_creep" and each.on(system, day)), None)
    for analyst in analysts:
        usual = draw.poisson(3 if works else 0.1 * (analyst == 1))
        times = (1 + creep.value) ** ((day - creep.first).days + 1) if creep and analyst == 2 else 1
        for _ in range(usual):
            fields, at = draw.choice(FIELDS, draw.integers(1, 4), replace=False), draw.triangular(8, 11, 18)
            read(at, f"analyst-{analyst}", fields, "portfolio review", times * draw.uniform(0.1, 1) * rows)
    if works and day.weekday() == 0:
        read(14, "fair-lending-analyst", ("race", "sex"), "fair-lending review", 7 * rows)
    if world.strength("protected_read", system, day) is not None:
        read(10, "svc-credit", ("race",), "underwriting", rows)
    if world.strength("new_principal", system, day) is not None:
        read(11.5, "contractor-7", FIELDS[:2], "portfolio review", rows)
    if (export := world.strength("night_export", system, day)) is not None:
        read(3.2, "analyst-1", FIELDS, "portfolio review", export * rows)
    types: list[Any] = [pl.Datetime("us"), *[pl.String] * 5, pl.Int64]
    frame = pl.DataFrame(found, schema=dict(zip(READS, types, strict=True)), orient="row")
    return frame.with_columns(pl.col("read_at").dt.replace_time_zone(ZONE).dt.convert_time_zone("UTC")).sort(READS)
