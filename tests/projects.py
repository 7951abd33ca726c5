"""Small projects as tests write them: one system, `loans`, under one policy, `house`; and its nights without Dagster."""

import os
from datetime import UTC, datetime, timedelta

from gov_pipelines.evidence import found
from gov_pipelines.evidence.roots import ROLES, new_root, parse_root
from gov_pipelines.people import Authority
from gov_pipelines.pipeline import measuring, signing, verdicts
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import load_declaration, load_policies
from gov_pipelines.store import Home


def found_home(folder, name="test", created=datetime(2026, 9, 1, tzinfo=UTC)):
    """A home's key and root of trust."""
    home = Home(folder)
    return found(home.keys_dir, home.roots_dir, name=name, created=created)


def authority(public, at=datetime(2026, 9, 1, tzinfo=UTC)):
    """A home of one key, of which nobody holds the private half."""
    roles = dict.fromkeys(ROLES, ([public], 1))
    return Authority((parse_root(new_root(1, at, at + timedelta(days=365), roles, "example.com/audit")),))


STEPS = (
    steps.read_decisions, steps.judge, steps.read_access, measuring.compare_access, measuring.tally,
    measuring.measure_fairness, measuring.measure_shift, verdicts.reach_verdicts,
)  # fmt: skip
"""Of a night, up to its verdicts."""


def declared(more, starts="2026-09-01", system="loans", policies="house"):
    """A declaration: what all of them say, and the lines that a test is about."""
    return f"""\
type: gov_pipelines.pipeline.AuditedSystem
attributes:
  system: {system}
  owner: team:credit
  purpose: Decide on loans.
  risk: high
  zone: UTC
  starts: {starts}
{more}  policies: [{policies}]
"""


def house(clauses, owner="credit", version=1, name="house"):
    """A policy of these clauses."""
    return f"""\
policy: {name}
version: {version}
in_force: {{from: 2026-01-01}}
owner: {owner}
document: {{title: House rules}}
clauses:
{clauses}"""


def write_project(root, defs, policy, *, key=True):
    """The files of a project, and a home that can sign."""
    (root / "assets" / "loans").mkdir(parents=True)
    (root / "expectations").mkdir()
    (root / "assets" / "loans" / "defs.yaml").write_text(defs)
    (root / "expectations" / "house.yaml").write_text(policy)
    if key:
        found_home(root / ".gov")
    return root


def night_of(root, day, *, as_of=None, environ=None, home=None):
    """A day of the system as its next morning sees it, unless `as_of` says when."""
    policies, mistakes = load_policies(root / "expectations")
    assert not mistakes
    return Night(
        home=home or Home(root / ".gov"),
        project=root,
        declaration=load_declaration(root / "assets" / "loans" / "defs.yaml"),
        policies=policies,
        partition=day,
        as_of=as_of or datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=1),
        environ=dict(os.environ) | {"GOV_STORE_URL": ""} if environ is None else environ,
    )


def signed(night):
    """Every step of a night done and the night signed; what each step said, by its name."""
    said = {step.__name__: step(night) for step in STEPS}
    return said | {"sign": signing.sign(night)}
