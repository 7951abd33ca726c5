"""`gov demo`: a home from real public data, audited, with what was found held against what must be found."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import click

from gov_pipelines.cli.app import print_json
from gov_pipelines.cli.audit import run_audits
from gov_pipelines.cli.demo.loanapp import DAYS, FIRST_DAY, HELD, PLANTED, SYSTEM, build_database
from gov_pipelines.cli.desk import clause_in_force
from gov_pipelines.cli.gaps import coverage
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import DEMO_KEY_NAME, generate
from gov_pipelines.people import known_findings
from gov_pipelines.pipeline.names import check_url
from gov_pipelines.store import VerdictRow, pending_count, read_frame, reading, verdict_history

UI = "http://127.0.0.1:3000"
URL_VARIABLE = "MORTGAGE_DECISIONS_URL"
MOST_SHOWN = 10
"""Unexpected failures named on screen; the pages have the rest."""
KNOWN_FAILURE = "house-fair-lending/FL-5"
"""The clause that the real data break: approval rates by race."""


@click.command("demo")
@click.option("--tour", is_flag=True, help="Walk from a clause to a proof and tamper with it; needs an audited demo.")
@click.option("--ui", is_flag=True, help="Serve Dagster on the demo's home.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def demo_command(tour: bool, ui: bool, as_json: bool) -> int:
    """Audit 30 days of real mortgage decisions and print what was found.

    Exit code 0 if it found exactly what it must: the clause that the real data break, each planted fault, no other; and if
    exactly the decisions of planted faults wait.

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
    days = [FIRST_DAY + timedelta(days=offset) for offset in range(DAYS)]
    from gov_pipelines.cli.demo.people import after_the_last_day, before_the_first_day  # noqa: PLC0415  (Dagster: as above)
    from gov_pipelines.pipeline.pages import write_pages  # noqa: PLC0415  (as above)

    before_the_first_day(place)
    run_audits(place, [(place.system(SYSTEM), days)], quiet=as_json)
    place = workplace()  # the clock has moved on
    after_the_last_day(place, days)
    found = compare(place, days)
    pages = write_pages(place.project, place.engine, place.policies, place.now)
    if as_json:
        print_json(
            {
                "exact": found.exact,
                "found": [_plain(row) for row in found.rows],
                "missed": list(found.missed),
                "unexpected": list(found.unexpected),
                "cleared": found.cleared,
                "held": found.held,
                "report": str(pages[0]),
            }
        )
    else:
        click.echo(_told(place, found, pages[0], time.monotonic() - began))
    return 0 if found.exact else 1


def prepare(place: Workplace) -> None:
    """The demo's database and key in this home, and the environment a run reads.

    Raises:
        WrongUse: the home belongs to something else, or the project has no demo system.
    """
    if not place.project.declaration_file(SYSTEM).is_file():
        raise WrongUse(
            f"The demo audits assets/{SYSTEM}, which {place.project.root} does not have. Run it in a checkout."
        )
    keys = place.home.keys_dir
    if not (keys / "signing.pem").is_file():
        generate(keys, name=DEMO_KEY_NAME, created=place.now)
    elif place.authority.name != DEMO_KEY_NAME:
        raise WrongUse(
            f"{place.home.root} has a key of its own, so it is not a demo's home. Set GOV_HOME to another folder."
        )
    database = place.home.root / "demo" / "decisions.db"
    if not database.is_file():
        build_database(database)
    os.environ[URL_VARIABLE] = f"sqlite:///{database}"
    os.environ.setdefault("GOV_UI_URL", UI)


def serve(place: Workplace) -> None:
    """Replace this process by Dagster on the demo's home."""
    from gov_pipelines.pipeline.instance import open_instance  # noqa: PLC0415  (Dagster takes two seconds)

    open_instance(place.project).dispose()
    os.environ["GOV_HOME"] = str(place.home.root)
    os.chdir(place.project.root)
    click.echo(f"The demo's schedule is off: its days are past. Open {UI}")
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", "3000"]
    os.execv(command[0], command)  # noqa: S606  (the interpreter we run in, fixed arguments)


@dataclass(frozen=True, slots=True)
class Found:
    """What the audit found, held against what it must find.

    Attributes:
        rows: every failing or missing verdict of a day's own window, and the last of the known failure.
        missed: planted faults that were not found.
        unexpected: failures that nobody planted, and decisions that went on or wait although they must not.
        cleared: how many decisions went on.
        held: how many wait.
    """

    rows: tuple[VerdictRow, ...]
    missed: tuple[str, ...]
    unexpected: tuple[str, ...]
    cleared: int
    held: int

    @property
    def exact(self) -> bool:
        """Whether it found exactly what it must."""
        return not self.missed and not self.unexpected


def compare(place: Workplace, days: Sequence[date]) -> Found:
    """Hold the signed verdicts, and what was cleared and held, against the planted faults."""
    with reading(place.engine) as connection:
        history = verdict_history(connection, SYSTEM)
    bad = [row for row in history if row.verdict in {"fail", "missing"}]
    planted = {(each.control, each.partition): each.breaches for each in PLANTED}
    seen = {(row.control, row.partition): row.breaches for row in bad if row.control != KNOWN_FAILURE}
    last = [row for row in history if row.control == KNOWN_FAILURE][-1:]
    missed = [_where(key) for key, breaches in planted.items() if seen.get(key) != breaches]
    if not last or last[0].verdict != "fail":
        missed.append(f"{KNOWN_FAILURE} on the last day")
    cleared, held = (_decisions(place, days, name) for name in ("cleared", "held"))
    wrong = sorted(set(held) ^ HELD | (set(cleared) & HELD))
    return Found(
        rows=(*last, *(row for row in bad if row.control != KNOWN_FAILURE)),
        missed=tuple(missed),
        unexpected=(
            *(_where(key) for key in seen if key not in planted),
            *(f"{each} {'waits' if each in held else 'went on'}" for each in wrong),
        ),
        cleared=len(cleared),
        held=len(held),
    )


def _decisions(place: Workplace, days: Sequence[date], name: str) -> list[str]:
    """Ids of the decisions that were cleared, or held, each once."""
    files = [place.home.partition_dir(SYSTEM, day) / f"{name}_decisions.parquet" for day in days]
    return sorted({each for file in files for each in read_frame(file)["decision_id"]})


_INTRODUCTION = f"""\
gov_pipelines demo

Real:      1,989 home-loan applications in Boston (Federal Reserve Bank of Boston study; Hunter and Walker 1996).
           They are historical human decisions, standing in for the log of an AI system.
By rule:   the data carry no dates; application i lies on day i mod {DAYS} of September 2026.
Synthetic: products, model versions, reviews, notices and accesses are made up, with {len(PLANTED)} planted faults.
           So are the people who sign, at made-up times, with keys of their own in this home.

Auditing {DAYS} days, one signed snapshot each:"""


def _told(place: Workplace, found: Found, report: Path, seconds: float) -> str:
    home = place.home.root
    lines = ["", f"What was found in {DAYS} days ({seconds:.0f} seconds):", "", f"  {_rows(place)}", ""]
    for row in (row for row in found.rows if row.control == KNOWN_FAILURE):
        window = f"{row.window_start:%Y-%m-%d} to {row.partition}"
        lines += [f"  FAILS  {row.control}: {clause_in_force(place, row.control)[1].text}", f"         {row.reason}"]
        lines += [f"         Limit: {row.threshold}. Window: {window}. Real data.", ""]
    what = {(each.control, each.partition): each.what for each in PLANTED}
    lines.append(f"  Planted faults (synthetic), {len(PLANTED) - len(found.missed)} found of {len(PLANTED)}:")
    lines += [
        f"    {row.partition}  {row.clause:<6} {row.verdict}: {what[row.control, row.partition]}"
        for row in found.rows
        if (row.control, row.partition) in what
    ]
    lines += [f"  NOT FOUND: {each}" for each in found.missed]
    lines += [f"  NOT EXPECTED: {each}" for each in found.unexpected[:MOST_SHOWN]]
    more = len(found.unexpected) - MOST_SHOWN
    lines.append(f"  and {more} more." if more > 0 else "" if found.unexpected else "  Nothing else failed.")
    cells = coverage(place)
    gaps, waived = [cell for cell in cells if cell.gap], [cell for cell in cells if cell.waiver]
    with reading(place.engine) as connection:
        waiting = pending_count(connection)
        known = known_findings(connection, place.roster(connection)).values()
    lines += [
        "",
        f"  {found.cleared:,} decisions were cleared; {found.held} wait, each for a planted fault. See gov review {SYSTEM}.",
        f"  {sum(each.state == 'open' for each in known)} findings are open. See gov findings.",
        f"  {len(gaps)} of {len(cells)} clauses are gaps, {len(waived)} is waived. See gov gaps.",
        f"  {waiting} alerts wait: no channel is configured (GOV_ALERT_URLS; see docs/alerts.md).",
        "",
        "Look:",
        f"  pages           {report}",
    ]
    for worst in found.rows[:1]:
        lines.append(f"  failing check   make ui, then {check_url(UI, SYSTEM, worst.control, worst.partition)}")
    lines += [
        "  schedule        off in the demo, whose days are past; `make ui` says so too",
        "",
        "Next:",
        "  make tour                                        clause -> measurement -> decision -> proof -> tampering",
        f"  {_gov()} verify {home}/evidence --trust {home}/keys/signing.pub.json",
        f"  {_gov()} init FILE.csv                          audit your own decisions (or .parquet); see README.md",
    ]
    return "\n".join(lines)


def _gov() -> str:
    """The command as the reader can type it here."""
    return "gov" if shutil.which("gov") else ".venv/bin/gov"


def _rows(place: Workplace) -> str:
    days = [FIRST_DAY + timedelta(days=offset) for offset in range(DAYS)]
    rows = [json.loads((place.home.partition_dir(SYSTEM, day) / "rows.json").read_bytes()) for day in days]
    total = {name: sum(row[name] for row in rows) for name in ("source_count", "accepted", "quarantined", "duplicate")}
    return (
        f"Rows: {total['source_count']:,} in the source = {total['accepted']:,} accepted + {total['quarantined']} quarantined "
        f"(credit history 666 is out of its declared range) + {total['duplicate']} duplicate."
    )


def _plain(row: VerdictRow) -> dict[str, object]:
    names = ("control", "verdict", "reason", "breaches", "value", "lower", "upper", "n", "threshold")
    return {"partition": row.partition.isoformat(), **{name: getattr(row, name) for name in names}}


def _where(key: tuple[str, date]) -> str:
    return f"{key[0]} on {key[1]}"
