"""The project around simulated data: a declaration a system, one policy, and the truth to hold results against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from gov_pipelines.cli.simulate.draws import ZONE
from gov_pipelines.cli.simulate.world import KINDS, USUAL_RATIO, World
from gov_pipelines.policy import load_policies
from gov_pipelines.store import write_atomic
from gov_pipelines.validate import write_suites

POLICY = "simulated-credit"
NOTE = "Synthetic: every decision, person and read was drawn at random by gov simulate; faults were planted on purpose."
_BASELINE = 28
_COLUMNS = {
    "decision_id": "application_id",
    "decided_at": "decided_on",
    "model_version": "model",
    "completed_at": "completed_on",
    "notice_sent_at": "notice_sent_on",
}


def declaration(world: World, system: str, first: date, last: date, variable: str | None) -> str:
    """The text of a system's defs.yaml; its data are files of the project, or in the database a variable names."""
    source, log = f"path: data/{system}/*.parquet", f"path: data/{system}_reads/*.parquet"
    if variable:
        source, log = f"url_env: {variable}, table: {system}, zone: UTC", f"table: {system}_reads, zone: UTC"
    columns = ", ".join(f"{name}: {its}" for name, its in _COLUMNS.items())
    return f"""\
# Written by `gov simulate`; its truth is in truth.json.
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: {system}
  owner: team:simulated
  purpose: Decide on made-up loans.
  risk: high
  zone: {ZONE}
  starts: {first}
  ends: {last + timedelta(days=1)}
  source: {{{source}}}
  access_log: {{{log}, columns: {{table: table_name, read_at: read_at, principal: principal, role: role, field: field, purpose: purpose, rows: rows}}}}
  columns: {{{columns}}}
  fields:
    income: {{type: number}}
    region: {{type: category, values: [north, south, east, west]}}
  outcomes: {{favorable: [approved], unfavorable: [denied]}}
  protected_attributes: {{race: {{}}, sex: {{}}}}
  strata: [region]
  label: {{column: repaid, positive: true, matures_after: {world.matures} days}}
  intake:
    may_read: [amount, income, score, product]
    may_decide: {{products: [home, car, personal]}}
    models: [{{version: v1, approved_from: {first}}}]
    database_role: credit_model
  operating_range: {{rows_per_day: [1, {round(3 * world.rows)}], score: [0, 1]}}
  schedule: {{at: "02:00", enabled: false}}
  policies: [{POLICY}]
  about_data: "{NOTE}"
  synthetic:
    columns: [decision_id, decided_at, decision, score, model_version, product, amount, income, region, completed_at, notice_sent_at, race, sex, label]
    access_log: true
    note: "{NOTE}"
"""


def policy(first: date) -> str:
    """The text of the policy that every simulated system is held against; the first four weeks are its baseline."""
    until = first + timedelta(days=_BASELINE)
    return f"""\
# Written by `gov simulate`. For each kind of planted fault there is a clause that speaks of it.
policy: {POLICY}
version: 1
in_force: {{from: {first}}}
owner: simulated
document: {{title: "Made-up rules for made-up credit decisions", status: internal}}
clauses:
  - id: S-1
    text: No racial group's approval rate is below four fifths of the best group's where the difference is statistically significant.
    level: runtime
    control: {{kind: fairness, metric: impact_ratio, by: [race], at_least: 0.80, window: 90 days, severity: critical}}
  - id: S-2
    text: Approval rates of women and men differ by no more than five points.
    level: runtime
    control: {{kind: fairness, metric: demographic_parity_difference, by: [sex], at_most: 0.05, window: 90 days}}
  - id: S-3
    text: Incomes, scores and decisions of two weeks look like those of the first four.
    level: runtime
    control: {{kind: drift, of: [income, score, decision], at_most: 0.1, reference: {{from: {first}, until: {until}}}, window: 14 days}}
  - id: S-4
    text: The system reads only the data declared for it, and never race or sex.
    level: intake
    control: {{kind: data_access, never: [race, sex], severity: critical}}
  - id: S-5
    text: Nobody new reads the data, nor at new hours, nor much more than in the first four weeks.
    level: runtime
    control: {{kind: access_pattern, watch: [principal, field, purpose, hour], reads: [null, 3], reference: {{from: {first}, until: {until}}}}}
  - id: S-6
    text: Only approved model versions take part in decisions.
    level: intake
    control: {{kind: approved_model, severity: critical}}
  - id: S-7
    text: The system decides on home, car and personal loans only.
    level: intake
    control: {{kind: decision_scope}}
  - id: S-8
    text: Scores and the day's volume stay in their expected ranges.
    level: runtime
    control: {{kind: operating_range}}
  - id: S-9
    text: At most two in a hundred rows of the log are unusable.
    level: runtime
    control: {{kind: log_quality, metric: quarantined_share, at_most: 0.02}}
  - id: S-10
    text: The applicant hears within 30 days of a completed application.
    level: output
    control: {{kind: deadline, from: completed_at, to: notice_sent_at, within: 30 days}}
"""


def write_project(
    root: Path, world: World, systems: Iterable[str], first: date, last: date, variable: str | None
) -> None:
    """Write assets/ and expectations/ with their compiled suite."""
    for system in systems:
        text = declaration(world, system, first, last, variable)
        write_atomic(root / "assets" / system / "defs.yaml", text.encode())
    folder = root / "expectations"
    write_atomic(folder / f"{POLICY}.yaml", policy(first).encode())
    write_suites(load_policies(folder)[0], folder / "suites")


def truth(world: World, systems: Iterable[str], first: date, last: date, known: date) -> dict[str, Any]:
    """What was planted where, when, and what an audit should find of it."""
    names = list(systems)
    faults = [
        {
            **asdict(each),
            "systems": [each.system] if each.system else names,
            "last": min(each.last or last, last),
            "what": KINDS[each.kind].what.format(value=each.value),
            "clause": f"{POLICY}/{KINDS[each.kind].clause}",
        }
        for each in world.faults
    ]
    return {
        "synthetic": NOTE,
        "seed": world.seed,
        "first": first,
        "last": last,
        "known": known,
        "usual": {"impact_ratio": USUAL_RATIO, "demographic_parity_difference": 0.0},
        "systems": {
            system: {
                "approval_rate": {"first": world.rates(system, first), "last": world.rates(system, last)},
                "hires": [day for year in range(first.year, last.year + 1) for day in world.hires(system, year)],
            }
            for system in names
        },
        "faults": faults,
    }
