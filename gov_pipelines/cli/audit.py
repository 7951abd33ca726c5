"""`gov audit`: the nightly audit, by hand, for any day or range."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.demo.show import SYSTEMS
from gov_pipelines.cli.desk import PARTITION
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import GovError, SourceUnreachable, WrongUse
from gov_pipelines.evidence import DEMO_KEY_NAME
from gov_pipelines.notify import routes_from
from gov_pipelines.policy import Partition, SystemDeclaration, partition_key
from gov_pipelines.store import pending_count, reading, verdicts_of

_RED = {"fail", "missing"}


@click.command("audit")
@click.argument("system", required=False)
@click.option("--date", "day", type=PARTITION, help="One local day of the system, or one hour; default: the last.")
@click.option("--from", "first", type=PARTITION, help="First day of a range.")
@click.option("--to", "last", type=PARTITION, help="Last day of the range, inclusive.")
@click.option("--all", "everything", is_flag=True, help="Every system, in one process.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    help="Judge from this instant; default: the scheduled hour of the next day.",
)
@click.option("--json", "as_json", is_flag=True, help="Print runs and verdicts as JSON.")
def audit_command(
    system: str | None,
    day: Partition | None,
    first: Partition | None,
    last: Partition | None,
    everything: bool,
    as_of: datetime | None,
    as_json: bool,
) -> int:
    """Audit one system for a day or a range: pull, measure, judge, sign.

    Without dates: yesterday, and before it what is owed of the last 14 days, because machine, daemon or source were away.
    Exit code 1 if a control fails or is missing, 3 if a source was not reached (the missed window is signed first).

    \b
    Example:
      gov audit mortgage_underwriting --date 2026-09-30
      gov audit mortgage_underwriting --from 2026-09-01 --to 2026-09-10
      gov audit card_limits --date 2026-09-01T14Z
      gov audit --all
    """
    place = workplace()
    if (system is None) == (not everything):
        raise WrongUse("Name one system, or give --all. Systems: " + ", ".join(sorted(place.systems[0])))
    declared, mistakes = place.systems if everything else ({}, [])
    for mistake in mistakes:
        click.echo(f"not audited: {mistake}", err=True)
    asked = bool(day or first or last)
    work = []
    for declaration in declared.values() if everything else [place.system(system or "")]:
        try:
            work.append((declaration, _days(declaration, day, first, last)))
        except WrongUse as error:
            if not everything or asked:
                raise
            click.echo(f"skipped: {error}", err=True)  # its days are past, or have not begun
    if place.key.name == DEMO_KEY_NAME and any(each.system not in SYSTEMS for each, _ in work):
        own = "set GOV_HOME to a home of your own and make a key there"
        click.echo(f"Signing with the key `{DEMO_KEY_NAME}`: {own}.", err=True)
    results = run_audits(place, work, as_of=as_of, quiet=as_json, owing=not asked and as_of is None)
    answer(as_json, results, _afterwards(place, results))
    return _exit_code(results, broken=bool(mistakes))


def run_audits(
    place: Workplace,
    work: Sequence[tuple[SystemDeclaration, Sequence[date]]],
    *,
    as_of: datetime | None = None,
    quiet: bool = False,
    owing: bool = False,
) -> list[dict[str, Any]]:
    """Audit days of systems in this process, through Dagster, with a line a day; one that is broken never stops the others.

    Runs that died without a word are ended first. The report is written once, at the end.

    Args:
        place: the project.
        work: days by system.
        as_of: when the days are judged; each at its usual moment unless given.
        quiet: whether nothing is printed.
        owing: whether windows that nobody audited are audited too, before the others.

    Returns:
        One record a day: system, partition, done, signed, unreachable, problem, run_id, verdicts, and why it was audited
        `again`, unasked: see `gov_pipelines.pipeline.audit`.
    """
    from gov_pipelines.definitions import load  # noqa: PLC0415  (Dagster takes two seconds)
    from gov_pipelines.pipeline import AuditHome, PartitionRun, audit  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.catchup import owed, sweep  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.graph import SystemGraph  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.instance import open_instance  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.runs import write_reports  # noqa: PLC0415  (as above)
    from gov_pipelines.pipeline.watch import settle  # noqa: PLC0415  (as above)

    results: list[dict[str, Any]] = []

    def note(system: str, run: PartitionRun) -> None:
        with reading(place.store) as connection:
            verdicts = {row.control: row.verdict for row in verdicts_of(connection, system, run.partition)}
        told = {"partition": partition_key(run.partition), "verdicts": verdicts}
        results.append({"system": system} | asdict(run) | told)
        if not quiet:
            click.echo(_line(results[-1], named=len(work) > 1))

    with open_instance(place.project) as instance:
        home = AuditHome.of(place.project)
        definitions = load(place.project, os.environ, home)
        for dead in sweep(instance, home, place.now):
            settle(instance, dead, home, place.now)
        audit_one = partial(audit, instance=instance, definitions=definitions, home=home, as_of=as_of, report=False)
        for declaration, asked in work:
            late = owed(SystemGraph(declaration, ()), home, place.now)[0] if owing else []
            days = sorted({*late, *asked})
            try:
                audit_one(
                    declaration.system,
                    days,
                    progress=partial(note, declaration.system),
                    announce=None if quiet else partial(_announce, declaration.system),
                )
            except GovError as error:
                if len(work) == 1:
                    raise
                away = isinstance(error, SourceUnreachable)
                for day in days:
                    problem = f"{type(error).__name__}: {error}"
                    note(declaration.system, PartitionRun(day, False, False, "", problem, unreachable=away))
        if signed := sorted({each["system"] for each in results if each["run_id"]}):
            write_reports(signed, instance, definitions=definitions)
    return results


def _days(
    declaration: SystemDeclaration, day: Partition | None, first: Partition | None, last: Partition | None
) -> list[Partition]:
    now, calendar = datetime.now(UTC), declaration.calendar
    if day is not None and (first or last):
        raise WrongUse("Give --date, or --from and --to, not both.")
    if (first is None) != (last is None):
        raise WrongUse("A range has --from and --to.")
    start, end = (each or calendar.just_over(now) for each in (first or day, last or day))
    (begins, _), (_, over) = calendar.span(start), calendar.span(end)
    if begins >= over:
        raise WrongUse(f"--from {start} is after --to {end}.")
    newest = calendar.newest(now)
    asked = calendar.between(start, end) if calendar.hourly or not isinstance(start, datetime) else []
    within = newest and calendar.span(declaration.starts)[0] <= begins and over <= calendar.span(newest)[1]
    if not asked or not within:
        days = f"partitions from {calendar.first} to {newest}" if newest else "no day yet"
        raise WrongUse(f"{declaration.system} has {days}; asked for {start} to {end}.")
    return asked


def _announce(system: str, again: Mapping[Partition, str]) -> None:
    """That earlier days are about to be audited unasked, how many, and why: each is measured and signed like a new one."""
    counts = Counter(again.values()).most_common()
    told = "; ".join(f"{why} ({count})" for why, count in counts)
    click.echo(f"{system}  earlier partitions to audit again: {len(again)}; {told}")


def _line(result: dict[str, Any], *, named: bool) -> str:
    counts = Counter(result["verdicts"].values())
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    # Dagster's name of the step and ours of the error are for its log; a person reads what happened.
    problem = re.sub(r"^\S+?__(\w+): (\w+: )?", r"  \1: ", result["problem"] or "")
    system = f"{result['system']}  " if named else ""
    stands = "signed as missed:" if set(counts) == {"missing"} else "what was signed before stands:"
    state = "signed" if result["signed"] else f"NOT AUDITED; {stands}"
    again = f"  (again: {result['again']})" if result["again"] else ""
    return f"{system}{result['partition']}  {state}  {told}{again}{problem}"


def _afterwards(place: Workplace, results: Sequence[dict[str, Any]]) -> str:
    """What failed, what waits, and what to look at."""
    failing = sorted({control for each in results for control, verdict in each["verdicts"].items() if verdict in _RED})
    with reading(place.store) as connection:
        waiting = pending_count(connection)
    lines = [f"Failing or missing: {', '.join(failing)}."] if failing else []
    if waiting:
        why = "`gov alerts` says for what" if routes_from(os.environ) else "GOV_ALERT_URLS names no receiver"
        lines.append(f"{waiting} alerts wait: {why} (docs/alerts.md). The next audit or the daemon sends them.")
    return "\n".join([*lines, f"Pages: {place.home.report_dir / 'index.html'}"])


def _exit_code(results: Sequence[dict[str, Any]], *, broken: bool) -> int:
    if any(result["unreachable"] for result in results):
        return 3
    bad = any(not result["done"] or _RED & set(result["verdicts"].values()) for result in results)
    return 1 if bad or broken else 0
