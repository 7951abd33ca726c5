"""A scratch project, and steps of a night that work on made-up results instead of data."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from gov_pipelines.decisions import RowAccounting
from gov_pipelines.definitions import load
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.measuring import opinion_answer
from gov_pipelines.pipeline.night import StepResult, rows_answer
from gov_pipelines.project import Project
from gov_pipelines.store import VerdictRow, write_frame
from gov_pipelines.validate import SecondOpinion

DEFS = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: {system}
  owner: team:people
  purpose: Rank applicants.
  risk: high
  zone: America/New_York
  starts: {starts}
  {ends}
  source: {{path: decisions.csv}}
  outcomes: {{favorable: [hired], unfavorable: [rejected]}}
  protected_attributes: {{sex: {{}}}}
  operating_range: {{rows_per_day: [0, 100]}}
  schedule: {{at: "02:30"}}
  policies: [house]
"""

POLICY = """\
policy: house
version: 1
in_force: {from: 2026-01-01}
owner: people
document: {title: House rules}
clauses:
  - id: H-1
    text: No group's hiring rate is below four fifths of the best group's.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, severity: critical}
  - id: H-2
    text: Few rows are quarantined.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.01}
  - id: H-3
    text: People are kind.
    level: people
"""

CONTROLS = {"house/H-1": ("fairness", "critical"), "house/H-2": ("log_quality", "warning")}


@dataclass
class Plan:
    """What the stand-in steps conclude.

    `verdicts`: control to verdict, signed by `sign`. `accepted`: of three rows; None for no accounting at all. `raises`:
    step to the error it raises.
    """

    verdicts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CONTROLS, "pass"))
    raises: dict[str, Exception] = field(default_factory=dict)
    accepted: int | None = 3
    opinion: SecondOpinion | None = field(default_factory=lambda: SecondOpinion(True, 4, 0.0, (), "accepted rows", "0"))
    signed: dict = field(default_factory=dict)
    ran: list = field(default_factory=list)
    missed: list = field(default_factory=list)
    nights: list = field(default_factory=list)


def row(night, control, verdict) -> VerdictRow:
    kind, severity = CONTROLS[control]
    policy, _, clause = control.partition("/")
    start = datetime(night.partition.year, night.partition.month, night.partition.day, 4, tzinfo=UTC)
    return VerdictRow(
        system=night.system,
        partition=night.partition,
        revision=1,
        control=control,
        policy=policy,
        policy_version=1,
        clause=clause,
        level="runtime",
        kind=kind,
        acts="detects",
        severity=severity,
        verdict=verdict,
        reason="because",
        metric="impact_ratio",
        attribute=("sex",),
        group={"sex": "f"},
        reference_group={"sex": "m"},
        value=0.71,
        lower=0.6,
        upper=0.82,
        confidence=0.95,
        n=200,
        p_adjusted=0.01,
        threshold="at least 0.8",
        breaches=0,
        window_start=start,
        window_end=start + timedelta(days=1),
        as_of=night.as_of,
        recorded_at=night.as_of,
    )


STEPS = (
    "night:judge", "night:read_access", "measuring:compare_access", "measuring:tally", "measuring:measure_fairness",
    "measuring:measure_shift", "night:read_decisions", "verdicts:reach_verdicts", "signing:sign", "clearing:clear",
    "clearing:tell_held", "pages:write_pages",
)  # fmt: skip


@pytest.fixture
def plan(monkeypatch):
    """In place of the steps of a night: functions that conclude what the plan says."""
    plan = Plan()

    def log(night):
        frame = pl.DataFrame({"decision_id": ["a", "b", "c"], "score": [0.1, 0.2, 0.6]})
        write_frame(night.folder / "decision_log.parquet", frame)
        return None if plan.accepted is None else rows_answer(RowAccounting(3, plan.accepted, 0, 0), {})

    def sign(night):
        plan.signed[night.system, night.partition] = [row(night, *said) for said in plan.verdicts.items()]

    def verdict_rows(night):
        if "verdict_rows" in plan.raises:
            raise plan.raises["verdict_rows"]
        return plan.signed.get((night.system, night.partition), [])

    effects = {"read_decisions": log, "sign": sign, "measure_fairness": lambda _: opinion_answer(plan.opinion)}

    def step(name):
        def run(night, *_):
            plan.ran.append(name)
            plan.nights.append(night)
            if name in plan.raises:
                raise plan.raises[name]
            answer = effects.get(name, lambda _: None)(night)
            return ["index.html"] if name == "write_pages" else StepResult({"rows": 3}, answer)

        return run

    groups = [Measurement("selection_rate", ("sex",), {"sex": s}, value=v, n=100) for s, v in (("f", 0.5), ("m", 0.7))]
    stand_ins = {
        **{each: step(each.partition(":")[2]) for each in STEPS},
        "signing:verdict_rows": verdict_rows,
        "signing:sign_missed": lambda night, reason: plan.missed.append((night.system, night.partition, reason)),
        "measuring:measurements_of": lambda night: {"house/H-1": groups},
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(f"gov_pipelines.pipeline.{name.replace(':', '.')}", stand_in)
    return plan


@pytest.fixture
def project(tmp_path, monkeypatch, plan):
    """A project with the system `hiring`, three days long."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "expectations").mkdir()
    (tmp_path / "expectations" / "house.yaml").write_text(POLICY)
    add_system(tmp_path, "hiring")
    yield Project(tmp_path, tmp_path / ".gov")
    for name in [name for name in sys.modules if name.partition(".")[0] == "assets"]:
        del sys.modules[name]


def add_system(root: Path, system: str, starts="2026-09-01", ends: str | None = "2026-09-04") -> Path:
    folder = root / "assets" / system
    folder.mkdir(parents=True)
    text = DEFS.format(system=system, starts=starts, ends=f"ends: {ends}" if ends else "jurisdictions: []")
    (folder / "defs.yaml").write_text(text)
    return folder


@pytest.fixture
def home(project):
    return AuditHome.of(project)


@pytest.fixture
def loaded(project, home):
    return load(project, {}, home)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as one:
        yield one
