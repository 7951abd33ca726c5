"""What we sign, log and have stamped, verified by another program in another language: node/verify.mjs."""

import json
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from gov_pipelines.evidence.tlog.checkpoint import Checkpoint
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier, sign_note

from .conftest import absent

HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def node(program, tmp_path_factory):
    """Runs the second verifier on cases; each result is True or why the case is refused."""
    run, npm = program("node"), program("npm")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "verify.mjs"):
        shutil.copy(HERE / name, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        absent(f"npm could not install what node verifies with: {done.stderr.strip()[-300:]}")

    def verify(*cases):
        given = json.dumps(cases)
        told = subprocess.run([run, "verify.mjs"], cwd=folder, input=given, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    return verify


def text(data: bytes) -> str:
    return b64encode(data).decode()


def test_envelopes(house, node):
    key = text(house.signer.public.spki)
    lines = (house.package / "snapshot.intoto.jsonl").read_text().splitlines()
    sound = [{"what": "envelope", "line": line, "key": key} for line in lines]
    false = []
    for line in map(json.loads, lines):
        payload = line["payload"]
        other = {**line, "payload": payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]}
        false += [other, {**line, "payloadType": "application/json"}]
    cases = [{"what": "envelope", "line": json.dumps(line), "key": key} for line in false]
    assert node(*sound, *cases) == [True] * 2 + ["the signature is false"] * 4


def test_notes_and_cosignatures(house, cosigned, witness, node):
    vkey, note = house.vkey, cosigned.to_bytes().decode()
    vouched = Verifier("witness.example", COSIGNATURE, witness.public).vkey
    lines = note.split("\n")
    lines[1] = str(house.checkpoint.size + 1)
    cases = [
        {"note": note, "vkey": vkey},
        {"note": note, "vkey": vouched},
        {"note": "\n".join(lines), "vkey": vkey},
        {"note": "\n".join(lines), "vkey": vouched},
        {"note": house.note.to_bytes().decode(), "vkey": vouched},
        {"note": note, "vkey": vkey.replace("+", ".other+", 1)},
    ]
    told = node(*({"what": "note", **case} for case in cases))
    assert told[:2] == [True, True]
    assert told[2:5] == ["the signature is false", "the cosignature is false", "the key did not sign"]
    assert told[5] in {"the key id is not of this key", "the key did not sign"}  # of ECDSA the id leaves the name out


def test_the_ledger_has_the_root_that_is_signed(house, node, tmp_path):
    copy = shutil.copytree(house.ledger, tmp_path / "ledger")
    bundle = copy / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"review"', b'"revieW"', 1))
    cases = [{"what": "ledger", "folder": str(folder), "vkey": house.vkey} for folder in (house.ledger, copy)]
    assert node(*cases) == [True, "the entries have another root"]


def test_inclusion(house, node):
    entries, size = house.entries, house.checkpoint.size
    places = [0, 1, 2, 103, 255, 256, size - 1]
    sound = [(house.proof(place), entries[place]) for place in places]
    proof = house.proof(103).decode()
    head, path = proof.split("\n\n")[0].split("\n")[:2], proof.split("\n\n")[0].split("\n")[2:]
    note = house.note.to_bytes().decode()

    def spelled(head, path):
        return "\n".join([*head, *path, "", note]).encode()

    larger = Checkpoint(house.checkpoint.origin, size + 1, house.checkpoint.root)
    false = [
        (spelled(head, path), entries[102]),
        (spelled([head[0], "index 102"], path), entries[103]),
        (spelled(head, path[::-1]), entries[103]),
        (spelled(head, path[:-1]), entries[103]),
        (spelled(head, [*path, path[0]]), entries[103]),
        (spelled([head[0], f"index {size}"], path), entries[103]),
        (house.proof(size - 1, sign_note(larger.to_text(), larger.origin, house.signer)), entries[size - 1]),
    ]
    cases = [
        {"what": "inclusion", "proof": proof.decode(), "entry": text(entry), "vkey": house.vkey}
        for proof, entry in [*sound, *false]
    ]
    told = node(*cases)
    assert told[: len(sound)] == [True] * len(sound)
    assert all(isinstance(each, str) for each in told[len(sound) :]), told


def test_growth(house, node):
    proof = [text(each) for each in house.growth()]
    earlier, later = house.earlier.to_bytes().decode(), house.note.to_bytes().decode()
    fork = Checkpoint(house.checkpoint.origin, house.checkpoint.size, bytes(32))
    forked = sign_note(fork.to_text(), fork.origin, house.signer).to_bytes().decode()
    cases = [
        {"earlier": earlier, "later": later, "proof": proof},
        {"earlier": later, "later": later, "proof": []},
        {"earlier": earlier, "later": later, "proof": proof[:-1]},
        {"earlier": earlier, "later": later, "proof": [*proof, proof[0]]},
        {"earlier": earlier, "later": later, "proof": proof[::-1]},
        {"earlier": later, "later": earlier, "proof": proof},
        {"earlier": earlier, "later": forked, "proof": proof},
    ]
    told = node(*({"what": "consistency", "vkey": house.vkey, **case} for case in cases))
    assert told[:2] == [True, True]
    assert all(isinstance(each, str) for each in told[2:]), told


def test_stamps(house, clock, stamp, node):
    message, certificate = house.note.text, clock.signer.decode()
    cases = [
        {"token": text(stamp), "message": message, "certificate": certificate},
        {"token": text(stamp), "message": message + "\n", "certificate": certificate},
        {"token": text(stamp[:-1] + bytes([stamp[-1] ^ 1])), "message": message, "certificate": certificate},
        {"token": text(stamp), "message": message, "certificate": clock.root.decode()},
    ]
    told = node(*({"what": "stamp", **case} for case in cases))
    assert told[0] is True
    assert all(isinstance(each, str) for each in told[1:]), told
