"""`gov access`: who read what outside, newly or unusually; names that nothing else tells."""

from __future__ import annotations

import json
from datetime import date

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import PARTITION, table
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import partition_key
from gov_pipelines.store import as_written


@click.command("access")
@click.argument("system")
@click.option("--date", "on", type=PARTITION, required=True, help="The audited day or hour.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def access_command(system: str, on: date, as_json: bool) -> None:
    """Show the reads of an audited day that were outside what is declared, new, or unusually many, with names.

    Alerts, snapshots and pages only count them, and call readers by a number of that day: they may be people.

    \b
    Example:
      gov access mortgage_underwriting --date 2026-09-30
    """
    place = workplace()
    file = place.home.partition_dir(place.system(system).system, on) / "access_patterns.json"
    if not file.is_file():
        key = partition_key(on)
        raise WrongUse(f"{system} was not audited for {key}. Run `gov audit {system} --date {key}`.")
    with as_written(file):
        content = json.loads(file.read_bytes())
        found = {name: content[name] for name in ("outside", "new", "unusual")}
    read = {name: table([[f"{key} {row[key]}" for key in row] for row in rows]) for name, rows in found.items()}
    answer(as_json, found, *(f"{name}: {len(found[name])}\n{rows}" for name, rows in read.items()))
