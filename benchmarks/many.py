"""What a night of many systems costs: one process, `gov audit --all`, total, per system, memory."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.judging import machine, used
from benchmarks.workload import DAY, decisions
from gov_pipelines.evidence.founding import found
from gov_pipelines.store import Home

FEW, SMALL = 12, 100
"""So many systems of so few decisions show what a system costs before its first decision."""

DECLARATION = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: {system}
  owner: team:bench
  purpose: Decide.
  risk: high
  zone: America/New_York
  starts: 2026-09-08
  source: {{path: data/{system}.parquet}}
  outcomes: {{favorable: [approved], unfavorable: [denied]}}
  protected_attributes: {{sex: {{}}}}
  intake:
    may_decide: {{products: [home_loan, car_loan], amount: {{up_to: 600000}}}}
    models: [{{version: v3, approved_from: 2026-01-01}}, {{version: v4, approved_from: 2026-09-01}}]
  operating_range: {{rows_per_day: [1, 100000000]}}
  policies: [bench-fairness, bench-operations]
"""
FAIRNESS = """\
policy: bench-fairness
version: 1
in_force: {from: 2026-01-01}
owner: bench
document: {title: Fairness}
clauses:
  - id: F-1
    text: No group's rate of approval is below four fifths of the best group's.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, severity: critical}
  - id: F-2
    text: Groups are approved at rates no more than a tenth apart.
    level: runtime
    control: {kind: fairness, metric: demographic_parity_difference, by: [sex], at_most: 0.1}
"""
OPERATIONS = """\
policy: bench-operations
version: 1
in_force: {from: 2026-01-01}
owner: bench
document: {title: Operations}
clauses:
  - id: O-1
    text: Few rows are quarantined.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.01}
  - id: O-2
    text: Scores stay within what the model was made for.
    level: runtime
    control: {kind: operating_range, ranges: {score: [0, 1]}}
  - id: O-3
    text: A denial names its reasons.
    level: output
    control: {kind: decision_rule, must: "reason_codes IS NOT NULL", when: "decision = 'denied'"}
  - id: O-4
    text: Only approved models decide.
    level: intake
    control: {kind: approved_model}
  - id: O-5
    text: The system decides what it may.
    level: intake
    control: {kind: decision_scope}
"""


def plant(root: Path, systems: int, rows: int) -> None:
    """Make a project of systems alike, each with one day of decisions, and a home with a key.

    Args:
        root: an empty folder; the home is `.gov` in it.
        systems: how many.
        rows: decisions of each.
    """
    for name in ("expectations", "data"):
        (root / name).mkdir(parents=True)
    (root / "expectations" / "bench-fairness.yaml").write_text(FAIRNESS)
    (root / "expectations" / "bench-operations.yaml").write_text(OPERATIONS)
    log = decisions(rows)
    names = (
        "decision_id",
        "decided_at",
        "decision",
        "score",
        "model_version",
        "product",
        "amount",
        "reason_codes",
        "sex",
    )
    log.select(names).write_parquet(root / "data" / "day.parquet")
    for number in range(systems):
        system = f"system_{number:03}"
        folder = root / "assets" / system
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(DECLARATION.format(system=system))
        os.link(root / "data" / "day.parquet", root / "data" / f"{system}.parquet")
    home = Home(root / ".gov")
    found(home.keys_dir, home.roots_dir, name="bench", created=datetime.now(UTC))


def night(root: Path) -> dict[str, float]:
    """Audit all systems of a planted project with `gov audit --all`, in a process of its own.

    Returns:
        Seconds in all, seconds before the first system is done, seconds of each further one (in the median, at most, and of
        processor), and MB of memory when a tenth and when all are done, and at most.
    """
    gov = [sys.executable, "-c", "from gov_pipelines.cli import main; main()"]
    environ = os.environ | {"GOV_PIPELINES_PROJECT": str(root), "GOV_HOME": str(root / ".gov"), "PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    command = [*gov, "audit", "--all", "--date", DAY.isoformat()]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  (ours)
        assert process.stdout is not None
        ends = [(time.perf_counter(), *used(process.pid)) for line in process.stdout if f"{DAY}  signed" in line]
        _, status, whole = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    each = [(after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(ends)]
    return {
        "systems": len(ends),
        "exit code": process.returncode,
        "seconds": time.perf_counter() - began,
        "processor": whole.ru_utime + whole.ru_stime,
        "first": ends[0][0] - began,
        "each further, median": statistics.median(seconds for seconds, _ in each),
        "each further, most": max(seconds for seconds, _ in each),
        "each further, processor": statistics.mean(busy for _, busy in each),
        "report and end": time.perf_counter() - ends[-1][0],
        "MB after a tenth": ends[len(ends) // 10][2],
        "MB after all": ends[-1][2],
        "peak MB": whole.ru_maxrss / 1024,
    }


def load_seconds(root: Path) -> float:
    """Seconds of processor in which one code location loads all systems, imports not counted."""
    code = (
        "import os, sys, time; from pathlib import Path; from gov_pipelines.definitions import load;"
        "from gov_pipelines.project import Project; began = time.process_time();"
        "load(Project(Path(sys.argv[1]), Path(sys.argv[1], '.gov')), os.environ).get_repository_def();"
        "print(time.process_time() - began)"
    )
    command = [sys.executable, "-c", code, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  (ours)
    return float(done.stdout)


@click.command()
@click.option("--systems", default=200, show_default=True, help="Systems of one project.")
@click.option("--rows", default=10_000, show_default=True, help="Decisions of each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(systems: int, rows: int, as_json: bool) -> None:
    r"""Measure a night of many systems.

    \b
    Example:
      make bench
      python -m benchmarks.many --systems 20 --json
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        few, root = Path(folder, "few"), Path(folder, "all")
        plant(few, min(systems, FEW), SMALL)
        plant(root, systems, rows)
        took = {f"{SMALL} each": night(few), f"{rows:,} each": {"load, processor": load_seconds(root), **night(root)}}
    if as_json:
        click.echo(json.dumps({"machine": machine(), **took}, indent=1))
        return
    click.echo(", ".join(f"{name} {value}" for name, value in machine().items()))
    for about, figures in took.items():
        click.echo("\n".join(["", about, *(f"{name:24} {value:10,.2f}" for name, value in figures.items())]))


if __name__ == "__main__":
    main()
