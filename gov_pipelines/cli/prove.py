"""`gov prove`: the proof of one decision, as a file for somebody else."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence.decision_proof import inspect_proof
from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.verification import Checklist
from gov_pipelines.pipeline.erasing import erased_on
from gov_pipelines.pipeline.proving import open_day
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.report.explanation import find_decision
from gov_pipelines.store import reading, snapshot_of


@click.command("prove")
@click.argument("decision")
@click.option("--system", required=True, help="The system that made it.")
@click.option("--disclose", multiple=True, metavar="FIELD", help="A field to show besides the id; again for more.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@click.option("--json", "as_json", is_flag=True, help="Print what was proved as JSON.")
def prove_command(decision: str, system: str, disclose: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Prove of one decision how it was judged; only its id and the fields you name are shown.

    \b
    Example:
      gov prove BF-0224 --system mortgage_underwriting --out BF-0224.tlog-proof
      gov verify BF-0224.tlog-proof --trust root.json
    """
    place = workplace()
    proof = _proof(place, place.system(system), decision, disclose)
    checks = Checklist()
    proves, not_proven = inspect_proof(out.name, proof, Asked(), checks)
    if wrong := [check.rule for check in checks.checks if not check.ok]:
        raise EvidenceError(f"the proof does not hold ({', '.join(wrong)}), so it was not written; run `gov verify`")
    try:
        out.write_bytes(proof)
    except OSError as error:
        raise WrongUse(f"{out} was not written: {error.strerror}") from error
    said = {
        "decision": decision,
        "disclosed": sorted({"decision_id", *disclose}),
        "file": str(out),
        "bytes": len(proof),
    }
    lines = [*proves, "Not proven:", *(f"- {each}" for each in not_proven), f"Written: {out}, {len(proof)} bytes."]
    answer(as_json, said | {"proves": proves, "not_proven": not_proven}, *lines)


def _proof(place: Workplace, declaration: SystemDeclaration, decision: str, disclose: tuple[str, ...]) -> bytes:
    system = declaration.system
    with reading(place.engine) as connection:
        if gone := erased_on(place.home, connection, system, decision):
            raise WrongUse(f"{decision} was erased on {gone}, its salt with it: nothing can be shown of it any more.")
        day, _, _ = find_decision(decision, system, place.home)
        signed = snapshot_of(connection, system, day)
    if signed is None:
        raise WrongUse(f"{decision} is not in a signed snapshot yet. Run `gov audit {system} --date {day}`.")
    return open_day(place.night(declaration, day), signed).prove(decision, disclose)
