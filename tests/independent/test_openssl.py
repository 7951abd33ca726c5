"""What we sign and have stamped, verified by the `openssl` program alone."""

import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tsa import time_authority

from .conftest import envelopes


@pytest.fixture
def signed_by(house, program, tmp_path):
    """Tells whether openssl finds that the house's key signed a message."""
    (tmp_path / "key.pem").write_text(house.signer.public.to_pem())

    def verifies(message, signature):
        for name, data in (("message", message), ("signature", signature)):
            (tmp_path / name).write_bytes(data)
        key = tmp_path / "key.pem"
        if house.signer.public.algorithm == "ed25519":
            command = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-sigfile", tmp_path / "signature"]
            command += ["-in", tmp_path / "message"]
        else:
            command = ["dgst", "-sha256", "-verify", key, "-signature", tmp_path / "signature", tmp_path / "message"]
        return subprocess.run([program("openssl"), *command], capture_output=True, check=False).returncode == 0

    return verifies


def changed(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_both_statements_of_a_package(house, signed_by):
    statements = envelopes(house.package)
    assert len(statements) == 2
    for statement in statements:
        assert signed_by(statement.pae, statement.signature)
        assert not signed_by(changed(statement.pae, -1 % len(statement.pae)), statement.signature)
        assert not signed_by(statement.pae, changed(statement.signature, len(statement.signature) // 2))
        assert not signed_by(statement.payload, statement.signature)


def test_the_checkpoint_of_the_ledger(house, signed_by):
    (signature,) = house.note.signatures
    assert signed_by(house.note.text.encode(), signature.blob)
    assert not signed_by(house.note.text.encode() + b"\n", signature.blob)
    assert not signed_by(house.earlier.text.encode(), signature.blob)


def test_the_stamp_on_the_checkpoint(house, clock, stamp, program, tmp_path):
    text = house.note.text.encode()

    def stamped(token, message, authority):
        for name, data in (("kept.tsr", token), ("text", message), ("ca.pem", authority)):
            (tmp_path / name).write_bytes(data)
        command = [program("openssl"), "ts", "-verify", "-in", "kept.tsr", "-data", "text", "-CAfile", "ca.pem"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert stamped(stamp, text, clock.root)
    assert not stamped(stamp, text + b"\n", clock.root)
    assert not stamped(changed(stamp, len(stamp) - 1), text, clock.root)
    assert not stamped(stamp, text, clock.signer)


def test_as_the_page_about_time_says(house, clock, stamp, program, tmp_path):
    program("openssl")
    ledger = shutil.copytree(house.ledger, tmp_path / "ledger")
    (ledger / "timestamps").mkdir()
    (ledger / "timestamps" / f"{house.checkpoint.size}.tsr").write_bytes(stamp)
    (tmp_path / "authority.pem").write_bytes(clock.root)
    page = (Path(__file__).parents[2] / "docs" / "time.md").read_text()
    commands = page.rpartition("```sh\n")[2].partition("```")[0]
    done = subprocess.run(["bash", "-ec", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Time stamp: " in done.stdout
    assert "Verification: OK" in done.stdout
    (ledger / "checkpoint").write_bytes(house.earlier.to_bytes())
    (ledger / "timestamps").rename(ledger / "moved")
    assert subprocess.run(["bash", "-ec", commands], cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_an_expired_authority_counts_at_the_stamped_time(house, program, tmp_path):
    late = time_authority(tmp_path / "late", until=timedelta(days=-1))
    (tmp_path / "ca.pem").write_bytes(late.root)
    (tmp_path / "text").write_bytes(house.note.text.encode())
    (tmp_path / "kept.tsr").write_bytes(late.stamp(house.note.text.encode()))
    verify = [program("openssl"), "ts", "-verify", "-in", "kept.tsr", "-data", "text", "-CAfile", "ca.pem"]
    then = ["-attime", str(int(time.time()) - 2 * 86_400)]
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False).returncode != 0
    assert subprocess.run([*verify, *then], cwd=tmp_path, capture_output=True, check=False).returncode == 0
