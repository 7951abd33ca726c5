"""Several processes find what one finds, and never less."""

import os
import shutil
import signal

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import side_by_side
from gov_pipelines.evidence.side_by_side import enough_processes, inspect_packages
from gov_pipelines.evidence.verification import Checklist
from gov_pipelines.evidence.verify import verify

# Python 3.12 warns of a fork where other threads run, as those of Polars do here; none of them is needed after it.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture
def many(chain, tmp_path):
    """Some hundred places, sound ones and others in turn: without a key, without an envelope, with a changed leaf."""
    broken = [shutil.copytree(chain / "2026-10-02" / "r1", tmp_path / str(number)) for number in range(3)]
    (broken[0] / "key.json").unlink()
    (broken[1] / "snapshot.intoto.jsonl").write_bytes(b"{}\n")
    leaves = broken[2] / "decision_leaves.jsonl"
    leaves.write_bytes(leaves.read_bytes().replace(b"within", b"pending", 1))
    folders = [*sorted(chain.glob("*/r*")), *broken]
    return [(folders[number % len(folders)], f"{number}/") for number in range(130)]


def test_several_processes_make_the_checks_of_one_in_its_order(many, signer):
    one, several = Checklist(), Checklist()
    found = inspect_packages(many, signer.public, one, processes=1)
    assert inspect_packages(many, signer.public, several, processes=3) == found
    assert several.checks == one.checks
    assert found.count(None) == 130 // 7
    assert {check.rule for check in one.checks if not check.ok} >= {"key", "envelope-canonical", "manifest-sha256"}


def test_a_killed_process_is_told_and_leaves_no_result(many, monkeypatch):
    ours, inspect = os.getpid(), side_by_side.inspect_package

    def killed_at_the_end(folder, prefix, trust, checks):
        if prefix == "129/" and os.getpid() != ours:
            os.kill(os.getpid(), signal.SIGKILL)
        return inspect(folder, prefix, trust, checks)

    monkeypatch.setattr(side_by_side, "inspect_package", killed_at_the_end)
    with pytest.raises(EvidenceError, match="one of 2 processes that inspected 130 packages was killed"):
        inspect_packages(many, None, Checklist(), processes=2)


def test_a_package_that_vanishes_meanwhile_is_told_as_by_one_process(many, tmp_path):
    many[100] = (tmp_path / "gone", "100/")
    for processes in (1, 2):
        checks = Checklist()
        inspect_packages(many, None, checks, processes)
        assert ("100/snapshot.intoto.jsonl", False) in [(check.file, check.ok) for check in checks.checks]


def test_few_packages_and_systems_without_fork_are_read_by_one_process(monkeypatch):
    assert enough_processes(1) == enough_processes(399) == 1
    assert enough_processes(100_000) == len(os.sched_getaffinity(0))
    monkeypatch.setattr(side_by_side, "get_all_start_methods", lambda: ["spawn"])
    assert enough_processes(100_000) == 1


def test_verifying_a_folder_uses_them(chain, monkeypatch):
    alone = verify(chain)
    monkeypatch.setattr(side_by_side, "_WORTH_A_PROCESS", 1)
    assert enough_processes(4) > 1 or len(os.sched_getaffinity(0)) == 1
    assert verify(chain) == alone
