"""`gov simulate`: a whole project of made-up credit decisions, with what is wrong with them known."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import defaultdict
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import polars as pl

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.simulate.draws import decisions, reads
from gov_pipelines.cli.simulate.project import NOTE, truth, write_project
from gov_pipelines.cli.simulate.sinks import Put, database, parquet
from gov_pipelines.cli.simulate.world import KINDS, Fault, World
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import found
from gov_pipelines.store import Home, write_atomic

KEY_NAME = "simulated (untrusted)"
_DAY = click.DateTime(["%Y-%m-%d"])
_SHARE = click.FloatRange(0, 1)
_FAULTS = "\n".join(f"  {name:<15} {kind.what.format(value=f'{kind.value:g}')}" for name, kind in KINDS.items())


@click.command("simulate", epilog=f"\b\nFaults, with the strength they have unless you say another:\n{_FAULTS}")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--from", "first", type=_DAY, default="2026-01-01", show_default="2026-01-01", help="First day.")
@click.option("--to", "last", type=_DAY, default="2026-03-31", show_default="2026-03-31", help="Last day, inclusive.")
@click.option("--systems", type=click.IntRange(1, 999), default=1, show_default=True, help="How many systems.")
@click.option("--rows", type=click.FloatRange(0), default=500.0, show_default=True, help="Mean decisions a day.")
@click.option("--overdispersion", type=click.FloatRange(0), default=0.03, show_default=True, help="Of a day's rows.")
@click.option("--fault", "faults", multiple=True, help="KIND[=VALUE]@FIRST[..LAST][:SYSTEM]; repeat for more.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed, other data.")
@click.option("--late", type=_SHARE, default=0.0, help="Share of rows that arrive 1 to 5 days late.")
@click.option("--corrected", type=_SHARE, default=0.0, help="Share whose amount is corrected 1 to 20 days later.")
@click.option("--deleted", type=_SHARE, default=0.0, help="Share that vanishes 5 to 60 days later, on request.")
@click.option("--matures", type=click.IntRange(0), default=30, show_default=True, help="Days until a label is known.")
@click.option("--known", type=_DAY, help="The data as the source held them at the end of this day; default: --to.")
@click.option("--to-env", "variable", help="Write to the database whose SQLAlchemy URL this variable holds.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def simulate_command(
    folder: Path,
    first: datetime,
    last: datetime,
    systems: int,
    faults: tuple[str, ...],
    known: datetime | None,
    variable: str | None,
    as_json: bool,
    **drawn: Any,
) -> None:
    """Write a project of made-up credit decisions with known disparity, drift and access faults at known dates.

    DIR gets declarations, a policy, data, a key nobody should trust, and truth.json: what was planted, where and when.
    The same seed draws the same day, whatever range, number of systems or destination is asked for. Give another --known
    to see late rows arrive, labels mature, amounts corrected and rows vanish.

    \b
    Example:
      gov simulate sim --fault ratio=.65@2026-02-01 --fault night_export@2026-03-03
      cd sim && gov audit --all --date 2026-03-31
    """
    start, end = first.date(), last.date()
    upto = known.date() if known else end
    if end < start:
        raise WrongUse(f"--from {start} is after --to {end}.")
    if (folder / "assets").is_dir() and not (folder / "truth.json").is_file():
        raise WrongUse(f"{folder} has assets/ that gov simulate did not write. Name another folder.")
    names = [f"credit_{number:03d}" for number in range(1, systems + 1)]
    planted = [Fault.parse(text) for text in faults]
    if strange := {each.system for each in planted} - {None, *names}:
        raise WrongUse(f"--fault names {', '.join(map(str, strange))}; the systems are {names[0]} to {names[-1]}.")
    world = World(faults=planted, **drawn)
    folder.mkdir(parents=True, exist_ok=True)
    sink: AbstractContextManager[Put] = parquet(folder / "data")
    if variable:
        if not os.environ.get(variable):
            raise WrongUse(f"The environment variable {variable} is not set. Set it to a SQLAlchemy URL.")
        sink = database(os.environ[variable], variable, folder)
    began = time.monotonic()
    days = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
    told = truth(world, names, start, end, upto)
    with (
        sink as put,
        click.progressbar(names, label=f"Drawing {len(days)} days", file=sys.stderr, hidden=as_json) as bar,
    ):
        counts: dict[str, dict[date, int]] = {system: _fill(world, system, days, upto, put) for system in bar}
    told["rows"] = {system: {f"{day}": count for day, count in by_day.items()} for system, by_day in counts.items()}
    write_atomic(folder / "truth.json", json.dumps(told, indent=1, default=str).encode())
    write_project(folder, world, names, start, end, variable)
    home = Home(folder / ".gov")
    if not home.keys_dir.is_dir():
        found(home.keys_dir, home.roots_dir, name=KEY_NAME, created=datetime.now(UTC))
    total, seconds = sum(sum(each.values()) for each in counts.values()), time.monotonic() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = {"folder": folder, "systems": systems, "days": len(days), "rows": total, "faults": len(planted)}
    answer(
        as_json,
        said | {"seconds": round(seconds, 2), "peak_memory_mb": round(memory), "synthetic": NOTE},
        f"{NOTE}\n{total:,} decisions of {systems} systems and {len(days)} days, {len(planted)} planted faults.",
        f"{seconds:.1f} seconds, {total / seconds:,.0f} rows a second, {memory:,.0f} MB at most.",
        f"Next: cd {folder} && gov audit --all --date {end}; what it should find is in truth.json.",
    )


def _fill(world: World, system: str, days: list[date], known: date, put: Put) -> dict[date, int]:
    """Draw and write every day of a system; returns the rows of each as they are known."""
    rows: dict[date, int] = defaultdict(int)
    for month, its in groupby(days, key=lambda day: f"{day:%Y-%m}"):
        log = []
        for day in its:
            rows[day] = 0
            for number, block in enumerate(decisions(world, system, day, known)):
                put(system, f"{day}-{number:03d}", block)
                rows[day] += block.height
            log.append(reads(world, system, day))
        put(f"{system}_reads", month, pl.concat(log))
    return dict(rows)
