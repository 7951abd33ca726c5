"""What docs/evidence.md says is what the code does."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gov_pipelines.evidence.predicate import FIELDS, PREDICATE_TYPE
from gov_pipelines.evidence.shape import Nullable

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "evidence.md").read_text()


def first_cells(text):
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def paths(shape, place=""):
    if isinstance(shape, Nullable):
        shape = shape.shape
    if isinstance(shape, list):
        shape, place = shape[0], f"{place}[]"
    if isinstance(shape, dict):
        for name, inner in shape.items():
            yield from paths(inner, f"{place}.{name}" if place else name)
    else:
        yield place


def test_every_field_is_described_and_no_other():
    table = DOCS.split("## Predicate fields")[1].split("\n## ")[0]
    assert first_cells(table) == list(paths(dict(FIELDS)))
    assert PREDICATE_TYPE in table


MODULES = [
    *(
        f"evidence/{name}.py"
        for name in ("examine", "chain", "verify", "history", "logged", "alone", "decision_proof", "equivocation")
    ),
    "pipeline/recompute/chain.py",
]
CHOSEN = {
    "tally-digest",
    "policy-sha256",
    "declaration-sha256",
    "ledger-last",
    "ledger-cosigned",
    "time-limit",
    "time-order",
    "recomputed-measurement",
}
"""Rules whose names the code passes on."""


def test_every_rule_is_described_once_and_no_other():
    rules = set(CHOSEN)
    for module in MODULES:
        tree = ast.parse((ROOT / "gov_pipelines" / module).read_text())
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in {"note", "equal", "attempt"}:
                rules |= {call.args[1].value} if isinstance(call.args[1], ast.Constant) else set()
    pages = [DOCS.split("## Verify")[1], *((ROOT / "docs" / f"{page}.md").read_text() for page in ("witness", "time"))]
    described = [
        rule for page in pages for table in page.split("| rule |")[1:] for rule in first_cells(table.split("\n\n")[0])
    ]
    assert sorted(described) == sorted(rules)


def test_the_commands_for_openssl_work_as_written(package, openssl):
    if not shutil.which("jq"):
        pytest.skip("jq is not installed: the commands of docs/evidence.md do not run")
    script = DOCS.split("```sh\n")[1].split("```")[0]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=package, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Verified Successfully" in done.stdout + done.stderr
    assert "tally.json: OK" in done.stdout
