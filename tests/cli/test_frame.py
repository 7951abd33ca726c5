"""The command's frame: help, JSON, exit codes, words for mistakes."""

import json
import subprocess
import sys
import time

import pytest
from command import ROOT, gov, told

from gov_pipelines.cli.app import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "Example:" in text
    assert f"gov {name}" in text
    assert "--json" in text


def test_help_is_quick_and_lists_every_command(tmp_path):
    began = time.perf_counter()
    text = gov("--help", home=tmp_path, check=0).stdout
    took = time.perf_counter() - began
    assert all(name in text for name in COMMANDS)
    print(f"gov --help took {took:.2f} s")


HEAVY = {"dagster", "polars", "great_expectations", "fairlearn", "pandas", "scipy", "sqlalchemy", "sqlglot", "pydantic"}


def test_help_imports_nothing_heavy():
    code = (
        f"import sys; from gov_pipelines.cli import app; print([m for m in sys.modules if m.split('.')[0] in {HEAVY}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_mistyped_command_is_met_with_a_suggestion(tmp_path):
    done = gov("repotr", home=tmp_path, check=2)
    assert "Did you mean `report`?" in done.stderr


def test_gaps_are_shown_before_anything_was_audited(tmp_path):
    done = told("gaps", home=tmp_path, check=0)
    assert "Nothing was audited" in done.stderr
    assert "has never given a verdict" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("audit",), "Name one system"),
        (("audit", "mortgage_underwritng", "--date", "2026-09-01"), "mortgage_underwriting"),
        (("audit", "mortgage_underwriting", "--date", "2031-01-01"), "has partitions from 2026-09-01 to 2026-09-30"),
        (("audit", "mortgage_underwriting", "--from", "2026-09-01"), "A range has --from and --to"),
        (("audit", "mortgage_underwriting", "--date", "yesterday"), "'yesterday' is not a partition; write a day"),
        (("report",), "Nothing was audited"),
        (("explain", "X", "--system", "mortgage_underwriting"), "Nothing was audited"),
        (("verify", "nowhere"), "nowhere"),
        (("keys",), "no signing key"),
        (("init", "absent.csv"), "There is no file absent.csv"),
        (("demo", "--tour"), "Nothing was audited"),
    ],
)
def test_wrong_use_says_what_to_do_and_ends_with_2(arguments, says, tmp_path):
    done = told(*arguments, home=tmp_path / "home", check=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_outside_a_project_it_says_what_a_project_is(tmp_path):
    done = gov("lint", home=tmp_path, cwd=tmp_path, env={"GOV_PIPELINES_PROJECT": str(tmp_path)}, check=2)
    assert "assets/" in done.stderr


def test_keys_are_made_once_and_shown(tmp_path):
    made = json.loads(gov("keys", "new", "--name", "Example Bank", "--json", home=tmp_path, check=0).stdout)
    shown = json.loads(told("keys", "--json", home=tmp_path, check=0).stdout)
    assert shown == made
    assert made["name"] == "Example Bank"
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o077 == 0
    told("keys", "new", "--name", "Another", home=tmp_path, check=1)
    assert json.loads(told("keys", "--json", home=tmp_path, check=0).stdout) == made
