"""A made-up night written where the system's declaration says its data are, and audited by the steps of a real one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.access import READ_SCHEMA
from gov_pipelines.decisions.log import source_columns
from gov_pipelines.measure import tally_from_json, tally_json
from gov_pipelines.pipeline import measuring
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.selftest.setting import CannotFail, MadeUp, Row, Setting
from gov_pipelines.policy import Policy, SystemDeclaration, log_schema, partition_key
from gov_pipelines.policy.declaration import Source
from gov_pipelines.store import Home


def audited(setting: Setting, made: MadeUp, policies: Sequence[Policy], folder: Path) -> Night:
    """Write a made-up night into a folder of its own and run the steps of a night on it, up to the measurements.

    One day of each content is read and judged by the steps themselves; days alike get its counts under their own date.
    Reads are read day by day.

    Args:
        setting: the control, its system and the day.
        made: what happened.
        policies: in force on that day, with the clauses that are to be judged.
        folder: an empty folder.

    Raises:
        CannotFail: what happened cannot stand in the source as it is declared.
        GovError: a step refused the night.
    """
    alike: dict[int, list[date]] = {}
    for day, happened in sorted(made.days.items()):
        alike.setdefault(id(happened), []).append(day)
    # The partition is read itself, however many other days are like it.
    read = [setting.partition if setting.partition in days else days[-1] for days in alike.values()]
    declaration = _written(setting, made, read, folder).model_copy(
        update={"policies": [policy.policy for policy in policies]}
    )

    def night(day: date) -> Night:
        as_of = declaration.calendar.span(setting.partition)[1] + made.after
        return Night(Home(folder / "home"), folder, declaration, policies, day, as_of, {})

    for day in read:
        steps.read_decisions(night(day))
        steps.judge(night(day))
        measuring.tally(night(day))
    for source, days in zip(read, alike.values(), strict=True):
        _copy(night(source), [night(day) for day in days if day != source])
    for day in sorted(made.days):
        if made.days[day].reads or day == setting.partition:
            steps.read_access(night(day))
    last = night(setting.partition)
    if made.grants is not None:
        last.write_json("grants.json", made.grants)
    measuring.compare_access(last)
    measuring.measure_fairness(last)
    measuring.measure_shift(last)
    return last


def quarantine_reasons(night: Night) -> list[str]:
    """Why rows of the night were set aside."""
    return sorted(set(pl.read_parquet(night.folder / "quarantine.parquet")["reason"]))


def _copy(source: Night, targets: Iterable[Night]) -> None:
    """The files of one day as those of others that are alike; the tally under their own dates."""
    files = [file for file in source.folder.iterdir() if file.name != "tally.json"]
    tally = tally_from_json((source.folder / "tally.json").read_bytes())
    for target in targets:
        target.folder.mkdir(parents=True)
        for file in files:
            os.link(file, target.folder / file.name)
        moved = replace(
            tally,
            days=tally.days.with_columns(partition=pl.lit(partition_key(target.partition))),
            newest=tally.newest and _moved(tally.newest, target.partition - source.partition, source.declaration.zone),
        )
        (target.folder / "tally.json").write_bytes(tally_json(moved))


def _written(setting: Setting, made: MadeUp, read: Sequence[date], folder: Path) -> SystemDeclaration:
    """The declaration with file sources, written under its own names of columns; what it joins stands beside the rest."""
    declared = setting.declaration
    access = declared.access_log
    here = dict.fromkeys(("url_env", "table", "path", "key"))
    attributes = {
        name: each.model_copy(update={**here, "column": f"{name}, joined"}) if each.table or each.path else each
        for name, each in declared.protected_attributes.items()
    }
    at_night = declared.model_copy(update=dict(made.declared))
    changed: dict[str, Any] = {
        "source": Source(path="decisions.parquet", zone=declared.source.zone),
        "protected_attributes": attributes,
        "label": declared.label and declared.label.model_copy(update=here),
        "reviews": None,
        "access_log": access and access.model_copy(update={"url_env": None, "table": None, "path": "reads.parquet"}),
        "starts": made.declared.get("starts", setting.starts),
        "intake": at_night.intake.model_copy(update={"database_url_env": None}),  # no real database is asked
    }
    there = at_night.model_copy(update=changed)
    rows = _rows(setting, made, read)
    files = {"decisions": _under({each.name: each.source for each in source_columns(there)}, rows)}
    if access is not None:
        files["reads"] = _under({name: access.columns.get(name, name) for name in READ_SCHEMA}, _reads(setting, made))
    for file, frame in files.items():
        frame.write_parquet(folder / f"{file}.parquet")
    return there


def _under(names: Mapping[str, str], rows: pl.DataFrame) -> pl.DataFrame:
    """Canonical columns under their source's names; two may share one if they agree."""
    columns: dict[str, pl.Series] = {}
    for name, source in names.items():
        values, there = rows[name].alias(source), columns.get(source)
        if there is None or there.null_count() == len(there):
            columns[source] = values
        elif values.null_count() < len(values) and not there.equals(values, null_equal=True):
            raise CannotFail(f"`{name}` and another column are both read from `{source}`, so they can never differ")
    return pl.DataFrame(list(columns.values()))


def _rows(setting: Setting, made: MadeUp, read: Iterable[date]) -> pl.DataFrame:
    """The decisions of the days that are read, under canonical names."""
    schema = log_schema(setting.declaration)
    days = [pl.DataFrame(schema=schema)]
    for day in read:
        usual = {"decided_at": setting.noon(day), "decision": setting.declaration.outcomes.favorable[0]}
        for row, count in made.days[day].decisions:
            one = pl.DataFrame([usual | _on(day, setting, row)], schema=schema)
            days.append(one[[0] * count])
    rows = pl.concat(days).with_row_index("__row")
    ids = pl.coalesce("decision_id", pl.format("case-{}", "__row"))
    return rows.with_columns(decision_id=ids).drop("__row")


def _on(day: date, setting: Setting, row: Row) -> dict[str, object]:
    """What was made up for the partition, at the same hours of another day."""
    away = day - setting.partition
    return {
        name: _moved(value, away, setting.declaration.zone) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _moved(moment: datetime, by: timedelta, zone: str) -> datetime:
    """Some days away at the same time by the clock on the wall."""
    return (moment.astimezone(ZoneInfo(zone)) + by).astimezone(UTC)


def _reads(setting: Setting, made: MadeUp) -> pl.DataFrame:
    rows = [
        {"read_at": setting.noon(day), **_on(day, setting, read)}
        for day, happened in sorted(made.days.items())
        for read in happened.reads
    ]
    return pl.DataFrame(rows, schema=READ_SCHEMA)
