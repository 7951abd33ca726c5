"""`gov bundle`: signed evidence, copied for whoever checks it elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence.history import LEDGER
from gov_pipelines.evidence.verify import verify


@click.command("bundle")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make; it must be empty.")
@click.option("--system", "systems", multiple=True, help="Only this system; may be given several times.")
@click.option("--date", "partition", help="Only the newest snapshot of this day or hour, of one system.")
@click.option("--published", is_flag=True, help="Merge small counts, so that the copy may be published.")
@click.option("--json", "as_json", is_flag=True, help="Print what was copied as JSON.")
def bundle_command(out: Path, systems: tuple[str, ...], partition: str | None, published: bool, as_json: bool) -> int:
    """Copy signed evidence into a new folder, and verify the copy.

    Whole chains of the systems and the ledger; with --date one snapshot, with the proof that it is in the ledger.
    README.txt says how to verify it, and what the copy does not hold. Exit code 1 if the copy does not verify.

    \b
    Example:
      gov bundle --out audit-2026 --system mortgage_underwriting
      gov bundle --out website --published
      gov bundle --out night --system mortgage_underwriting --date 2026-09-14
    """
    from gov_pipelines.pipeline.bundling import bundle, bundle_night  # noqa: PLC0415  (Polars takes a second)

    evidence = workplace().home.root / "evidence"
    known = sorted(item.name for item in evidence.glob("[!.]*") if item.is_dir() and item.name != LEDGER)
    if unknown := sorted({*systems} - {*known}):
        raise WrongUse(f"no evidence of {', '.join(unknown)} in {evidence}; there is: {', '.join(known) or 'none'}")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise WrongUse(f"{out} holds something already; name a new or empty folder")
    chosen = list(systems) or known
    if not chosen:
        raise WrongUse(f"nothing was signed in {evidence} yet; run `gov audit SYSTEM`, or `gov demo`")
    if partition is None:
        made, place = bundle(evidence, chosen, out, published=published), out / "evidence"
    elif len(chosen) == 1:
        made, place = bundle_night(evidence, chosen[0], partition, out, published=published), out
    else:
        raise WrongUse(f"--date is of one system; give one --system of {', '.join(chosen)}")
    found = verify(place)
    answer(
        as_json,
        {
            "path": str(place),
            "snapshots": made.packages,
            "waiting": made.waiting,
            "published": published,
            "ok": found.ok,
        },
        f"{made.packages:,} snapshot{'s are' if made.packages != 1 else ' is'} in {place}: {found.conclusion}.",
        *(
            f"FAILED {check.file}: {check.rule}: got {check.got}; expected {check.expected}"
            for check in found.failures[:5]
        ),
        *(f"{each} is not in the ledger yet, and was not copied." for each in made.waiting),
    )
    return 0 if found.ok else 1
