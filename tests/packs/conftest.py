"""The packs, and a project in which two systems adopt them."""

import csv
import json
import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command import ROOT, told

from gov_pipelines.policy import load_policies

PACKS = ROOT / "expectations" / "packs"

HIRING = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: hiring
  owner: team:people
  purpose: Rank applicants.
  risk: high
  zone: America/New_York
  starts: 2026-09-07
  ends: 2026-09-09
  source: {path: hiring.csv}
  columns: {decision_id: id, decided_at: at, decision: outcome}
  outcomes: {favorable: [advanced], unfavorable: [rejected], undecided: [withdrawn]}
  fields: {requisition: {type: category}}
  protected_attributes: {sex: {}, race_ethnicity: {}}
  strata: [requisition]
  documents: {bias_audit: 2026-01-15}
  policies: [us-nyc-ll144, us-employment-adverse-impact]
"""

LENDING = """\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: lending
  owner: team:credit
  purpose: Decide on loans.
  risk: high
  zone: America/New_York
  starts: 2026-09-08
  ends: 2026-09-09
  source: {path: lending.csv}
  access_log: {path: reads.csv}
  columns: {decision_id: id, decided_at: at, decision: outcome}
  outcomes: {favorable: [approved], unfavorable: [denied, counteroffered], undecided: [incomplete]}
  protected_attributes: {sex: {}, race_ethnicity: {}}
  intake: {may_read: [amount]}
  policies: [us-credit-adverse-action]
"""

RACES = ("White", "Black or African American", "Asian", "Two or More Races")


@pytest.fixture(scope="session")
def packs():
    policies, mistakes = load_policies(PACKS)
    assert not mistakes
    return {(policy.policy, policy.version): policy for policy in policies}


def applicants(draw):
    """1,200 applicants of two days. Two requisitions treat women as men, and most women apply to the strict one."""
    for n in range(1200):
        sex = draw.choice(("Male", "Female"))
        strict = draw.random() < (0.8 if sex == "Female" else 0.2)
        race = draw.choices(RACES, (60, 20, 18, 2))[0]
        yield {
            "id": f"A{n}",
            "at": datetime(2026, 9, 7 + n % 2, 9) + timedelta(seconds=n),
            "outcome": "withdrawn"
            if n % 50 == 0
            else "advanced"
            if draw.random() < (0.2 if strict else 0.7)
            else "rejected",
            "sex": "" if n % 40 == 0 else sex,
            "race_ethnicity": race,
            "requisition": "R-strict" if strict else "R-open",
            "score": round(draw.gauss(0.5, 0.1), 3),
        }


def loans(draw):
    """400 applications of one day; of those five break one clause each, or would."""
    for n in range(400):
        at = datetime(2026, 9, 8, 9) + timedelta(seconds=n)
        outcome = ("approved", "approved", "denied", "counteroffered", "incomplete")[n % 5]
        race = draw.choice(("White", "Black or African American"))
        row = {
            "id": f"L{n}",
            "at": at,
            "outcome": outcome,
            "sex": draw.choice(("Male", "Female")),
            "race_ethnicity": race,
            "amount": 1000,
            "score": round(draw.gauss(650 if race == "White" else 600, 50)),
            "completed_at": at - timedelta(days=5),
            "notice_sent_at": at + timedelta(hours=3),
            "reason_codes": "debt too high; short history" if outcome == "denied" else "",
        }
        yield row | BROKEN.get(n, lambda _: {})(row)


BROKEN = {
    0: lambda row: {"completed_at": row["at"] - timedelta(days=40)},  # C-1: 40 days
    2: lambda row: {"reason_codes": ""},  # C-5
    7: lambda row: {"reason_codes": "internal standards or policies"},  # C-6
    12: lambda row: {"reason_codes": "a; b; c; d; e"},  # C-7
    3: lambda row: {"notice_sent_at": ""},  # C-4: open, and its clock runs on
}


@pytest.fixture(scope="session")
def adopted(tmp_path_factory):
    """A project with both systems, audited; returns a function that runs commands in it."""
    root = tmp_path_factory.mktemp("adopted")
    shutil.copytree(ROOT / "expectations", root / "expectations")
    for name, text, rows in (("hiring", HIRING, applicants), ("lending", LENDING, loans)):
        folder = root / "assets" / name
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(text)
        write(root / f"{name}.csv", list(rows(random.Random(11))))
    reads = [
        {"read_at": datetime(2026, 9, 7 + n, 10), "principal": "model", "field": "amount", "rows": 1} for n in (0, 1)
    ]
    write(
        root / "reads.csv",
        [*reads, {"read_at": datetime(2026, 9, 8, 11), "principal": "model", "field": "sex", "rows": 1}],
    )

    def run(*arguments, check=None):
        env = {"GOV_PIPELINES_PROJECT": str(root)}
        return told(*arguments, home=root / "home", cwd=root, env=env, check=check)

    run("keys", "new", "--name", "Test", check=0)
    for system, first in (("hiring", "2026-09-07"), ("lending", "2026-09-08")):
        done = run("audit", system, "--from", first, "--to", "2026-09-08", "--json", check=1)
        (root / f"{system}.json").write_text(done.stdout)
    run.root = root
    run.verdicts = lambda system: json.loads((root / f"{system}.json").read_text())[-1]["verdicts"]
    return run


def write(file: Path, rows):
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
