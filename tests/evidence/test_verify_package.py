import base64
import json
import os
import re
import subprocess
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import (
    DEMO_KEY_NAME,
    PublicKey,
    Signer,
    build_predicate,
    canonical,
    dsse,
    read_leaves,
    sign_package,
    write_leaves,
)
from gov_pipelines.evidence.package import parse_bundle
from gov_pipelines.evidence.predicate import statement
from gov_pipelines.evidence.test_result import result_statement
from gov_pipelines.evidence.verify import verify

ENVELOPE = "snapshot.intoto.jsonl"


@pytest.fixture
def trust(tmp_path, signer):
    path = tmp_path / "trusted.json"
    path.write_bytes(signer.public.to_json())
    return path


@pytest.fixture
def sign_again(package, signer):
    """Signs a changed statement into the package, and its test result: what a dishonest holder of the key could do."""

    def sign(change, by=signer, payload_type=dsse.PAYLOAD_TYPE):
        one, two = parse_bundle((package / ENVELOPE).read_bytes())
        said = json.loads(one.payload)
        said = change(said) or said
        with suppress(KeyError, TypeError):
            two = dsse.parse(dsse.sign(canonical.dumps(result_statement(said)), by))
        (package / ENVELOPE).write_bytes(dsse.sign(canonical.dumps(said), by, payload_type) + two.to_bytes())
        return package

    return sign


def rules(verification):
    return {(check.file, check.rule) for check in verification.failures}


def test_a_sound_package_is_consistent_but_nobody_vouched(package):
    found = verify(package)
    assert found.ok
    assert not found.trusted
    assert found.conclusion == "consistent with its own key, which nobody vouched for"
    assert any("nobody vouched" in item for item in found.not_proven)
    assert {check.rule for check in found.checked} == {
        "key", "envelope-canonical", "payload-type", "signature", "keyid", "payload-canonical", "statement-type",
        "predicate-type", "predicate-fields", "test-result-agrees", "subject-root", "content-digest", "manifest-names", "manifest-sha256",
        "manifest-complete", "as-of", "policies-in-force", "ingest-adds-up", "decisions-accepted", "leaf-format", "decisions-root", "decisions-counts", "tally-digest",
        "policy-sha256", "controls-complete",
    }  # fmt: skip
    for word in ("completeness", "time", "recomputed", "the ledger", "the chain"):
        assert any(word in item for item in found.not_proven), word


def test_a_trusted_key_makes_it_trusted(package, trust):
    found = verify(package, trust=trust)
    assert found.ok
    assert found.trusted
    assert not any("vouched" in item for item in found.not_proven)


def test_the_json_is_the_contract(package):
    said = json.loads(verify(package).to_json())
    assert list(said) == ["ok", "trusted", "checked", "not_proven"]
    assert all(list(check) == ["file", "rule", "ok", "got", "expected"] for check in said["checked"])


def test_counts_other_than_the_leaves_are_shown_as_json(sign_again):
    said = {"house/FL-2": {"within": 5}}
    found = verify(sign_again(edit(["predicate", "decisions", "counts"], said)))
    check = next(each for each in found.failures if each.rule == "decisions-counts")
    assert json.loads(check.expected) == said
    assert json.loads(check.got) == {"house/FL-2": {"outside": 1, "within": 4}, "house/FL-3": {"pending": 5}}


def test_a_flipped_bit_in_any_byte_of_the_envelope_fails(package, signer):
    sound = (package / ENVELOPE).read_bytes()
    for index in range(len(sound)):
        flipped = bytearray(sound)
        flipped[index] ^= 1 << index % 8
        opened = True
        try:
            for envelope in parse_bundle(flipped):
                dsse.verify(envelope.to_bytes(), [signer.public])
        except EvidenceError:
            opened = False
        if opened or index % 10 == 0:  # the keyid is a hint to DSSE; our verifier holds it to the key
            (package / ENVELOPE).write_bytes(flipped)
            failed = rules(verify(package))
            failed_rules = {rule for file, rule in failed if file.startswith(ENVELOPE)}
            assert failed_rules & {"envelope-canonical", "payload-type", "keyid", "signature"}


def test_every_bit_of_the_signature_and_the_keyid_counts(package, signer):
    sound = (package / ENVELOPE).read_bytes()
    counted = [place for each in re.finditer(rb'"signatures".*?\n', sound) for place in range(*each.span())]
    for index in counted:
        for bit in range(8):
            flipped = bytearray(sound)
            flipped[index] ^= 1 << bit
            try:
                parse_bundle(flipped)
            except EvidenceError:
                continue
            (package / ENVELOPE).write_bytes(flipped)
            assert {rule for _, rule in rules(verify(package))} & {"keyid", "signature"}, (index, bit)


@pytest.mark.parametrize("name", ["decision_leaves.jsonl", "key.json", "policy.house@3.json", "tally.json"])
def test_a_flipped_byte_in_a_covered_file_is_named(package, name):
    sound = (package / name).read_bytes()
    for index in range(0, len(sound), 7):
        flipped = bytearray(sound)
        flipped[index] ^= 1
        (package / name).write_bytes(flipped)
        assert (name, "manifest-sha256") in rules(verify(package)), index


def test_removed_truncated_longer_and_extra_files_are_named(package):
    (package / "tally.json").unlink()
    whole = (package / "decision_leaves.jsonl").read_bytes()
    (package / "decision_leaves.jsonl").write_bytes(whole[:-1])
    (package / "policy.house@3.json").write_bytes((package / "policy.house@3.json").read_bytes() + b" ")
    (package / "extra.txt").write_text("hello")
    (package / "folder").mkdir()
    failed = rules(verify(package))
    assert ("tally.json", "manifest-sha256") in failed
    assert ("decision_leaves.jsonl", "manifest-sha256") in failed
    assert ("policy.house@3.json", "manifest-sha256") in failed
    assert ("extra.txt", "manifest-complete") in failed
    assert ("folder", "manifest-complete") in failed


def test_missing_and_broken_envelopes_and_keys_are_failed_checks(package):
    sound = (package / ENVELOPE).read_bytes()
    for content in (
        b"",
        b"\n",
        b"[",
        b"\xff",
        b'{"payload":"","payload":""}',
        sound[:-2],
        sound + sound,
        b"[" * 100_000,
    ):
        (package / ENVELOPE).write_bytes(content)
        assert (ENVELOPE, "envelope-canonical") in rules(verify(package))
    (package / ENVELOPE).unlink()
    assert (ENVELOPE, "envelope-canonical") in rules(verify(package))
    (package / ENVELOPE).write_bytes(sound)
    (package / "key.json").unlink()
    assert {("key.json", "key"), (ENVELOPE, "signature")} <= rules(verify(package))


def test_links_and_pipes_are_not_followed(package, tmp_path):
    (tmp_path / "outside").write_bytes((package / "tally.json").read_bytes())
    (package / "tally.json").unlink()
    (package / "tally.json").symlink_to(tmp_path / "outside")
    assert ("tally.json", "manifest-sha256") in rules(verify(package))
    (package / "tally.json").unlink()
    os.mkfifo(package / "tally.json")
    assert ("tally.json", "manifest-sha256") in rules(verify(package))


def test_a_package_signed_again_with_another_key_fails_under_trust(tmp_path, content, files, other_signer, trust):
    forged = tmp_path / "forged"
    sign_package(forged, files, build_predicate(content()), other_signer)
    assert verify(forged).ok
    found = verify(forged, trust=trust)
    assert rules(found) == {(ENVELOPE, "trusted-key"), (f"{ENVELOPE}, line 2", "trusted-key")}
    assert not found.trusted
    assert "house key" in found.failures[0].expected


def test_trust_that_cannot_be_read_is_a_failed_check(package, tmp_path):
    (tmp_path / "trust").write_text("not a key")
    assert rules(verify(package, trust=tmp_path / "trust")) == {("trust", "given-file")}
    with pytest.raises(WrongUse):
        verify(package, trust=tmp_path / "absent")


def test_the_demo_key_shows_wherever_it_is_met(tmp_path, content, files, signer):
    demo = Signer(PublicKey(DEMO_KEY_NAME, signer.public.spki), signer.sign)
    folder = tmp_path / "demo" / "r1"
    sign_package(folder, files, build_predicate(content()), demo)
    pem = tmp_path / "key.pem"
    encoded = base64.b64encode(signer.public.spki).decode()
    pem.write_text(f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
    for trust in (None, pem):
        found = verify(folder, trust=trust)
        assert found.ok
        assert "demo (untrusted)" in found.to_text()
        assert any("demo (untrusted)" in item and "demonstration" in item for item in found.not_proven)
    renamed = (folder / "key.json").read_bytes().replace(b"demo (untrusted)", b"Audit department")
    (folder / "key.json").write_bytes(renamed)
    assert ("key.json", "manifest-sha256") in rules(verify(folder))


def test_a_weak_key_is_refused_although_its_signature_verifies(package):
    identity = bytes([1]) + bytes(31)
    spki = bytes.fromhex("302a300506032b6570032100") + identity
    document = {
        "algorithm": "ed25519", "created": "", "name": "house key",
        "keyid": sha256(spki).hexdigest(), "publicKey": base64.b64encode(spki).decode(),
    }  # fmt: skip
    (package / "key.json").write_bytes(canonical.dumps(document))
    parsed = parse_bundle((package / ENVELOPE).read_bytes())
    forged = [replace(each, keyid=document["keyid"], sig=identity + bytes(32)) for each in parsed]
    (package / ENVELOPE).write_bytes(b"".join(each.to_bytes() for each in forged))
    failed = verify(package)
    assert {("key.json", "key"), (ENVELOPE, "signature")} <= rules(failed)
    assert any("small order" in check.got for check in failed.failures)


def edit(place, value):
    def change(said):
        inner = said
        for name in place[:-1]:
            inner = inner[name]
        inner[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "rule"),
    [
        (["_type"], "https://in-toto.io/Statement/v0.1", "statement-type"),
        (["predicateType"], "https://in-toto.io/attestation/test-result/v0.1", "predicate-type"),
        (["subject", 0, "digest", "sha256"], "0" * 64, "subject-root"),
        (["subject", 0, "name"], "decisions/loans/2026-10-02", "subject-root"),
        (["subject"], [], "subject-root"),
        (["more"], 1, "statement-type"),
        (["predicate"], [], "predicate-fields"),
        (["predicate", "more"], 1, "predicate-fields"),
        (["predicate", "sequence"], "1", "predicate-fields"),
        (["predicate", "measurements", 0, "value"], 0.743, "predicate-fields"),
        (["predicate", "measurements", 0, "value"], "0.843", "content-digest"),
        (["predicate", "contentDigest"], "0" * 64, "content-digest"),
        (["predicate", "asOf"], "2026-11-23T12:00:00Z", "content-digest"),
        (["predicate", "decisions", "treeSize"], 4, "decisions-root"),
        (["predicate", "decisions", "treeSize"], 4, "decisions-accepted"),
        (["predicate", "decisions", "rootHash"], "0" * 64, "decisions-root"),
        (["predicate", "decisions", "counts"], {"house/FL-2": {"within": 5}}, "decisions-counts"),
        (["predicate", "decisions", "leafFormat"], "other/v1", "leaf-format"),
        (["predicate", "tally", "sha256"], "0" * 64, "tally-digest"),
        (["predicate", "policies", 0, "sha256"], "0" * 64, "policy-sha256"),
        (["predicate", "policies", 0, "version"], 4, "controls-complete"),
        (["predicate", "controls"], [], "controls-complete"),
        (["predicate", "controls", 0, "control"], "house/FL-9", "controls-complete"),
        (["predicate", "controls", 0, "control"], ["house/FL-1"], "predicate-fields"),
        (["predicate", "manifest", 0, "name"], "../../../etc/passwd", "manifest-names"),
        (["predicate", "manifest", 0, "name"], "/etc/passwd", "manifest-names"),
        (["predicate", "manifest", 0, "name"], ".", "manifest-names"),
        (["predicate", "manifest", 0, "name"], "a\nb", "manifest-names"),
        (["predicate", "manifest", 0, "name"], ENVELOPE, "manifest-names"),
        (["predicate", "manifest", 0, "bytes"], 10**15, "manifest-sha256"),
        (["predicate", "manifest", 0, "bytes"], -1, "predicate-fields"),
        (["predicate", "manifest"], [], "manifest-complete"),
    ],
)
def test_a_signed_untruth_is_named(sign_again, trust, place, value, rule):
    found = verify(sign_again(edit(place, value)), trust=trust)
    assert rule in {check.rule for check in found.failures}
    assert not found.trusted


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"clauses":[1],"policy":"house"}', b'{"clauses":[],"policy":"house"}']
)
def test_a_policy_that_cannot_be_read_is_named(tmp_path, content, files, signer, text):
    folder = tmp_path / "loans" / "2026-10-01" / "r1"
    sign_package(folder, files | {"policy.house@3.json": text}, build_predicate(content()), signer)
    assert ("policy.house@3.json", "controls-complete") in rules(verify(folder))


def test_another_payload_type_is_refused(sign_again):
    assert (ENVELOPE, "payload-type") in rules(verify(sign_again(lambda said: None, payload_type="application/json")))


def test_a_payload_that_reads_two_ways_is_refused(package, signer):
    one, two = parse_bundle((package / ENVELOPE).read_bytes())
    payload = one.payload
    for spelled in (
        b" " + payload,
        payload.replace(b'"_type"', b'"_type":"other","_type"'),
        b"null",
        b"\xef\xbb\xbf" + payload,
    ):
        (package / ENVELOPE).write_bytes(dsse.sign(spelled, signer) + two.to_bytes())
        failed = {rule for _, rule in rules(verify(package))}
        assert failed & {"payload-canonical", "statement-type"}


@pytest.mark.parametrize(
    "change",
    [
        lambda listed: listed[:-1],
        lambda listed: [*listed, listed[0]],
        lambda listed: [listed[1], listed[0], *listed[2:]],
        lambda listed: [listed[0].replace(b'"within"', b'"outside"'), *listed[1:]],
    ],
    ids=["removed", "inserted", "reordered", "changed"],
)
def test_leaves_other_than_the_signed_ones_are_named(package, change):
    path = package / "decision_leaves.jsonl"
    path.write_bytes(write_leaves(change(read_leaves(path.read_bytes()))))
    assert {("decision_leaves.jsonl", rule) for rule in ("manifest-sha256", "decisions-root")} <= rules(verify(package))


def test_every_failure_is_listed_not_only_the_first(sign_again, package):
    (package / "extra").write_text("")
    (package / "tally.json").write_text("{}")
    sign_again(edit(["predicateType"], "other"))
    failed = {rule for _, rule in rules(verify(package))}
    assert {"predicate-type", "manifest-sha256", "manifest-complete", "tally-digest"} <= failed


def test_names_that_command_a_terminal_are_defused(package):
    (package / "a\x1b[2Jb").write_text("")
    text = verify(package).to_text()
    assert "\x1b" not in text
    assert r"a\x1b[2Jb" in text


def test_openssl_and_a_few_lines_verify_a_package(package, openssl, tmp_path):
    envelope = json.loads((package / ENVELOPE).read_bytes().splitlines()[0])
    key = json.loads((package / "key.json").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (tmp_path / "pae").write_bytes(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "key.der").write_bytes(base64.b64decode(key["publicKey"]))
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key.der"]
    done = subprocess.run(
        [*command, "-sigfile", "sig", "-in", "pae"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Verified Successfully" in done.stdout + done.stderr


def test_statement_and_package_agree(package, content):
    payload = json.loads(parse_bundle((package / ENVELOPE).read_bytes())[0].payload)
    predicate = build_predicate(content())
    assert payload == statement({**predicate, "manifest": payload["predicate"]["manifest"]})
