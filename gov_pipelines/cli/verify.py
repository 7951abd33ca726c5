"""`gov verify`: signed evidence, checked as an outsider would."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.evidence.verify import concluded, keep, last_seen, read

_FILE = click.Path(path_type=Path)


@click.command("verify")
@click.argument("path", type=_FILE)
@click.option("--trust", type=_FILE, help="What you already have: a public key (our JSON, or PEM) or a root of trust.")
@click.option("--last", type=_FILE, help="The checkpoint you kept last time; the ledger must have grown from it.")
@click.option("--keep", "kept", type=_FILE, help="Keep the ledger's checkpoint here, for --last next time.")
@click.option("--policy", type=_FILE, help="Your own tlog-policy: which witnesses must have cosigned.")
@click.option("--tsa", type=_FILE, help="Certificates of the time stamping authority you trust, PEM.")
@click.option("--recompute", is_flag=True, help="Compute every measurement and verdict anew from the covered files.")
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
def verify_command(
    path: Path,
    trust: Path | None,
    last: Path | None,
    kept: Path | None,
    policy: Path | None,
    tsa: Path | None,
    recompute: bool,
    as_json: bool,
) -> int:
    """Check a snapshot package, the packages of a system, a whole evidence folder with its ledger, or a proof.

    Without --trust it says only that the evidence is consistent with its own key. Exit code 1 if anything is untrue
    or malformed; every failed check names its file and rule.

    \b
    Example:
      gov verify .gov/evidence
      gov verify .gov/evidence --trust auditor/1.root.json --last auditor/checkpoint --recompute
    """
    evidence, left_open = read(path, trust=trust, last=last, policy=policy, authority=tsa), None
    if recompute and evidence.sound:
        # The strict verifier never loads what recomputing takes: Polars, SciPy and the policies.
        from gov_pipelines.pipeline.recompute import recompute as recomputed  # noqa: PLC0415

        checks, left_open = recomputed(path, evidence.snapshots)
        evidence.checks.checks.extend(checks)
    found = concluded(evidence, left_open)
    click.echo(found.to_json() if as_json else found.to_text())
    if kept is not None and found.ok:
        keep(kept, last_seen(path))
    return 0 if found.ok else 1
