"""What docs/verify.md tells a stranger to run is run here as written, on sound evidence and on evidence that is not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gov_pipelines.evidence import PublicKey, Signer
from gov_pipelines.evidence.package import read_package
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.proof import parse_proof
from gov_pipelines.pipeline.bundling import bundle, bundle_night

PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
CHECK, PROVE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KEY = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0]
FOR_P256 = re.search(r"P-256 key the command .*?`(openssl [^`]+)`", PAGE)[1]


@pytest.fixture
def place(tmp_path, openssl, chain, signer):
    """An empty folder with both programs and the owner's key, and the bundle of a home whose ledger has begun."""
    return placed(tmp_path / "place", chain, signer)


def placed(place, chain, signer):
    bundle(chain.parent, ["loans"], place / "bundle", published=False)
    bundle_night(chain.parent, "loans", "2026-10-03", place / "night", published=False)
    (place / "key.json").write_bytes(signer.public.to_json())
    (place / "key.der").write_bytes(signer.public.spki)
    (place / "check.py").write_text(CHECK)
    (place / "prove.py").write_text(PROVE)
    return place


def run(place, *command):
    done = subprocess.run([*map(str, command)], cwd=place, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def checked(place):
    return run(place, sys.executable, "check.py", "bundle/evidence/loans")


def proved(place):
    return run(place, sys.executable, "prove.py", "night")


def test_the_key_is_the_one_that_signed(place, signer):
    done, said = run(place, "bash", "-euo", "pipefail", "-c", KEY.replace("python3", sys.executable))
    assert done, said
    assert f"{signer.public.keyid}  key.der" in said


def test_a_whole_bundle_is_checked_in_twenty_lines(place):
    done, said = checked(place)
    assert done, said
    newest = read_package(place / "bundle/evidence/loans/2026-10-01/r2").payload_sha256
    assert f"4 snapshots of loans: signatures, files, roots and links hold; the newest is {newest}" in said


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: flip(folder / "2026-10-02" / "r1" / "tally.json", 5),
        lambda folder: flip(folder / "2026-10-02" / "r1" / "decision_leaves.jsonl", 12),
        lambda folder: flip(folder / "2026-10-02" / "r1" / "snapshot.intoto.jsonl", 200),
        lambda folder: flip(folder / "2026-10-02" / "r1" / "snapshot.intoto.jsonl", -80),
        lambda folder: shutil.rmtree(folder / "2026-10-02"),
    ],
    ids=["tally", "leaf", "payload", "result", "night"],
)
def test_what_was_changed_is_caught(place, spoil):
    spoil(place / "bundle" / "evidence" / "loans")
    assert not checked(place)[0]


def test_the_place_in_the_ledger_is_proved(place, other_signer):
    done, said = proved(place)
    assert done, said
    proof = parse_proof((place / "night" / "snapshot.tlog-proof").read_bytes())
    checkpoint = parse_checkpoint(proof.note.text)
    assert f"the snapshot is entry {proof.index} of {checkpoint.size} in {checkpoint.origin}" in said
    (place / "key.der").write_bytes(other_signer.public.spki)
    assert not proved(place)[0]


def test_another_place_path_or_night_is_not(place):
    file = place / "night" / "snapshot.tlog-proof"
    sound = file.read_bytes()
    head = sound.partition(b"\n\n")[0].split(b"\n")
    assert len(head) > 3  # there is a path
    place_line = head[2]
    for other in (b"index 0", b"index 1000", place_line + b"0"):
        file.write_bytes(sound.replace(place_line, other, 1))
        assert not proved(place)[0], other
    for number in range(len(head)):
        file.write_bytes(b"\n".join(line for at, line in enumerate(sound.split(b"\n")) if at != number))
        assert not proved(place)[0], number
    file.write_bytes(sound)
    assert proved(place)[0]
    shutil.copy(place / "bundle/evidence/loans/2026-10-02/r1/snapshot.intoto.jsonl", place / "night")
    assert not proved(place)[0]


def test_with_a_p256_key_the_other_command_does_it(tmp_path, openssl, write_chain):
    private = ec.generate_private_key(ec.SECP256R1())
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = PublicKey("p256", spki, "2026-01-01T00:00:00Z")
    signer = Signer(public, lambda message: private.sign(message, ec.ECDSA(SHA256())))
    place = placed(tmp_path / "place", write_chain(tmp_path / "p256" / "loans", [(0, 1), (2, 1)], by=signer), signer)
    for name in ("check.py", "prove.py"):
        (place / name).write_text(re.sub(r"openssl pkeyutl [^\"]+", FOR_P256, (place / name).read_text()))
    for done, said in (checked(place), proved(place)):
        assert done, said
