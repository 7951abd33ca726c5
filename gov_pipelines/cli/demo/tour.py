"""`gov demo --tour`: from a clause to a proof, and what happens when someone tampers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from gov_pipelines.cli.demo.loanapp import SYSTEM, UNREVIEWED
from gov_pipelines.cli.desk import clause_in_force
from gov_pipelines.cli.place import Workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import LEAVES, read_leaves, read_package
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.verify import verify
from gov_pipelines.policy import control_key, coverage_matrix
from gov_pipelines.report.explanation import explain
from gov_pipelines.store import reading, verdict_history

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
    kept = _leaf(package, found.leaf.index)
    whole = _sound(package)
    tampered = _tampered(package)
    gap = _without_control(place)
    good = kept and whole and tampered and gap
    click.echo("\nEvery step held." if good else "\nA step did NOT hold; see above.")
    return 0 if good else 1


def _leaf(package: Path, index: int) -> bool:
    _heading(4, "Its leaf in the signed snapshot", "RFC 6962 inclusion proof")
    leaves = read_leaves((package / LEAVES).read_bytes())
    predicate = read_package(package).predicate
    root, size = bytes.fromhex(predicate["decisions"]["rootHash"]), predicate["decisions"]["treeSize"]
    hashes = merkle.leaf_hashes(leaves)
    proof = merkle.inclusion_proof(hashes, index)
    held = merkle.verify_inclusion(hashes[index], index, size, proof, root)
    click.echo(f"leaf {index} of {size}: {leaves[index].decode()}")
    click.echo(
        f"signed root {root.hex()}\n{len(proof)} hashes lead from the leaf to it: {'they do' if held else 'they DO NOT'}."
    )
    return held


def _sound(package: Path) -> bool:
    _heading(5, "The snapshot verifies", f"gov verify {package}")
    result = verify(package)
    click.echo(result.to_text())
    return result.ok


def _tampered(package: Path) -> bool:
    _heading(6, "One flipped byte", "in a copy of the package")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / package.name
        shutil.copytree(package, copy)
        file = copy / LEAVES
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        result = verify(copy)
    for check in result.failures:
        click.echo(f"{check.file}: {check.rule}: got {check.got}, expected {check.expected}")
    return not result.ok and any(check.file.endswith(LEAVES) for check in result.failures)


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
