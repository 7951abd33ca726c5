"""Notes, checkpoints and proofs of ours, verified by Go's x/mod/sumdb: go/verify.go."""

import json
import os
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier, parse_note
from gov_pipelines.evidence.tlog.proof import parse_proof

from .conftest import absent

SOURCE = Path(__file__).parent / "go" / "verify.go"
LIBRARIES = Path("/usr/share/gocode")  # where Debian's package golang-golang-x-mod-dev is


@pytest.fixture(scope="session")
def go(program, tmp_path_factory):
    """Runs the Go program on cases; each result is True or why the case is refused."""
    compiler = program("go")
    if not (LIBRARIES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        absent("the package golang-golang-x-mod-dev is not installed: Go does not verify notes and proofs")
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOCACHE": str(folder / "cache")}
    built = folder / "verify"
    subprocess.run([compiler, "build", "-o", built, SOURCE], env=env, cwd=folder, check=True, timeout=200)

    def verify(*cases):
        given = json.dumps(cases, default=lambda data: b64encode(data).decode())
        told = subprocess.run([built], input=given, capture_output=True, text=True, check=False, timeout=60)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    return verify


def flipped(data, at, bit=1):
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def refused(answers):
    return all(answer is not True for answer in answers)


def only_respelt(go, case, data, parse):
    """No flipped bit is accepted but those that base64, read as leniently as Go does, ignores: these we refuse."""
    changed = [flipped(data, at, 1 << bit) for at in range(len(data)) for bit in range(8)]
    answers = go(*({**case, "Note": each} for each in changed))
    held = [each for each, answer in zip(changed, answers, strict=True) if answer is True]
    assert len(held) < 50
    for each in held:
        with pytest.raises(EvidenceError, match="one spelling"):
            parse(each)


def test_checkpoints_and_cosignatures(house, cosigned, witness, go):
    council = Verifier("witness.example", COSIGNATURE, witness.public).vkey
    cases = [
        {"What": "note", "VKeys": [house.vkey], "Note": house.note.to_bytes()},
        {"What": "note", "VKeys": [house.vkey, council], "Note": cosigned.to_bytes()},
        {"What": "note", "VKeys": [council], "Note": cosigned.to_bytes()},
    ]
    assert go(*cases) == [True] * 3
    only_respelt(go, cases[1], cosigned.to_bytes(), parse_note)


def test_inclusion(house, go):
    hashes = merkle.leaf_hashes(house.entries)
    cases = [
        {
            "What": "record",
            "VKeys": [house.vkey],
            "Note": house.note.to_bytes(),
            "Index": index,
            "Entry": entry,
            "Proof": merkle.inclusion_proof(hashes, index),
        }
        for index, entry in enumerate(house.entries)
    ]
    assert len(cases) > 256
    assert go(*cases) == [True] * len(cases)
    one = cases[200]
    assert refused(
        go(
            {**one, "Index": 201},
            {**one, "Entry": one["Entry"] + b" "},
            {**one, "Proof": one["Proof"][:-1]},
            {**one, "Proof": [*one["Proof"], hashes[0]]},
            *(
                {**one, "Proof": [*one["Proof"][:at], flipped(each, 5), *one["Proof"][at + 1 :]]}
                for at, each in enumerate(one["Proof"])
            ),
        )
    )


def test_growth(house, go):
    case = {
        "What": "growth",
        "VKeys": [house.vkey],
        "Older": house.earlier.to_bytes(),
        "Note": house.note.to_bytes(),
        "Proof": house.growth(),
    }
    changed = [
        {**case, "Proof": [*case["Proof"][:at], flipped(each, 31), *case["Proof"][at + 1 :]]}
        for at, each in enumerate(case["Proof"])
    ]
    answers = go(case, *changed, {**case, "Older": case["Note"]}, {**case, "Proof": case["Proof"][1:]})
    assert answers[0] is True
    assert refused(answers[1:])


def test_proof_files(house, cosigned, witness, go):
    council = Verifier("witness.example", COSIGNATURE, witness.public).vkey
    data = house.proof(123, cosigned)
    case = {"What": "proof", "VKeys": [house.vkey, council], "Note": data, "Entry": house.entries[123]}
    assert go(case, {**case, "Note": data.replace(b"index", b"extra e30=\nindex")}) == [True, True]
    assert refused(go({**case, "Entry": house.entries[124]}))
    only_respelt(go, case, data, parse_proof)
