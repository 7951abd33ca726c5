"""A small project of one system and one policy that lint finds nothing wrong with; tests change one thing in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gov_pipelines.errors import Mistake
from gov_pipelines.policy import SystemDeclaration, lint, load_declaration

DEFS = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: hiring
  owner: team:people
  purpose: Rank applications for interviews.
  risk: high
  zone: Europe/Berlin
  starts: 2026-09-01
  source: {path: data/decisions.csv}
  access_log: {path: data/reads.csv}
  columns: {decision_id: id, region: area}
  fields:
    grade: {type: category, values: ["1", "2"]}
    years: {type: number, range: [0, 60]}
  outcomes:
    favorable: [invited]
    unfavorable: [rejected]
  protected_attributes: {sex: {}, age_band: {unknown: ["?"]}}
  strata: [grade, region]
  intake:
    may_read: [years, grade]
    may_decide: {products: [clerk], amount: {up_to: 100}, role: recommends}
    needs_review: "decision = 'rejected' AND years > 10"
    models: [{version: v1, approved_from: 2026-08-01}]
    database_role: ranker
  operating_range: {rows_per_day: [1, 50], years: [0, 60]}
  policies: [house-hiring]
"""

POLICY = """\
policy: house-hiring
version: 1
in_force: {from: 2026-09-01}
owner: people
document: {title: "Hiring with AI"}
clauses:
  - id: H-1
    text: No group's invitation rate is below four fifths of the best group's.
    level: runtime
    control: {kind: fairness, metric: impact_ratio, by: [sex, [sex, age_band]], at_least: 0.8, window: 30 days}
  - id: H-2
    text: Experienced applicants are rejected by people.
    level: intake
    control: {kind: human_review, role: recruiter, before: notice_sent_at}
  - id: H-3
    text: Recruiters are trained each year.
    level: people
    obligation: {who: recruiters, every: 1 year}
"""


@dataclass(frozen=True)
class Files:
    """The files of a project under test."""

    root: Path

    @property
    def defs(self) -> Path:
        return self.root / "assets" / "hiring" / "defs.yaml"

    @property
    def policy(self) -> Path:
        return self.root / "expectations" / "house-hiring.yaml"

    def change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
        path.write_text(text.replace(old, new))

    def control(self, control: str, **more: str) -> None:
        """Replace the control of H-1."""
        lines = self.policy.read_text().splitlines()
        place = next(n for n, line in enumerate(lines) if "kind: fairness" in line)
        lines[place : place + 1] = [f"    control: {control}", *(f"    {name}: {text}" for name, text in more.items())]
        self.policy.write_text("\n".join(lines))

    def lint(self) -> list[Mistake]:
        return lint(self.root / "assets", self.root / "expectations")

    def only_mistake(self) -> str:
        found = self.lint()
        assert len(found) == 1, "\n".join(map(str, found))
        return str(found[0])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    project = Files(tmp_path)
    project.defs.parent.mkdir(parents=True)
    project.policy.parent.mkdir()
    project.defs.write_text(DEFS)
    project.policy.write_text(POLICY)
    return project


@pytest.fixture
def declaration(files: Files) -> SystemDeclaration:
    return load_declaration(files.defs)
