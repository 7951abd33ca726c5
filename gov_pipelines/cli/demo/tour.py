"""`gov demo --tour`: from a clause to a proof, and what happens when someone tampers."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path

import click

from gov_pipelines.cli.demo.loanapp import SYSTEM, UNREVIEWED
from gov_pipelines.cli.desk import clause_in_force
from gov_pipelines.cli.place import Workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import LEAVES
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline.proving import open_day
from gov_pipelines.policy import control_key, coverage_matrix
from gov_pipelines.report.explanation import explain
from gov_pipelines.store import reading, snapshot_of, verdict_history

FAILING = "house-fair-lending/FL-5"
REVIEW = "house-fair-lending/FL-2"


def walk(place: Workplace) -> int:
    """Walk the way of evidence; returns 0 if every step held what it must.

    Raises:
        WrongUse: the demo was not audited yet.
    """
    with reading(place.engine) as connection:
        history = verdict_history(connection, SYSTEM, FAILING)
        if not history:
            raise WrongUse("The demo was not audited in this home yet. Run `gov demo` first.")
        waivers = place.waivers(connection)
        found = explain(UNREVIEWED, place.system(SYSTEM), place.policies, place.home, connection, waivers)
    row = history[-1]
    _, clause = clause_in_force(place, FAILING)

    _heading(1, "A clause, as a person wrote it", "expectations/house-fair-lending.yaml")
    click.echo(f"{clause.id}: {clause.text}")
    _heading(2, "Its measurement and verdict", f"{row.window_start:%Y-%m-%d} to {row.partition}")
    click.echo(f"{row.verdict}: {row.reason}\nLimit: {row.threshold}; n = {row.n}.")
    _heading(3, "One decision, explained", f"gov explain {UNREVIEWED} --system {SYSTEM}")
    click.echo(found.to_text())
    assert found.leaf is not None  # an audited decision has a leaf
    package = place.home.root / found.leaf.package
    with tempfile.TemporaryDirectory() as folder:
        steps = [
            _proved(place, date.fromisoformat(package.parent.name), Path(folder)),
            _sound(place),
            _tampered(place, package, Path(folder)),
            _without_control(place),
        ]
    click.echo("\nEvery step held." if all(steps) else "\nA step did NOT hold; see above.")
    return 0 if all(steps) else 1


def _proved(place: Workplace, day: date, folder: Path) -> bool:
    _heading(4, "Its proof, for somebody else", f"gov prove {UNREVIEWED} --system {SYSTEM} --disclose decision")
    with reading(place.engine) as connection:
        signed = snapshot_of(connection, SYSTEM, day)
    assert signed is not None  # it was explained from there
    file = folder / f"{UNREVIEWED}.tlog-proof"
    file.write_bytes(open_day(place.night(place.system(SYSTEM), day), signed).prove(UNREVIEWED, ["decision"]))
    result = verify(file, trust=_root(place))
    click.echo(result.to_text())
    return result.ok


def _sound(place: Workplace) -> bool:
    _heading(5, "All evidence verifies", f"gov verify {place.home.root / 'evidence'} --trust {_root(place)}")
    result = verify(place.home.root / "evidence", trust=_root(place))
    click.echo(result.to_text())
    return result.ok


def _tampered(place: Workplace, package: Path, folder: Path) -> bool:
    _heading(6, "One flipped byte, and one night deleted", "in a copy of the evidence")
    copy = folder / "evidence"
    shutil.copytree(package.parents[2], copy)
    file = copy / package.relative_to(package.parents[2]) / LEAVES
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    shutil.rmtree(max(each for each in (copy / SYSTEM).iterdir() if each != file.parents[1]))
    result = verify(copy, trust=_root(place))
    for check in result.failures:
        click.echo(f"{check.file}: {check.rule}: got {check.got}, expected {check.expected}")
    return {"manifest-sha256", "ledger-complete"} <= {check.rule for check in result.failures}


def _root(place: Workplace) -> Path:
    """The first version of the root of trust, as an auditor would have got it by another way."""
    return place.home.roots_dir / "1.root.json"


def _without_control(place: Workplace) -> bool:
    _heading(7, "A control removed", f"{REVIEW} without its control")
    bare, policies = {"control": None}, []
    for policy in place.policies:
        keys = {control_key(policy, each): each for each in policy.clauses}
        clauses = [each.model_copy(update=bare) if key == REVIEW else each for key, each in keys.items()]
        policies.append(policy.model_copy(update={"clauses": clauses}))
    cells = coverage_matrix(policies, [place.system(SYSTEM)], {}, today=place.now.date())
    cell = next(each for each in cells if f"{each.policy}/{each.clause}" == REVIEW)
    click.echo(cell.sentence)
    return cell.gap == "no control"


def _heading(number: int, title: str, where: str) -> None:
    click.echo(f"\n{number}. {title}  ({where})\n{'-' * 78}")
