"""Nights of simulated systems from memory: the verdicts of the pipeline's steps, without its files, for a year in minutes.

Read, counted, judged and measured is by the functions that the steps call. Left out are what no verdict depends on (files,
the store, fairlearn's second opinion) and Great Expectations, which calls `measure.judge` for each of these controls; it is
called directly. `same_verdicts` holds the nights against the steps themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from gov_pipelines.access import access_measurements, pattern_measurements, read_access_log
from gov_pipelines.cli.simulate.draws import decisions, reads
from gov_pipelines.cli.simulate.project import write_project
from gov_pipelines.cli.simulate.world import World
from gov_pipelines.decisions import decision_measurements, judge_decisions, read_partition
from gov_pipelines.measure import (
    Measurement,
    Tally,
    drift_measurements,
    fairness_measurements,
    judge,
    quality_measurements,
    range_measurements,
    tally,
    total,
)
from gov_pipelines.pipeline import measuring, verdicts
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.baseline import baseline_of, reads_of, usual_of, weekdays_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import BoundClause, load_declaration, load_policies, partition_key, policy_digest
from gov_pipelines.policy.kinds import AccessPattern, DataAccess, Drift, Fairness, LogQuality, OperatingRange, over_year
from gov_pipelines.store import Home, reading, verdicts_of

FIRST = date(2025, 1, 1)
_STEPS = (
    steps.read_decisions, steps.judge, steps.read_access, measuring.compare_access, measuring.tally, measuring.measure_fairness,
    measuring.measure_shift, verdicts.reach_verdicts,
)  # fmt: skip
_BLOCK = 10

Verdicts = Mapping[str, str]
"""Control key to verdict, of one night."""


@dataclass(frozen=True, slots=True)
class _Day:
    tally: Tally
    reads: pl.DataFrame
    verdicts: pl.DataFrame


@dataclass(frozen=True)
class _Remembered(Night):
    """A night that finds the days before it in memory, and sums of them."""

    days: dict[date, _Day] = field(default_factory=dict)
    sums: dict[tuple[date, date], Tally] = field(default_factory=dict)

    def tallies(self, days: Sequence[date]) -> dict[date, Tally]:  # type: ignore[override]  # every caller has a list
        return {day: self.days[day].tally for day in days if day in self.days}

    def access_logs(self, days: Sequence[date]) -> dict[date, pl.DataFrame]:  # type: ignore[override]  # as above
        return {day: self.days[day].reads for day in days if day in self.days}

    def tally_of(self, days: Sequence[date], without: Collection[str] = ()) -> tuple[Tally | None, int]:  # noqa: ARG002  (nothing is parsed)
        return self.summed(days), len(days)

    def summed(self, days: Sequence[date]) -> Tally:
        """The sum over days in a row, by sums that were made before: of tens of days, and of the same days."""
        span = (days[0], days[-1])
        if span not in self.sums:
            blocks: dict[int, list[date]] = {}
            for day in days:
                blocks.setdefault(day.toordinal() // _BLOCK, []).append(day)
            parts = [self.summed(each) for each in blocks.values()] if len(blocks) > 1 else []
            self.sums[span] = total(parts or [self.days[day].tally for day in days])
        return self.sums[span]


def nights(world: World, system: str, days: int, beside: Sequence[str] = ()) -> Iterator[tuple[date, Verdicts]]:
    """Draw a system day by day and judge each of its nights; other systems are declared beside it, and share its error."""
    known: dict[date, _Day] = {}
    sums: dict[tuple[date, date], Tally] = {}
    for night in _drawn(world, system, days, beside):
        tonight = _Remembered(**vars(night), days=known, sums=sums)
        yield night.partition, _judged(tonight)


def same_verdicts(world: World, system: str, days: int) -> int:
    """How many verdicts of nights from memory were reached by the pipeline's own steps too.

    Raises:
        AssertionError: they differ.
    """
    for night in _drawn(world, system, days):
        for step in _STEPS:
            step(night)
    compared = 0
    with reading(night.store) as connection:
        for day, found in nights(world, system, days):
            own = {row.control: str(row.verdict) for row in verdicts_of(connection, system, day, 1)}
            assert own == found, (day, own, found)
            compared += len(own)
    night.store.dispose()
    return compared


def _drawn(world: World, system: str, days: int, beside: Sequence[str] = ()) -> Iterator[Night]:
    """Each night in turn, with its own day alone at the source: none has rows that come late."""
    last = FIRST + timedelta(days=days - 1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, world, [system, *beside], FIRST, last, None)
        declaration = load_declaration(root / "assets" / system / "defs.yaml")
        policies, _ = load_policies(root / "expectations")
        for name in (system, f"{system}_reads"):
            (root / "data" / name).mkdir(parents=True)
        for day in (FIRST + timedelta(days=each) for each in range(days)):
            pl.concat(decisions(world, system, day, last)).write_parquet(root / "data" / system / "day.parquet")
            reads(world, system, day).write_parquet(root / "data" / f"{system}_reads" / "day.parquet")
            as_of = datetime(day.year, day.month, day.day, 7, tzinfo=UTC) + timedelta(days=1)
            yield Night(Home(root / ".gov"), root, declaration, policies, day, as_of=as_of, environ={})


def _judged(night: _Remembered) -> Verdicts:
    declaration, day = night.declaration, night.partition
    extract = read_partition(declaration, day, project=night.project, environ={}, as_of=night.as_of)
    ranges = [
        limit
        for bound in night.bound
        if isinstance(bound.control, OperatingRange)
        for limit in bound.control.ranges.items()
    ]
    night.days[day] = _Day(
        tally(extract.log, declaration, extract.rows.to_dict(), day, ranges),
        read_access_log(declaration, day, project=night.project, environ={}),
        judge_decisions(extract.log.lazy(), night.bound, declaration, partition=day, as_of=night.as_of).verdicts,
    )
    found = {}
    for bound in night.bound:
        days = len(night.window(bound))
        found[bound.key] = judge(
            bound.control, _measured(night, bound), partitions_present=days, partitions_expected=days
        ).verdict
    return found


def _measured(night: _Remembered, bound: BoundClause) -> list[Measurement]:  # noqa: PLR0911  (one for each kind of control)
    control, days, declaration = bound.control, night.window(bound), night.declaration
    if control.judges == "decision":
        return decision_measurements(pl.concat([night.days[day].verdicts for day in days], how="diagonal"), bound.key)
    if isinstance(control, DataAccess):
        return access_measurements(night.days[night.partition].reads, declaration, control, None)
    if isinstance(control, AccessPattern):
        weekdays = {partition_key(day): weekday for day, weekday in weekdays_of(night, bound, days).items()}
        return pattern_measurements(
            reads_of(night, days), baseline_of(night, bound, control), control, declaration.zone, weekdays
        )
    counted = night.summed(days)
    if isinstance(control, Fairness):
        year = night.year if over_year(control) else None
        return fairness_measurements(counted, control, declaration, year, policy_digest(bound.policy))
    if isinstance(control, LogQuality):
        return quality_measurements(counted, control, declaration)
    if isinstance(control, OperatingRange):
        return range_measurements(counted, control, declaration) + usual_of(night, bound, control)
    assert isinstance(control, Drift), f"the simulated policy has no {control.kind}"
    expected = declaration.calendar.named(*control.reference.days(night.partition))
    if not all(day in night.days for day in expected):
        return [Measurement(metric=control.metric, attribute=(name,), note="too early") for name in control.of]
    return drift_measurements(counted, night.summed(expected), control)
