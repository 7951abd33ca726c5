"""`gov demo`: a home from real public data, audited, with what was found held against what must be found."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.audit import run_audits
from gov_pipelines.cli.demo import arrests, loanapp
from gov_pipelines.cli.demo.show import Show
from gov_pipelines.cli.desk import clause_in_force
from gov_pipelines.cli.gaps import coverage
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import DEMO_KEY_NAME, found
from gov_pipelines.people import known_findings
from gov_pipelines.pipeline.names import check_url
from gov_pipelines.store import VerdictRow, pending_count, read_frame, reading, verdict_history

SHOWS = (loanapp.SHOW, arrests.SHOW)
UI = "http://127.0.0.1:3000"
MOST_SHOWN = 10
"""Unexpected failures named on screen; the pages have the rest."""


@click.command("demo")
@click.option("--tour", is_flag=True, help="Walk from a clause to a proof and tamper with it; needs an audited demo.")
@click.option("--ui", is_flag=True, help="Serve Dagster on the demo's home.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def demo_command(tour: bool, ui: bool, as_json: bool) -> int:
    """Audit 30 days of real mortgage decisions and six years of real release decisions, and print what was found.

    Exit code 0 if it found exactly what it must: the clauses that the real data break, on the days they do, each planted
    fault, no other; and if exactly the decisions of planted faults wait.

    \b
    Example:
      gov demo
      gov demo --tour
    """
    place = workplace()
    prepare(place)
    if ui:
        serve(place)
    if tour:
        from gov_pipelines.cli.demo.tour import walk  # noqa: PLC0415  (one option needs it)

        return walk(place)
    began = time.monotonic()
    if not as_json:
        click.echo(_INTRODUCTION)
    days = {show.system: _days(place, show) for show in SHOWS}
    from gov_pipelines.cli.demo.people import after_the_last_day, before_the_first_day  # noqa: PLC0415  (Dagster: as above)
    from gov_pipelines.pipeline.pages import write_pages  # noqa: PLC0415  (as above)

    before_the_first_day(place)
    run_audits(place, [(place.system(system), its) for system, its in days.items()], quiet=as_json)
    place = workplace()  # the clock has moved on
    after_the_last_day(place, days[loanapp.SYSTEM])
    found = {show.system: compare(place, show) for show in SHOWS}
    exact = all(each.exact for each in found.values())
    pages = write_pages(place.project, place.engine, place.policies, place.now)
    systems = {system: each.to_dict() for system, each in found.items()}
    told = _told(place, found, pages[0], time.monotonic() - began)
    answer(as_json, {"exact": exact, "systems": systems, "report": pages[0]}, *told)
    return 0 if exact else 1


def _days(place: Workplace, show: Show) -> list[date]:
    """The partitions of a system, whose days are past."""
    calendar = place.system(show.system).calendar
    assert calendar.ends is not None  # the demo's declarations name their last day
    return [day for day in calendar.between(calendar.starts, calendar.ends) if day < calendar.ends]


def prepare(place: Workplace) -> None:
    """The demo's databases and key in this home, and the environment a run reads.

    Raises:
        WrongUse: the home belongs to something else, or the project lacks a demo system.
    """
    for show in SHOWS:
        if not place.project.declaration_file(show.system).is_file():
            raise WrongUse(
                f"The demo audits assets/{show.system}, which {place.project.root} does not have. Run it in a checkout."
            )
    keys = place.home.keys_dir
    if not (keys / "signing.pem").is_file():
        found(keys, place.home.roots_dir, name=DEMO_KEY_NAME, created=place.now)
    elif place.key.name != DEMO_KEY_NAME:
        raise WrongUse(
            f"{place.home.root} has a key of its own, so it is not a demo's home. Set GOV_HOME to another folder."
        )
    for show in SHOWS:
        database = place.home.root / "demo" / f"{show.system}.db"
        if not database.is_file():
            show.build(database)
        os.environ[show.url_variable] = f"sqlite:///{database}"
    os.environ.setdefault("GOV_UI_URL", UI)


def serve(place: Workplace) -> None:
    """Replace this process by Dagster on the demo's home."""
    from gov_pipelines.pipeline.instance import open_instance  # noqa: PLC0415  (Dagster takes two seconds)

    open_instance(place.project).dispose()
    os.environ["GOV_HOME"] = str(place.home.root)
    os.chdir(place.project.root)
    click.echo(f"The demo's schedules are off: their days are past. Open {UI}")
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", "3000"]
    os.execv(command[0], command)  # noqa: S606  (the interpreter we run in, fixed arguments)


@dataclass(frozen=True, slots=True)
class Found:
    """What the audit of a system found, held against what it must find.

    Attributes:
        rows: the last failure of each clause that the real data break, then of each planted fault.
        missed: what must be found and was not.
        unexpected: failures that nobody planted, and decisions that went on or wait although they must not.
        cleared: how many decisions went on.
        held: how many wait.
        counts: of the source rows: `source_count`, `accepted`, `quarantined`, `duplicate`.
    """

    rows: tuple[VerdictRow, ...]
    missed: tuple[str, ...]
    unexpected: tuple[str, ...]
    cleared: int
    held: int
    counts: dict[str, int]

    @property
    def exact(self) -> bool:
        """Whether it found exactly what it must."""
        return not self.missed and not self.unexpected

    def to_dict(self) -> dict[str, object]:
        """As plain data."""
        names = ("control", "verdict", "reason", "breaches", "value", "lower", "upper", "n", "threshold")
        rows = [
            {"partition": row.partition.isoformat()} | {name: getattr(row, name) for name in names} for row in self.rows
        ]
        told = {"missed": self.missed, "unexpected": self.unexpected, "cleared": self.cleared, "held": self.held}
        return {"found": rows, **told, "rows": self.counts}


def compare(place: Workplace, show: Show) -> Found:
    """Hold the signed verdicts, and what was cleared and held, against what must be found."""
    with reading(place.engine) as connection:
        history = verdict_history(connection, show.system)
    bad = {(row.control, row.partition): row for row in history if row.verdict in {"fail", "missing"}}
    days = _days(place, show)
    cleared, held = (_decisions(place, show.system, days, name) for name in ("cleared", "held"))
    must_wait = held - cleared if show.held is None else set(show.held)
    wrong = sorted(held ^ must_wait | (cleared & must_wait))
    last = {row.control: row for (control, _), row in bad.items() if control in show.known}
    counts = [json.loads((place.home.partition_dir(show.system, day) / "rows.json").read_bytes()) for day in days]
    names = ("source_count", "accepted", "quarantined", "duplicate")
    return Found(
        rows=(*last.values(), *(row for (control, _), row in bad.items() if control not in show.known)),
        missed=tuple(
            _where(key) for key, breaches in show.expected.items() if key not in bad or bad[key].breaches != breaches
        ),
        unexpected=(
            *(_where(key) for key in bad if key not in show.expected),
            *(f"{each} {'waits' if each in held else 'went on'}" for each in wrong),
        ),
        cleared=len(cleared),
        held=len(held),
        counts={name: sum(each[name] for each in counts) for name in names},
    )


def _decisions(place: Workplace, system: str, days: Sequence[date], name: str) -> set[str]:
    """Ids of the decisions that were cleared, or held."""
    files = [place.home.partition_dir(system, day) / f"{name}_decisions.parquet" for day in days]
    return {each for file in files for each in read_frame(file)["decision_id"]}


_INTRODUCTION = f"""\
gov_pipelines demo

Real:      1,989 home-loan applications in Boston (Federal Reserve Bank of Boston study; Hunter and Walker 1996), and
           5,226 decisions of the Toronto police whether to release after arrest, 1997 to 2002 (Toronto Star).
           They are historical human decisions, standing in for the logs of AI systems.
By rule:   the data carry no dates, or the year alone: application i lies on day i mod {loanapp.DAYS} of September 2026, arrest i
           of a year on date i mod {arrests.DATES} of the {arrests.DATES} fifteenths that are its year's partitions.
Synthetic: the lender's products, model versions, reviews, notices and accesses are made up, with {len(loanapp.PLANTED)} planted
           faults. So are the people who sign, at made-up times, with keys of their own in this home.

One signed snapshot a day:"""


def _told(place: Workplace, found: dict[str, Found], report: Path, seconds: float) -> list[str]:
    home = place.home.root
    lines = ["", f"What was found ({seconds:.0f} seconds):"]
    for show in SHOWS:
        lines += ["", f"{show.system}", *_of_system(place, show, found[show.system])]
    cells = coverage(place)
    gaps, waived = [cell for cell in cells if cell.gap], [cell for cell in cells if cell.waiver]
    with reading(place.engine) as connection:
        waiting = pending_count(connection)
        known = known_findings(connection, place.roster(connection)).values()
    lines += [
        "",
        f"  {sum(each.state == 'open' for each in known)} findings are open. See gov findings.",
        f"  {len(gaps)} of {len(cells)} clauses are gaps, {len(waived)} is waived. See gov gaps.",
        f"  {waiting} alerts wait: no channel is configured (GOV_ALERT_URLS; see docs/alerts.md).",
        "",
        "Look:",
        f"  pages           {report}",
    ]
    for worst in found[loanapp.SYSTEM].rows[:1]:
        url = check_url(UI, loanapp.SYSTEM, worst.control, worst.partition)
        lines.append(f"  failing check   make ui, then {url}")
    lines += [
        "  schedule        off in the demo, whose days are past; `make ui` says so too",
        "",
        "Next:",
        "  make tour                                        clause -> measurement -> decision -> proof -> tampering",
        f"  {_gov()} verify {home}/evidence --trust {home}/evidence/ledger/root/1.root.json",
        f"  {_gov()} init FILE.csv                          audit your own decisions (or .parquet); see README.md",
    ]
    return lines


def _of_system(place: Workplace, show: Show, found: Found) -> list[str]:
    told = "{source_count:,} in the source = {accepted:,} accepted + {quarantined} quarantined + {duplicate} duplicate"
    lines = [f"  Rows: {told.format(**found.counts)} ({show.rows}).", ""]
    for row in (row for row in found.rows if row.control in show.known):
        lines += [f"  FAILS  {row.control}: {clause_in_force(place, row.control)[1].text}", f"         {row.reason}"]
        window, count = f"{row.window_start:%Y-%m-%d} to {row.partition}", len(show.known[row.control])
        fails = f"the last of {count} that fail" if count > 1 else "the only one that fails"
        lines.append(f"         Limit: {row.threshold}. Window: {window}, {fails}. Real data.")
    what = {(each.control, each.partition): each.what for each in show.planted}
    faults = [
        f"    {row.partition}  {row.clause:<6} {row.verdict}: {what[row.control, row.partition]}"
        for row in found.rows
        if (row.control, row.partition) in what
    ]
    if what:
        lines += ["", f"  Planted faults (synthetic), {len(faults)} found of {len(what)}:", *faults]
    lines += ["", *(f"  NOT FOUND: {each}" for each in found.missed[:MOST_SHOWN])]
    lines += [f"  NOT EXPECTED: {each}" for each in found.unexpected[:MOST_SHOWN]]
    more = sum(max(0, len(each) - MOST_SHOWN) for each in (found.missed, found.unexpected))
    lines.append(f"  and {more} more." if more else "  Nothing else failed." if found.exact else "")
    if show.held is not None:
        waits = f"{found.held} wait, each for a planted fault. See gov review {show.system}."
        return [*lines, f"  {found.cleared:,} decisions were cleared; {waits}"]
    return [*lines, "  Nothing was cleared: nobody signed the system off; it is history."]


def _gov() -> str:
    """The command as the reader can type it here."""
    return "gov" if shutil.which("gov") else ".venv/bin/gov"


def _where(key: tuple[str, date]) -> str:
    return f"{key[0]} on {key[1]}"
