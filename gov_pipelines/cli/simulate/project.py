"""The project around simulated data: a declaration a system, one policy, and the truth to hold results against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from string import Template
from typing import Any

from gov_pipelines.cli.simulate.draws import ZONE
from gov_pipelines.cli.simulate.world import HOLIDAYS, KINDS, USUAL_RATIO, World
from gov_pipelines.policy import load_policies
from gov_pipelines.store import write_atomic
from gov_pipelines.validate import write_suites

POLICY = "simulated-credit"
NOTE = "Synthetic: every decision, person and read was drawn at random by gov simulate; faults were planted on purpose."


def write_project(
    root: Path, world: World, systems: Iterable[str], first: date, last: date, variable: str | None
) -> None:
    """Write assets/ and expectations/ with their compiled suite; the first weeks are the baseline.

    Args:
        root: the folder of the project.
        world: what was drawn.
        systems: their names.
        first: the first day.
        last: the last one.
        variable: names the database that holds the data; None where files of the project do.
    """
    years = range(first.year, last.year + 1)
    days = {
        "first": first,
        "first_weeks": first + timedelta(weeks=4),
        "until": first + timedelta(weeks=8),
        "ends": last + timedelta(days=1),
        "holidays": ", ".join(f"{day}" for day in sorted(date(each, *day) for each in years for day in HOLIDAYS)),
    }
    common = {**days, "zone": ZONE, "note": NOTE, "matures": world.matures}
    for system in systems:
        places = (f"path: data/{system}/*.parquet", f"path: data/{system}_reads/*.parquet")
        if variable:
            places = (f"url_env: {variable}, table: {system}, zone: UTC", f"table: {system}_reads, zone: UTC")
        own = {"system": system, "source": places[0], "reads": places[1]}
        _write(root / "assets" / system / "defs.yaml", "system.yaml", **common, **own)
    folder = root / "expectations"
    _write(folder / f"{POLICY}.yaml", "policy.yaml", **common)
    write_suites(load_policies(folder)[0], folder / "suites")


def _write(file: Path, template: str, **values: object) -> None:
    text = Template(Path(__file__).with_name(template).read_text("utf-8"))
    write_atomic(file, text.substitute(values).encode())


def truth(world: World, systems: Iterable[str], first: date, last: date, known: date) -> dict[str, Any]:
    """What was planted where, when, and what an audit should find of it."""
    names = list(systems)
    faults = [
        asdict(each)
        | {
            "systems": [each.system] if each.system else names,
            "last": min(each.last or last, last),
            "what": KINDS[each.kind].what.format(value=each.value),
            "clause": f"{POLICY}/{KINDS[each.kind].clause}",
        }
        for each in world.faults
    ]
    its = {
        system: {
            "approval_rate": {"first": world.rates(system, first), "last": world.rates(system, last)},
            "hires": [day for year in range(first.year, last.year + 1) for day in world.hires(system, year)],
        }
        for system in names
    }
    usual = {"impact_ratio": USUAL_RATIO, "demographic_parity_difference": 0.0}
    span = {"first": first, "last": last, "known": known}
    return {"synthetic": NOTE, "seed": world.seed, **span, "usual": usual, "systems": its, "faults": faults}
