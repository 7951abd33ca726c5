"""`gov schema`: JSON Schemas of what people write, for their editors, and of what is signed, for any validator."""

from __future__ import annotations

import json

import click

from gov_pipelines.cli.app import answer, here
from gov_pipelines.evidence.predicate import SCHEMA, snapshot_schema
from gov_pipelines.policy import schema_files

FOLDER = "docs/schemas"


@click.command("schema")
@click.option("--write", is_flag=True, help=f"Write the files into {FOLDER}/ instead of saying which are stale.")
@click.option("--json", "as_json", is_flag=True, help="Print the schemas (with --write: what was written) as JSON.")
def schema_command(write: bool, as_json: bool) -> int:
    """Write the JSON Schemas of policies, systems and signed snapshots, from the models that read them.

    With the first line `# yaml-language-server: $schema=../docs/schemas/policy.schema.json` an editor completes `kind:`
    and the fields of that kind. Without --write: exit code 1 if a file is missing or stale.

    \b
    Example:
      gov schema --write
    """
    folder = here().root / FOLDER
    files = {**schema_files(), SCHEMA: snapshot_schema()}
    there = {name: (folder / name).read_text("utf-8") for name in files if (folder / name).is_file()}
    stale = [name for name, text in files.items() if there.get(name) != text]
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (folder / name).write_text(files[name], encoding="utf-8")
    lines = [f"{'wrote' if write else 'stale or missing:'} {FOLDER}/{name}" for name in stale]
    data = {"written": stale} if write else {name: json.loads(text) for name, text in files.items()}
    answer(as_json, data, *(lines or ["All schemas are as the models say."]))
    return 1 if stale and not write else 0
