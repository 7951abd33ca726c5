"""What a witness cosigns, what it refuses, and what it remembers."""

import dataclasses
import fcntl
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, generate
from gov_pipelines.evidence.roots import ROLES, first_root, new_root, sign_root
from gov_pipelines.evidence.tlog import merkle, witness
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.fraud import Fraud, parse_fraud, proven
from gov_pipelines.evidence.tlog.ledger import append
from gov_pipelines.evidence.tlog.notes import (
    COSIGNATURE,
    Note,
    Signature,
    Verifier,
    cosign,
    log_verifier,
    parse_note,
    sign_note,
    verified,
)
from gov_pipelines.evidence.verify import verify

ORIGIN = "house.example/ledger"
NOW = 1_795_000_000
LATER = datetime(2031, 11, 22, tzinfo=UTC)


def entries(first, last, word="entry"):
    return [canonical.dumps({"n": number, "word": word}) for number in range(first, last)]


@pytest.fixture
def ledger(tmp_path, signer):
    """A ledger of 5 entries; `grow` makes it larger."""
    append(tmp_path / "ledger", ORIGIN, entries(0, 5), signer)
    return tmp_path / "ledger"


@pytest.fixture
def fork(tmp_path, signer):
    """A ledger signed by the same key, of 7 entries, whose third is another."""
    append(tmp_path / "fork", ORIGIN, [*entries(0, 2), *entries(2, 3, "forged"), *entries(3, 7)], signer)
    return tmp_path / "fork"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "witness"
    generate(folder / "keys", name="council.example", created=datetime(2026, 11, 22, tzinfo=UTC))
    return folder


@pytest.fixture
def log(signer):
    return log_verifier(ORIGIN, signer.public)


@pytest.fixture
def ask(home, other_signer, log):
    """Asks the witness, which has known the ledger's key from the first."""

    known = witness.pin_key(log.vkey)

    def of(source, pin=known, now=NOW):
        by = dataclasses.replace(other_signer, public=dataclasses.replace(other_signer.public, name="council.example"))
        return witness.answer(home, source, by, now, pin)

    return of


@pytest.fixture
def send(ask, tmp_path):
    """Sends a request, whole or changed."""

    def of(request, change=lambda data: data, **options):
        (tmp_path / "request").write_bytes(change(request.to_bytes()))
        return ask(tmp_path / "request", **options)

    return of


def remembered(home):
    return {path.relative_to(home): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_the_first_checkpoint_is_cosigned_and_kept(ask, ledger, home, log, other_signer):
    said = ask(ledger)
    assert (said.status, said.checkpoint.size, said.fraud) == (200, 5, None)
    council = Verifier("council.example", COSIGNATURE, other_signer.public)
    assert [held.time for held in verified(said.note, [log, council])] == [None, NOW]
    (kept,) = home.glob("*/checkpoint")
    assert kept.read_bytes() == said.note.to_bytes()


def test_growth_and_standstill_are_cosigned(ask, ledger, signer):
    for size in (5, 5, 6, 8, 20, 300):
        append(ledger, ORIGIN, entries(0, size), signer)
        said = ask(ledger, pin=None) if size > 5 else ask(ledger)
        assert (said.status, said.checkpoint.size) == (200, size)


def test_requests_are_answered_as_folders_are(send, ledger, signer):
    assert send(witness.read_ledger(ledger).since(0)).status == 200
    append(ledger, ORIGIN, entries(0, 9), signer)
    grown = witness.read_ledger(ledger)
    assert witness.parse_request(grown.since(5).to_bytes()) == grown.since(5)
    assert send(grown.since(5), pin=None).status == 200
    assert send(grown.since(9), pin=None).status == 200


def test_an_empty_log_is_cosigned_only_with_the_root_of_an_empty_tree(send, signer, ledger):
    wrong = sign_note(Checkpoint(ORIGIN, 0, b"\7" * 32).to_text(), ORIGIN, signer)
    assert send(witness.Request(0, (), wrong)).status == 422
    empty = sign_note(Checkpoint(ORIGIN, 0, merkle.root([])).to_text(), ORIGIN, signer)
    assert send(witness.Request(0, (), empty)).status == 200
    request = witness.read_ledger(ledger).since(0)
    assert send(dataclasses.replace(request, proof=(b"\0" * 32,))).status == 422
    assert send(request).status == 200


def refusals(grown, other, signer, other_signer):
    """Requests after size 5 was cosigned: what is wrong, request, status."""
    sound = grown.since(5)
    text, (line,) = sound.note.text, sound.note.signatures
    flipped = dataclasses.replace(line, blob=bytes([line.blob[0] ^ 1]) + line.blob[1:])
    elsewhere = sign_note(text.replace("house", "other"), "other.example/ledger", signer)
    yield "wrong old size", grown.since(4), 409
    yield "old size 0 to learn the size", grown.since(0), 409
    yield "old size above the checkpoint's", dataclasses.replace(sound, old_size=10), 400
    yield "no proof", dataclasses.replace(sound, proof=()), 422
    yield "a hash changed", dataclasses.replace(sound, proof=(b"\7" * 32, *sound.proof[1:])), 422
    yield "a hash more", dataclasses.replace(sound, proof=(*sound.proof, b"\7" * 32)), 422
    yield "a fork", other.since(5), 422
    yield "unknown origin", dataclasses.replace(sound, note=elsewhere), 404
    yield "bad signature", dataclasses.replace(sound, note=Note(text, (flipped,))), 403
    yield "bad beside good", dataclasses.replace(sound, note=Note(text, (line, flipped))), 403
    yield "signed by nobody known", dataclasses.replace(sound, note=sign_note(text, ORIGIN, other_signer)), 403
    yield (
        "cosigned only",
        dataclasses.replace(sound, note=Note(text, cosign(sound.note, "x", signer, 1).signatures[1:])),
        403,
    )


def test_what_is_refused_is_named_and_leaves_no_trace(ask, send, ledger, fork, home, signer, other_signer):
    assert ask(ledger).status == 200
    append(ledger, ORIGIN, entries(0, 9), signer)
    grown, before = witness.read_ledger(ledger), remembered(home)
    for what, request, status in refusals(grown, witness.read_ledger(fork), signer, other_signer):
        said = send(request, pin=None)
        assert (said.status, said.note, said.fraud) == (status, None, None), what
        assert said.reason
        assert remembered(home) == before, what
    assert send(grown.since(5), pin=None).status == 200


def test_the_size_cosigned_last_is_told(send, ask, ledger):
    ask(ledger)
    assert "size 5 last: ask with `gov ledger request --since 5`" in send(witness.read_ledger(ledger).since(0)).reason


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"old 0", b"old 00"),
        lambda data: data.replace(b"old 0", b"old -1"),
        lambda data: data.replace(b"old 0", b"0"),
        lambda data: data.replace(b"old 0\n", b"old 0\nAAAA\n"),
        lambda data: data.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 64),
        lambda data: data.replace(b"\n5\n", b"\n05\n"),
        lambda data: data.replace(b"\n\n", b"\n"),
        lambda data: data + b"x" * 1024 * 1024,
        lambda data: b"",
    ],
)
def test_a_malformed_request_is_refused_in_words(send, ledger, home, change):
    before = remembered(home)
    with pytest.raises(EvidenceError):
        send(witness.read_ledger(ledger).since(0), change)
    assert {name: data for name, data in remembered(home).items() if name.name != "lock"} == before


def test_an_unknown_log_is_refused_until_somebody_names_its_key(ask, ledger, home, other_signer):
    assert ask(ledger, pin=None).status == 404
    foreign = witness.pin_key(log_verifier(ORIGIN, other_signer.public).vkey)
    assert ask(ledger, pin=foreign).status == 403
    assert ask(ledger, pin=None).status == 404
    assert ask(ledger).status == 200
    assert ask(ledger, pin=None).status == 200
    assert ask(ledger, pin=foreign).status == 403
    assert ask(ledger, pin=None).status == 200


def test_signatures_of_others_do_not_get_into_what_is_cosigned(send, ledger):
    request = witness.read_ledger(ledger).since(0)
    forged = Signature("council.example", b"\0\0\0\0", b"forged")
    said = send(dataclasses.replace(request, note=Note(request.note.text, (*request.note.signatures, forged))))
    assert forged not in said.note.signatures


def test_nobody_cosigns_while_another_looks_and_keeps(ask, ledger, home):
    with ThreadPoolExecutor() as pool:
        with (home / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            asked = pool.submit(ask, ledger)
            assert not wait([asked], timeout=0.3).done
            assert not list(home.glob("*/checkpoint"))
        assert asked.result().status == 200


def test_two_logs_are_kept_apart(ask, ledger, tmp_path, signer):
    append(tmp_path / "second", "second.example", entries(0, 2), signer)
    second = witness.pin_key(log_verifier("second.example", signer.public).vkey)
    assert [ask(ledger).checkpoint.size, ask(tmp_path / "second", pin=second).checkpoint.size] == [5, 2]
    assert [ask(ledger, pin=None).status, ask(tmp_path / "second", pin=None).status] == [200, 200]


def test_a_ledger_that_shrank_is_refused(ask, ledger, tmp_path, signer):
    shutil.copytree(ledger, tmp_path / "before")
    append(ledger, ORIGIN, entries(0, 9), signer)
    assert ask(ledger).status == 200
    said = ask(tmp_path / "before")
    assert said.status == 400
    assert "larger" in said.reason


def test_one_size_with_two_roots_is_a_proof_of_fraud(ask, send, fork, ledger, home, log, signer):
    append(ledger, ORIGIN, entries(0, 7), signer)
    ask(ledger)
    for said in (ask(fork), send(witness.read_ledger(fork).since(7)), send(witness.read_ledger(fork).since(0))):
        assert said.status in (409, 422)
        conflict = proven(parse_fraud(said.fraud.read_bytes()), [log])
        assert (conflict.older.size, conflict.newer.size) == (7, 7)
        assert conflict.older.root != conflict.newer.root
    assert len(list((home / "fraud").iterdir())) == 1
    assert ask(ledger).status == 200


@pytest.mark.parametrize("size", range(3, 7))
def test_a_larger_ledger_that_began_otherwise_is_a_proof_of_fraud(ask, fork, tmp_path, log, signer, size):
    append(tmp_path / "seen", ORIGIN, entries(0, size), signer)
    assert ask(tmp_path / "seen").status == 200
    said = ask(fork)
    assert said.status == 422
    conflict = proven(parse_fraud(said.fraud.read_bytes()), [log])
    assert (conflict.older.size, conflict.newer.size) == (size, 7)


def test_a_ledger_that_only_grew_gives_no_proof_of_fraud(ledger, fork, signer, other_signer, log):
    older = witness.read_ledger(ledger)
    append(ledger, ORIGIN, entries(0, 9), signer)
    newer, forged = witness.read_ledger(ledger), witness.read_ledger(fork)
    beginning = merkle.root(newer.hashes[:5])
    proof = tuple(merkle.consistency_proof(newer.hashes, 5))
    forged_proof = tuple(merkle.consistency_proof(forged.hashes, 5))
    unsigned = sign_note(forged.note.text, ORIGIN, other_signer)
    other = sign_note(Checkpoint("other.example", 5, b"\7" * 32).to_text(), "other.example", signer)
    for fraud in (
        Fraud(older.note, newer.note, beginning, proof),
        Fraud(older.note, newer.note, b"\7" * 32, proof),
        Fraud(older.note, newer.note, b"\7" * 32, forged_proof),
        Fraud(older.note, newer.note, None, ()),
        Fraud(older.note, older.note, None, ()),
        Fraud(older.note, older.note, b"\7" * 32, ()),
        Fraud(newer.note, older.note, beginning, proof),
        Fraud(older.note, unsigned, merkle.root(forged.hashes[:5]), forged_proof),
        Fraud(older.note, other, None, ()),
    ):
        with pytest.raises(EvidenceError):
            proven(parse_fraud(fraud.to_bytes()), [log, log_verifier("other.example", signer.public)])


def test_a_proof_of_fraud_of_what_is_no_checkpoint_is_a_failed_check(ledger, signer, tmp_path):
    note, file = sign_note("no checkpoint\n", ORIGIN, signer), tmp_path / "fraud.json"
    for older, newer in ((note, note), (witness.read_ledger(ledger).note, note)):
        file.write_bytes(Fraud(older, newer, None, ()).to_bytes())
        (tmp_path / "key.json").write_bytes(signer.public.to_json())
        assert [each.rule for each in verify(file, trust=tmp_path / "key.json").failures] in (
            ["checkpoint-format"],
            ["fraud-proven"],
        )


def test_a_proof_of_fraud_has_one_spelling(ledger):
    note = witness.read_ledger(ledger).note
    data = Fraud(note, note, b"\7" * 32, (b"\0" * 32,)).to_bytes()
    assert parse_fraud(data).to_bytes() == data
    for old, new in (
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":1,"w":1'),
        (b'"kind":"fraud"', b'"kind":"frauds"'),
        (b'{"beg', b'{ "beg'),
        (b'"proof":["', b'"proof":[1,"'),
    ):
        assert old in data
        with pytest.raises(EvidenceError):
            parse_fraud(data.replace(old, new))


def test_a_ledger_known_by_its_root_of_trust_may_change_its_key(ask, ledger, signer, other_signer):
    first = first_root(signer, ORIGIN, LATER)
    (ledger / "root").mkdir()
    (ledger / "root" / "1.root.json").write_bytes(first)
    assert ask(ledger, pin=witness.pin_root(first)).status == 200
    append(ledger, ORIGIN, entries(0, 6), other_signer, [signer.public])
    assert ask(ledger, pin=None).status == 403
    roles = {role: ([signer.public if role == "root" else other_signer.public], 1) for role in ROLES}
    second = new_root(2, datetime(2026, 11, 23, tzinfo=UTC), LATER, roles, ORIGIN)
    (ledger / "root" / "2.root.json").write_bytes(sign_root(second, other_signer))
    with pytest.raises(EvidenceError, match="signed by 0 of the root keys"):
        ask(ledger, pin=None)
    (ledger / "root" / "2.root.json").write_bytes(sign_root(second, signer))
    assert ask(ledger, pin=None).status == 200


def test_what_the_witness_kept_must_be_readable(ask, ledger, home):
    ask(ledger)
    (kept,) = home.glob("*/checkpoint")
    kept.write_bytes(b"")
    with pytest.raises(EvidenceError, match="checkpoint"):
        ask(ledger)


def test_tiles_that_do_not_lead_to_the_checkpoint_are_refused(ask, ledger, fork):
    shutil.copytree(ledger / "tile", fork / "tile", dirs_exist_ok=True)
    (fork / "tile/0/000.p/7").write_bytes(b"\0" * 32 * 7)
    with pytest.raises(EvidenceError, match="do not lead to the root"):
        ask(fork)


def test_the_worked_example_of_a_request_is_read(examples):
    (block,) = [text for text in examples("tlog-witness.md") if text.startswith("old 20852014\n")]
    request = witness.parse_request(block.encode())
    assert (request.old_size, len(request.proof), len(request.note.signatures)) == (20_852_014, 4, 2)
    assert parse_checkpoint(request.note.text).size == 20_852_163
    assert request.to_bytes() == block.encode()
    assert parse_note(request.note.to_bytes()) == request.note
