"""The verifier runs where nothing but Python, cryptography and rfc8785 is installed."""

import json
import subprocess
import sys

import pytest

import gov_pipelines.evidence as room

BLOCKED = """
import sys
ALLOWED = {"cryptography", "_cffi_backend", "rfc8785", "gov_pipelines", "typing_extensions"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ImportError(f"{name} is not among the three packages of the verifier")
        if top == "gov_pipelines" and name.count(".") and not name.startswith(("gov_pipelines.evidence", "gov_pipelines.errors")):
            raise ImportError(f"{name} is another room")
sys.meta_path.insert(0, Refuse())
sys.argv[:] = ["verify", *sys.argv[1:]]
import runpy
runpy.run_module("gov_pipelines.evidence.verify", run_name="__main__")
"""


@pytest.fixture
def alone():
    def run(*arguments):
        command = [sys.executable, "-W", "error", "-c", BLOCKED, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_the_verifier_needs_three_packages(alone, chain, tmp_path, signer, other_signer):
    (tmp_path / "trust").write_bytes(signer.public.to_json())
    (tmp_path / "other").write_bytes(other_signer.public.to_json())
    done = alone(chain, "--trust", tmp_path / "trust", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trusted"] is True
    refused = alone(chain, "--trust", tmp_path / "other")
    assert refused.returncode == 1
    assert "trusted-key" in refused.stdout
    assert "NOT VERIFIED" in refused.stdout


def test_the_block_really_blocks(alone):
    code = BLOCKED.replace("gov_pipelines.evidence.verify", "polars")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "three packages" in done.stderr


def test_the_module_runs_as_documented(package, tmp_path):
    command = [sys.executable, "-W", "error", "-m", "gov_pipelines.evidence.verify"]
    sound = subprocess.run([*command, package], capture_output=True, text=True, check=False)
    assert sound.returncode == 0, sound.stderr
    assert "consistent with its own key, which nobody vouched for" in sound.stdout
    absent = subprocess.run([*command, tmp_path / "absent"], capture_output=True, text=True, check=False)
    assert absent.returncode == 2
    assert "no evidence" in absent.stderr


def test_the_newest_snapshot_is_noted_for_the_next_visit(alone, chain, tmp_path):
    note = tmp_path / "last.json"
    done = alone(chain, "--keep", note)
    assert done.returncode == 0, done.stderr
    assert json.loads(note.read_bytes())["sequence"] == 4
    assert "`gov verify --keep FILE` and give it as --last" in done.stdout
    assert alone(chain, "--last", note).returncode == 0
    unwritable = alone(chain, "--keep", tmp_path / "absent" / "last.json")
    assert unwritable.returncode == 2
    assert "was not written" in unwritable.stderr
    note.unlink()
    (chain / "2026-10-02" / "r1" / "tally.json").write_text("{}")
    assert alone(chain, "--keep", note).returncode == 1
    assert not note.exists()


def test_what_is_exported_is_there():
    assert sorted(room.__all__) == sorted(set(room.__all__))
    for name in room.__all__:
        assert getattr(room, name) is not None
