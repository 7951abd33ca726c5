import os
import shutil
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from ledgers import Book

from gov_pipelines.evidence import (
    build_predicate,
    canonical,
    decision_leaf,
    decisions_section,
    generate,
    sign_package,
    write_leaves,
)
from gov_pipelines.measure import Measurement

FIRST = date(2026, 10, 1)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def vectors():
    """Finds a folder of public test vectors; they are kept beside the repository and copied nowhere."""
    root = Path(os.environ.get("GOV_VECTORS") or Path(__file__).parents[3] / "shared" / "vectors")

    def find(name):
        if not (root / name).exists():
            pytest.skip(f"public vectors not found: {root / name}; set GOV_VECTORS to their folder")
        return root / name

    return find


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("one") / "keys", name="house key", created=NOON)


@pytest.fixture(scope="session")
def other_signer(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("two") / "keys", name="other key", created=NOON)


@pytest.fixture(scope="session")
def leaves():
    """Five leaves of decisions A-0 to A-4; the third lies outside."""
    verdicts = [{"house/FL-2": "outside" if number == 2 else "within", "house/FL-3": "pending"} for number in range(5)]
    return [
        decision_leaf({"decision_id": f"A-{number}"}, f"salt-{number}", said) for number, said in enumerate(verdicts)
    ]


@pytest.fixture(scope="session")
def policy():
    """The policy in force: a clause with a control, and one without."""
    clauses = [{"id": "FL-1", "control": {"kind": "fairness"}}, {"id": "FL-4"}]
    return {"policy": "house", "version": 3, "in_force": {"from": FIRST.isoformat()}, "clauses": clauses}


@pytest.fixture(scope="session")
def control():
    """Makes a control as a statement says it: key and verdict; keyword arguments replace members."""

    def make(key, verdict, **changes):
        place = {"level": "runtime", "kind": "fairness", "acts": "detects", "severity": "critical", "threshold": ""}
        unknown = dict.fromkeys(
            ["metric", "group", "referenceGroup", "value", "lower", "upper", "confidence", "n", "pAdjusted"]
        )
        said = {
            "control": key,
            "policy": key.partition("/")[0],
            "policyVersion": 3,
            "text": None,
            "reason": "",
            "verdict": verdict,
        }
        return {
            **place,
            **unknown,
            **said,
            "attribute": [],
            "breaches": 0,
            "windowStart": NOON,
            "windowEnd": NOON,
        } | changes

    return make


@pytest.fixture(scope="session")
def content(leaves, policy, control):
    """Makes what a night found; keyword arguments replace fields."""

    def make(day=FIRST, **changes):
        tally = canonical.dumps({"cells": [["approved", 4], ["denied", 1]]})
        digest = sha256(tally).hexdigest()
        found = {
            "system": "loans",
            "partition": {
                "key": day,
                "zone": "America/New_York",
                "start": datetime(day.year, day.month, day.day, 4, tzinfo=UTC),
                "end": datetime(day.year, day.month, day.day, 4, tzinfo=UTC) + timedelta(days=1),
            },
            "asOf": NOON,
            "revision": 1,
            "supersedes": None,
            "revisionReasons": [],
            "sequence": 1,
            "previous": None,
            "ledger": None,
            "retroactive": True,
            "policies": [
                {
                    "name": "house",
                    "version": 3,
                    "sha256": sha256(canonical.dumps(policy)).hexdigest(),
                    "inForceFrom": FIRST,
                    "inForceUntil": None,
                    "recordedAt": NOON,
                }
            ],
            "declaration": {"sha256": "0" * 64},
            "ingest": {
                "sourceCount": 6,
                "accepted": 5,
                "quarantined": 1,
                "duplicate": 0,
                "undated": 0,
                "inputs": [{"name": "decisions", "rows": 6, "sha256": "1" * 64}],
            },
            "decisions": decisions_section(leaves),
            "tally": {"sha256": digest, "disclosedSha256": "2" * 64, "discloseMin": 5},
            "measurements": [
                {"control": "house/FL-1", **asdict(Measurement("impact_ratio", value=0.743, lower=2 / 3, n=1972))}
            ],
            "controls": [control("house/FL-1", "fail", reason="0.743 is under 0.8")],
            "secondOpinion": {
                "agrees": True,
                "compared": 1,
                "largest_difference": 0.0,
                "disagreements": [],
                "rows": "accepted rows",
                "fairlearn": "0.15.0",
            },
            "missed": None,
            "producer": {
                "name": "gov_pipelines",
                "version": "0.1.0",
                "codeDigest": "3" * 64,
                "python": "3.11.7",
                "libraries": {"polars": "2.1"},
                "runId": None,
            },
            "timeCreated": NOON,
        }
        return found | changes

    return make


@pytest.fixture(scope="session")
def files(leaves, policy):
    tally = canonical.dumps({"cells": [["approved", 4], ["denied", 1]]})
    return {
        "decision_leaves.jsonl": write_leaves(leaves),
        "tally.json": tally,
        "policy.house@3.json": canonical.dumps(policy),
    }


@pytest.fixture
def package(tmp_path, content, files, signer):
    """One sound package."""
    folder = tmp_path / "loans" / FIRST.isoformat() / "r1"
    sign_package(folder, files, build_predicate(content()), signer)
    return folder


@pytest.fixture
def write_chain(content, files, signer):
    """Writes a chain of packages: (day, revision) in signing order."""

    def write(folder, plan, by=signer):
        book, before, latest = Book(folder.parent, by), None, {}
        for sequence, (day, revision) in enumerate(plan, start=1):
            key = FIRST + timedelta(days=day)
            supersedes = {"revision": revision - 1, "payloadSha256": latest[key]} if revision > 1 else None
            previous = {"sequence": sequence - 1, "payloadSha256": before} if before else None
            reasons = ["decisions: 1 late"] if revision > 1 else []
            found = content(key, revision=revision, supersedes=supersedes, sequence=sequence, previous=previous)
            signed = book.sign(folder / key.isoformat() / f"r{revision}", files, found | {"revisionReasons": reasons})
            before = latest[key] = signed.payload_sha256
        return folder

    return write


@pytest.fixture
def chain(tmp_path, write_chain):
    """Four snapshots: three days, and a second revision of the first day signed last."""
    return write_chain(tmp_path / "evidence" / "loans", [(0, 1), (1, 1), (2, 1), (0, 2)])


@pytest.fixture(scope="session")
def openssl():
    """The openssl program: an implementation of the signature that is not ours."""
    found = shutil.which("openssl")
    if not found:
        pytest.skip("openssl is not installed: the independent check of signatures does not run")
    return found
