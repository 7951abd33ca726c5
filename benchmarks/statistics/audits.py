"""Audits of made-up counts: tallies, controls and declarations without rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import polars as pl

from gov_pipelines.measure import Tally, tally
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.kinds import Fairness

SEED = 20261123
DAY = date(2026, 9, 1)
DECLARATION = SystemDeclaration.model_validate(
    {
        "system": "simulated",
        "owner": "team:nobody",
        "purpose": "Decide at random.",
        "risk": "high",
        "zone": "UTC",
        "starts": DAY,
        "source": {"path": "none.csv"},
        "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
        "protected_attributes": {"race": {}, "sex": {}},
        "policies": ["simulated"],
    }
)


def told(line: str | None) -> None:
    """Print a line of a table at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def control(metric: str = "impact_ratio", **options: Any) -> Fairness:
    """A fairness control; by race, unless said otherwise."""
    return Fairness.model_validate({"kind": "fairness", "metric": metric, "by": ["race"]} | options)


def counted(groups: Sequence[tuple[str, str, int, int]]) -> Tally:
    """The tally of race, sex, favorable and decided of each group."""
    cells = [
        {"race": race, "sex": sex, "decision": word, "outcome": outcome, "reviewed": False, "n": n}
        for race, sex, favorable, decided in groups
        for word, outcome, n in (("approved", "favorable", favorable), ("denied", "unfavorable", decided - favorable))
        if n
    ]
    return replace(_empty(), cells=pl.DataFrame(cells, schema=_empty().cells.schema))


@cache
def _empty() -> Tally:
    names = ("decision", "race", "sex")
    log = pl.DataFrame(schema={"decided_at": pl.Datetime("us", "UTC"), **dict.fromkeys(names, pl.String)})
    rows = dict.fromkeys(("source_count", "accepted", "quarantined", "duplicate", "undated"), 0)
    return tally(log, DECLARATION, rows, DAY)
