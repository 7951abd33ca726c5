"""The verifier runs where nothing but Python and its three packages is installed."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import gov_pipelines
import gov_pipelines.evidence as room

INSTALLED = ("cryptography", "rfc8785", "rfc3161-client", "cffi", "pycparser", "typing-extensions")
"""The three, and what they need."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A folder of packages that has these and no others, to be used in place of site-packages."""
    folder = tmp_path_factory.mktemp("three")
    for name in INSTALLED:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (folder / top).symlink_to(Path(found.locate_file(top)))
    (folder / "gov_pipelines").symlink_to(Path(gov_pipelines.__file__).parent)
    return folder


@pytest.fixture
def alone(environment, tmp_path):
    def run(*arguments, module="gov_pipelines.evidence.verify"):
        command = [sys.executable, "-S", "-W", "error", "-m", module, *map(str, arguments)]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(environment)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=tmp_path)

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


def test_nothing_else_is_installed_there(alone):
    done = alone(module="polars")
    assert "No module named polars" in done.stderr
    assert "No module named" in alone(module="gov_pipelines.policy").stderr


def test_the_module_runs_as_documented(package, tmp_path):
    command = [sys.executable, "-W", "error", "-m", "gov_pipelines.evidence.verify"]
    sound = subprocess.run([*command, package], capture_output=True, text=True, check=False)
    assert sound.returncode == 0, sound.stderr
    assert "consistent with its own key, which nobody vouched for" in sound.stdout
    absent = subprocess.run([*command, tmp_path / "absent"], capture_output=True, text=True, check=False)
    assert absent.returncode == 2
    assert "no evidence" in absent.stderr


def test_a_checkpoint_is_kept_for_the_next_visit(alone, chain, tmp_path):
    kept = tmp_path / "checkpoint"
    done = alone(chain, "--keep", kept)
    assert done.returncode == 0, done.stderr
    assert kept.read_bytes() == (chain.parent / "ledger" / "checkpoint").read_bytes()
    assert "keep a checkpoint with --keep FILE and give it as --last" in done.stdout
    assert alone(chain, "--last", kept).returncode == 0
    unwritable = alone(chain, "--keep", tmp_path / "absent" / "checkpoint")
    assert unwritable.returncode == 2
    assert "was not written" in unwritable.stderr
    kept.unlink()
    (chain / "2026-10-02" / "r1" / "tally.json").write_text("{}")
    assert alone(chain, "--keep", kept).returncode == 1
    assert not kept.exists()


def test_what_is_exported_is_there():
    assert sorted(room.__all__) == sorted(set(room.__all__))
    for name in room.__all__:
        assert getattr(room, name) is not None
