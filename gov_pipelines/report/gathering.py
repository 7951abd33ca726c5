"""Gathers what the pages show from the store, the policies and the files of the newest partitions. Reads only."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from gov_pipelines.decisions import RowAccounting
from gov_pipelines.measure import Measurement
from gov_pipelines.measure.reviewing import review_measurements
from gov_pipelines.people import (
    Authority,
    Roster,
    acts_of,
    known_findings,
    known_obligations,
    roster_of,
    waivers_in_force,
)
from gov_pipelines.people.reviewing import review_rows
from gov_pipelines.policy import (
    CoverageCell,
    Obligation,
    Orphan,
    Policy,
    SystemDeclaration,
    coverage_matrix,
    in_force,
    last_verdict,
    newest_due,
)
from gov_pipelines.policy.document import Source
from gov_pipelines.report import words
from gov_pipelines.report.charts.overlay import Share
from gov_pipelines.report.model import RED, Cleared, ControlView, PastVerdict, Report, Side, SystemPage
from gov_pipelines.store import Connection, Home, VerdictRow, all_snapshots, as_written, read_frame, verdict_history

_T = TypeVar("_T", RowAccounting, Cleared)
_ACCESS_LOG = "access log"
# Columns that a kind of control looks at without naming them.
_LOOKED_AT: Mapping[str, tuple[str, ...]] = {
    "approved_model": ("model_version",),
    "data_access": (_ACCESS_LOG,),
    "decision_scope": ("product", "amount"),
    "human_review": ("reviewer", "reviewer_role", "reviewed_at", "review_outcome", "requester"),
}


def gather(
    connection: Connection,
    home: Home,
    declarations: Mapping[str, SystemDeclaration],
    policies: Sequence[Policy],
    as_of: datetime,
    authority: Authority,
    *,
    mistakes: Iterable[object] = (),
    orphans: Iterable[Orphan] = (),
) -> Report:
    """Build the report of some systems from what was signed.

    Args:
        connection: of the store.
        home: where the partitions' files lie.
        declarations: the systems, by name.
        policies: all versions of all policies.
        as_of: when the report is drawn up; its local date in each system's zone decides what is due.
        authority: whose signatures count.
        mistakes: files that could not be read, to be named on the first page.
        orphans: what serves no clause.
    """
    roster = roster_of(connection, authority)
    waivers = {key: each.words for key, each in waivers_in_force(connection, roster, policies, as_of).items()}
    pages = (_system(connection, home, each, policies, as_of, waivers, roster) for each in declarations.values())
    return Report(
        as_of=as_of,
        systems=tuple(pages),
        mistakes=tuple(map(str, mistakes)),
        orphans=tuple(orphans),
        obligations=tuple(known_obligations(connection, roster, policies, as_of)),
    )


def _system(
    connection: Connection,
    home: Home,
    declaration: SystemDeclaration,
    policies: Sequence[Policy],
    as_of: datetime,
    waivers: Mapping[tuple[str, str], str],
    roster: Roster,
) -> SystemPage:
    system, calendar = declaration.system, declaration.calendar
    histories: dict[str, list[VerdictRow]] = {}
    for row in verdict_history(connection, system):
        histories.setdefault(row.control, []).append(row)
    said = {(system, key): verdict for key, rows in histories.items() if (verdict := last_verdict(rows))}
    due = newest_due(declaration, as_of)
    snapshots = all_snapshots(connection, system)
    signed = sorted({row.partition for row in snapshots})
    rows = {each: _rows(home.partition_dir(system, each)) for each in signed}
    cleared = [went for each in signed if (went := _cleared(home.partition_dir(system, each), calendar.day(each)))]
    folder = partial(home.partition_dir, system)
    measured = cache(lambda day: measurements_in(folder(day)))
    views = (
        _control(cell, declaration, policies, due, histories.get(f"{cell.policy}/{cell.clause}", []), measured, folder)
        for cell in coverage_matrix(policies, [declaration], said, today=as_of, waivers=waivers)
    )
    return SystemPage(
        declaration=declaration,
        synthetic=_synthetic_columns(declaration),
        controls=tuple(views),
        partitions=tuple(signed),
        missed=tuple(each for each in calendar.between(declaration.starts, due) if each not in set(signed)),
        # A day's line suffices for its hours; one that does not add up keeps its own.
        rows=_added((calendar.day(each) if one.adds_up else each, one) for each, one in rows.items()),
        snapshots=tuple(snapshots),
        key_names={keyid: key.name for keyid, key in roster.authority.keys.items()},
        findings=tuple(known_findings(connection, roster, system).values()),
        cleared=tuple(_added((each.partition, each) for each in cleared).values()),
        reviewing=tuple(_reviewing(connection, home, declaration, roster)),
        proxies=_proxies(home.partition_dir(system, signed[-1])) if signed else (),
    )


def _control(
    cell: CoverageCell,
    declaration: SystemDeclaration,
    policies: Sequence[Policy],
    due: date,
    history: Sequence[VerdictRow],
    measured: Callable[[date], Mapping[str, list[Measurement]]],
    folder: Callable[[date], Path],
) -> ControlView:
    versions = [policy for policy in policies if policy.policy == cell.policy]
    day = declaration.calendar.day(due)
    policy = in_force(versions, cell.policy, day) or max(versions, key=lambda each: each.version)
    clause = next(each for each in policy.clauses if each.id == cell.clause)
    control = clause.control
    newest = history[-1] if control and history else None
    numbers = (measured(newest.partition).get(newest.control) or _decisive(newest)) if newest else []
    began = max(policy.in_force.from_, declaration.starts)
    over = policy.in_force.until if not policy.in_force.covers(day) else None
    turned = {"stale": over or cell.last_partition, "insufficient_long": cell.since}.get(cell.state) or began
    limit, side = limit_of(control)
    return ControlView(
        **asdict(cell) | {"obligation": _owed(clause.obligation) if clause.obligation else None},
        owner=policy.owner,
        document=policy.document.title,
        version=policy.version,
        in_force_from=policy.in_force.from_,
        in_force_until=policy.in_force.until,
        on_fail=control.on_fail or control.default_on_fail if control else None,
        severity=control.severity if control else None,
        window=str(control.window) if control else None,
        threshold=newest.threshold or None if newest else None,
        metric=getattr(control, "metric", None),
        limit=limit,
        limit_is=side,
        reason=newest.reason if newest else "",
        days_open=_days(declaration, cell.since, day) if cell.verdict in RED else None,
        gap_days_open=_days(declaration, turned, day) if cell.gap else None,
        n=newest.n if newest else None,
        measurements=tuple(numbers),
        shares=_shares(folder(newest.partition), newest, numbers) if newest and newest.kind == "drift" else {},
        history=tuple(PastVerdict(row.partition, row.verdict, row.breaches, *_decisive(row)) for row in history),
        synthetic=_synthetic_in(control, declaration) if control else (),
        source=_source(clause.source or policy.document),
        tags=clause.tags,
    )


def _source(source: Source) -> str:
    """Where a clause comes from, and how sure that is; a clause without a source of its own has its document's."""
    sure = f"confidence: {source.confidence}" if source.confidence else None
    status = source.status.replace("_", " ") if source.status else None
    verified = f"last verified {source.last_verified}" if source.last_verified else None
    return "; ".join(filter(None, (source.citation, status, sure, verified, source.litigation_note)))


def limit_of(control: object) -> tuple[float | None, Side]:
    """A control's limit, and on which side of it the good values are."""
    at_least, at_most = getattr(control, "at_least", None), getattr(control, "at_most", None)
    return (at_most, "at_most") if at_least is None and at_most is not None else (at_least, "at_least")


def _days(declaration: SystemDeclaration, since: date | None, due: date) -> int | None:
    """Days something has stood, both ends counted; a system that has ended stops the count."""
    return None if since is None else max(0, (due - declaration.calendar.day(since)).days + 1)


def _owed(obligation: Obligation) -> str:
    every = f", every {obligation.every}" if obligation.every else ""
    onward = "".join(f"; to {step.to} after {step.after}" for step in obligation.escalate)
    return f"{obligation.who}{every}, shown by {obligation.evidence}{onward}"


def measurements_in(folder: Path) -> dict[str, list[Measurement]]:
    """Measurements of one partition by control. A file that is absent was not made: its step had nothing to measure."""
    found: dict[str, list[Measurement]] = {}
    for name in ("fairness_metrics", "distribution_shift", "access_patterns"):
        with _said(folder, name, {}) as content:
            records = content.get("measurements", content)
            found |= {key: [_measurement(row) for row in rows] for key, rows in records.items()}
    return found


@contextmanager
def _said(folder: Path, name: str, nothing: Any) -> Iterator[Any]:
    """What a partition's file of JSON says, or that there is none; what is amiss in it is told by the file's name."""
    file = folder / f"{name}.json"
    with as_written(file):
        yield json.loads(file.read_bytes()) if file.is_file() else nothing


def _shares(folder: Path, row: VerdictRow, measured: Sequence[Measurement]) -> dict[str, list[Share]]:
    """What the distance that decided is of, or where none did the largest; nothing where the partition kept no shares."""
    told = _decisive(row) or sorted(measured, key=lambda each: -(each.value or 0))[:1]
    with _said(folder, "distribution_shift", {}) as content:
        return {
            words.subject_words(one): [Share(*each) for each in record["shares"]]
            for one in told
            for record in content.get("shares", {}).get(row.control, [])
            if (one.attribute, one.group) == ((record["column"],), record["group"])
        }


def _measurement(record: Mapping[str, Any]) -> Measurement:
    moments = {at: datetime.fromisoformat(record[at]) for at in ("window_start", "window_end") if record.get(at)}
    return Measurement(**{**record, "attribute": tuple(record["attribute"]), **moments})


def _proxies(folder: Path) -> tuple[Measurement, ...]:
    """What features told of protected attributes as that day was measured; nothing where nothing was."""
    with _said(folder, "proxies", []) as records:
        return tuple(map(_measurement, records))


def _decisive(row: VerdictRow) -> list[Measurement]:
    """The number that decided, if one did."""
    if row.metric is None:
        return []
    copied = ("metric", "attribute", "group", "reference_group", "value", "lower", "upper", "confidence", "p_adjusted")
    return [Measurement(n=row.n or 0, **{name: getattr(row, name) for name in copied})]


def _rows(folder: Path) -> RowAccounting:
    """The day's row accounting; nothing where the day was signed as missed before its rows were counted."""
    names = [each.name for each in fields(RowAccounting)]
    with _said(folder, "rows", dict.fromkeys(names, 0)) as rows:
        return RowAccounting(**{name: int(rows[name]) for name in names})


def _cleared(folder: Path, day: date) -> Cleared | None:
    """How many decisions went on and how many wait; None where the day was never cleared."""
    went, waits = (folder / f"{name}_decisions.parquet" for name in ("cleared", "held"))
    if not went.is_file() or not waits.is_file():
        return None
    held = read_frame(waits)
    by = Counter(held.select(pl.coalesce("control", "on_fail").sort()).to_series().to_list())
    return Cleared(day, read_frame(went).height, held["decision_id"].n_unique(), by)


def _added(rows: Iterable[tuple[date, _T]]) -> dict[date, _T]:
    """What belongs to one partition, summed."""
    found: dict[date, _T] = {}
    for partition, row in rows:
        found[partition] = found[partition] + row if partition in found else row
    return found


def _reviewing(connection: Connection, home: Home, declaration: SystemDeclaration, roster: Roster) -> list[Measurement]:
    """How people review, of all and by group, without their names; empty where nobody has."""
    attributes = tuple(declaration.attributes_in_log)
    logs = [read_frame(file) for file in home.audited(declaration.system, "decision_log.parquet").values()]
    if not logs:
        return []
    signed = acts_of(connection, roster, "review", declaration.system)
    rows = review_rows(pl.concat(logs, how="diagonal"), signed, attributes)
    return review_measurements(rows, attributes) if rows.height else []


def _synthetic_columns(declaration: SystemDeclaration) -> tuple[str, ...]:
    made_up = declaration.synthetic
    return () if made_up is None else (*made_up.columns, *([_ACCESS_LOG] if made_up.access_log else []))


def _synthetic_in(control: Any, declaration: SystemDeclaration) -> tuple[str, ...]:
    """Made-up columns that a control looks at: those its kind implies and those its parameters name."""
    named = re.findall(r"\w+", control.model_dump_json())
    if control.kind == "human_review" and control.when is None:
        named += re.findall(r"\w+", declaration.intake.needs_review or "")
    if control.kind == "operating_range":
        named += control.ranges_of(declaration.operating_range)
    looked_at = {*named, *_LOOKED_AT.get(control.kind, ())}
    return tuple(column for column in _synthetic_columns(declaration) if column in looked_at)
