"""A ledger by itself: what is read of a sound one, and by which rule each change of it is caught."""

from datetime import UTC, datetime, timedelta

import pytest
from ledgers import Book

from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.entries import act_entry, root_entry
from gov_pipelines.evidence.history import Asked, read_history
from gov_pipelines.evidence.roots import current_roots, parse_root, sign_root
from gov_pipelines.evidence.succession import holders, next_root
from gov_pipelines.evidence.tlog.ledger import append
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier, cosign, parse_note, sign_note
from gov_pipelines.evidence.tlog.policy import parse_policy
from gov_pipelines.evidence.verification import Checklist

NOON = 1_790_000_000


def snapshot(sequence=1, partition="2026-10-01", revision=1, payload=None):
    said = {"system": "loans", "partition": partition, "revision": revision, "sequence": sequence, "policies": []}
    said |= {"payloadSha256": payload or f"{sequence:064x}", "signatures": [{"keyid": "a" * 64, "sig": "c2ln"}]}
    return canonical.dumps({"v": 1, "kind": "snapshot", "decisions": {"rootHash": "0" * 64, "treeSize": 5}, **said})


@pytest.fixture
def book(tmp_path, signer):
    """The first root of trust, three nights and an act: five entries."""
    book = Book(tmp_path, signer)
    book.add(*(snapshot(number, f"2026-10-0{number}") for number in (1, 2, 3)), act_entry("review", "b" * 64))
    return book


def read(book, **asked):
    checks = Checklist()
    return read_history(book.ledger, "ledger/", Asked(**asked), checks), checks


def failed(book, **asked):
    _, checks = read(book, **asked)
    return {check.rule for check in checks.checks if not check.ok}


def checkpoint(book):
    return parse_note((book.ledger / "checkpoint").read_bytes())


def second_root(book, signer):
    """The second version of the root of trust, in its folder and not in the ledger."""
    before = current_roots(book.ledger / "root")[-1]
    data = sign_root(next_root(before, datetime.now(UTC), holders(before)), signer)
    (book.ledger / "root" / "2.root.json").write_bytes(data)
    return parse_root(data)


def test_a_sound_ledger_is_read_whole(book, signer):
    first = current_roots(book.ledger / "root")[0]
    history, checks = read(book, key=signer.public, root=first, last=checkpoint(book))
    assert all(check.ok for check in checks.checks)
    assert (history.size, [entry["kind"] for entry in history.entries]) == (5, ["root", *["snapshot"] * 3, "act"])
    assert [history.index[leaf] for leaf in history.levels[0]] == [0, 1, 2, 3, 4]
    assert history.roots == [(0, first)]
    assert (history.cosigned, history.witnesses, history.demanded, history.tokens) == (0, [], None, [])


def test_each_version_of_the_root_holds_from_its_entry_on(book, signer):
    second = second_root(book, signer)
    assert failed(book) == {"root-logged"}  # nobody can tell from where on it holds
    book.add(root_entry(2, second.sha256), act_entry("review", "c" * 64))
    history, checks = read(book)
    assert all(check.ok for check in checks.checks)
    assert [history.root_at(place).version for place in range(7)] == [1, 1, 1, 1, 1, 2, 2]


def _flip(path):
    data = path.read_bytes()
    path.write_bytes(bytes([data[40] ^ 1]).join([data[:40], data[41:]]))


def _rename_log(book):
    note = sign_note(checkpoint(book).text.replace(book.origin, "another.example", 1), "another.example", book.signer)
    (book.ledger / "checkpoint").write_bytes(note.to_bytes())


CHANGES = {
    "no checkpoint": (lambda book: (book.ledger / "checkpoint").unlink(), {"checkpoint-format"}),
    "a checkpoint that is none": (lambda book: (book.ledger / "checkpoint").write_text("5\n"), {"checkpoint-format"}),
    "a checkpoint of another log": (_rename_log, {"checkpoint-origin"}),
    "an altered tile": (lambda book: _flip(book.ledger / "tile" / "0" / "000.p" / "5"), {"ledger-tree"}),
    "an altered entry": (lambda book: _flip(book.ledger / "tile" / "entries" / "000.p" / "5"), {"ledger-tree"}),
    "an entry of no known kind": (
        lambda book: book.add(canonical.dumps({"v": 1, "kind": "gift", "sha256": "0" * 64})), {"ledger-entries"},
    ),
    "an entry of another version": (
        lambda book: book.add(canonical.dumps({"v": 2, "kind": "act", "act": "review", "sha256": "0" * 64})),
        {"ledger-entries"},
    ),
    "two nights under one number": (lambda book: book.add(snapshot(3, "2026-10-04", payload="e" * 64)), {"ledger-unique"}),
    "two nights of one revision": (lambda book: book.add(snapshot(4, "2026-10-03", payload="e" * 64)), {"ledger-unique"}),
    "no root of trust": (lambda book: (book.ledger / "root" / "1.root.json").unlink(), {"root-chain"}),
    "a root that somebody rewrote": (
        lambda book: (book.ledger / "root" / "1.root.json").write_bytes(b"{}"), {"root-chain"},
    ),
    "a root that was logged and is gone": (lambda book: book.add(root_entry(2, "f" * 64)), {"root-logged"}),
}  # fmt: skip


@pytest.mark.parametrize(("change", "rules"), CHANGES.values(), ids=CHANGES)
def test_a_changed_ledger_is_caught(book, change, rules):
    change(book)
    assert failed(book) == rules


def test_a_ledger_that_does_not_begin_with_its_root_is_caught(tmp_path, signer):
    book = Book(tmp_path / "sound", signer)
    first = current_roots(book.ledger / "root")[0]
    for old in ("tile", "checkpoint"):
        (book.ledger / old).rename(tmp_path / old)
    append(book.ledger, book.origin, [snapshot(), root_entry(1, first.sha256)], signer)
    history, _ = read(book)
    assert failed(book) == {"root-logged"}
    assert history.root_at(0) is None


def test_an_auditor_who_trusts_another_key_or_root_is_told(book, other_signer, tmp_path):
    stranger = Book(tmp_path / "stranger", other_signer)
    assert failed(book, key=other_signer.public) == {"checkpoint-signature"}
    assert failed(book, root=current_roots(stranger.ledger / "root")[0]) == {"root-trusted"}


def test_a_checkpoint_that_was_kept_must_be_where_the_ledger_began(book, signer, other_signer, tmp_path):
    early = checkpoint(book)
    book.add(act_entry("review", "c" * 64))
    assert failed(book, last=early) == set()
    assert failed(book, last=checkpoint(book)) == set()
    fork = Book(tmp_path / "fork", signer)
    fork.add(snapshot(1, "2026-10-01", payload="e" * 64), snapshot(2, "2026-10-02"))
    assert failed(book, last=checkpoint(fork)) == {"ledger-last"}  # it told another story
    later = Book(tmp_path / "later", signer)
    later.add(*(act_entry("review", f"{number:064x}") for number in range(9)))
    assert failed(book, last=checkpoint(later)) == {"ledger-last"}  # its tail was cut off
    stranger = Book(tmp_path / "stranger", other_signer)
    assert failed(book, last=checkpoint(stranger)) == {"ledger-last"}


def test_entries_count_as_cosigned_up_to_the_largest_checkpoint_with_a_quorum(book, signer, other_signer):
    policy = parse_policy(
        f"witness council {Verifier('council', COSIGNATURE, other_signer.public).vkey}\nquorum council\n".encode()
    )
    assert failed(book, policy=policy) == {"witness-quorum"}
    (book.ledger / "cosigned").mkdir()
    (book.ledger / "cosigned" / "5").write_bytes(cosign(checkpoint(book), "council", other_signer, NOON).to_bytes())
    book.add(act_entry("review", "c" * 64))
    history, checks = read(book, policy=policy)
    assert all(check.ok for check in checks.checks)
    assert history.cosigned == 5
    assert history.witnesses == [("council", datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=NOON))]
    forged = cosign(checkpoint(book), "council", signer, NOON)  # by a key that is not the council's
    (book.ledger / "cosigned" / "6").write_bytes(forged.to_bytes())
    history, _ = read(book, policy=policy)
    assert history.cosigned == 5
