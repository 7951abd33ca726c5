"""`gov verify`: signed snapshots, checked as an outsider would."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.evidence.verify import last_seen, verify


@click.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--trust", type=click.Path(path_type=Path), help="A public key you already have: ours as JSON, or PEM.")
@click.option("--last", type=click.Path(path_type=Path), help="What you noted last time; the chain must still hold it.")
@click.option("--keep", type=click.Path(path_type=Path), help="Note the newest snapshot here, for --last next time.")
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
def verify_command(path: Path, trust: Path | None, last: Path | None, keep: Path | None, as_json: bool) -> int:
    """Check a snapshot package, all packages of a system, or a whole evidence folder.

    Without --trust it says only that the evidence is consistent with its own key. Exit code 1 if anything is untrue
    or malformed; every failed check names its file and rule.

    \b
    Example:
      gov verify .gov/evidence
      gov verify .gov/evidence/mortgage_underwriting --trust auditor/key.json
    """
    found = verify(path, trust=trust, last=last)
    click.echo(found.to_json() if as_json else found.to_text())
    if keep is not None and found.ok:
        keep.write_bytes(last_seen(path))
    return 0 if found.ok else 1
