"""Decisions erased from a live bank: nothing kept names them, what was signed stands, and no night brings them back."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime

import polars as pl
import pytest
from bank import FIRST, POLICY, ROWS, Bank
from projects import signed

from gov_pipelines.decisions import ERASED
from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import read_package, verify
from gov_pipelines.people import authority_of, hand_of, order_erasure, parse_act, roster_of
from gov_pipelines.pipeline import erasing
from gov_pipelines.pipeline.lookback import changed_since_audited
from gov_pipelines.pipeline.night import read_decisions
from gov_pipelines.pipeline.overdue import overdue
from gov_pipelines.store import Home, act_rows, entries_waiting, erasures, read_frame, reading, snapshot_of

LATER = date(2026, 9, 20)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A day of seven decisions, and one row that cannot be used; C was reviewed by a person."""
    bank = Bank(tmp_path_factory.mktemp("audited"))
    bank.header += ",person"
    bank.rows = {name: f"{row},subject-{name}" for name, row in ROWS.items()}
    bank.rows["bad"] = "bad-1,2026-09-01T10:00:00,maybe,f,111.25,kim,,subject-C"
    bank.declare(
        (bank.root / "assets/loans/defs.yaml")
        .read_text()
        .replace("requester: asked}", "requester: asked, subject_key: person}")
    )
    bank.policy(POLICY.replace("at_most: 0.1", "at_most: 0.5"))
    bank.audit().approve()
    bank.clear()
    bank.review("sid", "C")
    bank.clear()
    return bank


@pytest.fixture
def bank(audited, tmp_path):
    return audited.copy(tmp_path)


def erase(bank, decision=None, *, person="own", reason="She asked for it.", **more):
    one = bank.night()
    now = more.pop("now", None) or datetime.now(UTC)

    def order(connection, counts, acts):
        roster = roster_of(connection, authority_of(bank.night().home))
        hand = hand_of(connection, roster, person, bank.keys[person], now)
        return order_erasure(hand, one.declaration, counts, acts, reason, now)

    return erasing.erase(one.home, one.store, one.declaration, order, reason=reason, now=now, decision=decision, **more)


def texts(root):
    """All that the home holds outside of what was signed, as text: frames by their values, other files by their bytes."""
    for file in root.rglob("*"):
        if file.is_file() and "evidence" not in file.parts:
            yield (
                file,
                (
                    str(pl.read_parquet(file).rows())
                    if file.suffix == ".parquet"
                    else file.read_bytes().decode("latin-1")
                ),
            )


def kept_of(bank, *needles):
    return {file.name for file, text in texts(bank.root / ".gov") for needle in needles if needle in text}


def package(bank, revision=1):
    return bank.night().home.snapshot_dir("loans", FIRST, revision)


def bytes_of(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_nothing_kept_names_what_was_erased_and_all_that_was_signed_stands(bank):
    evidence = bank.root / ".gov" / "evidence"
    before, tally = bytes_of(evidence), (bank.night().folder / "tally.json").read_bytes()
    assert kept_of(bank, "subject-C", "bad-1", "111.25")
    (row,) = erase(bank, "C")
    assert (row.partition, row.count, row.reason) == (FIRST, 1, "erasure")
    one = bank.night()
    for name in (
        "decision_log",
        "salts",
        "decision_verdicts",
        "decision_reasons",
        "cleared_decisions",
        "held_decisions",
    ):
        left = read_frame(one.folder / f"{name}.parquet")
        assert "C" not in left["decision_id"], name
        assert left.height, name
    assert "C" not in read_frame(one.folder / "fingerprints.parquet")["id"]
    assert bytes_of(evidence) == before
    assert (one.folder / "tally.json").read_bytes() == tally
    assert verify.verify(evidence).ok
    rows = one.read_json("rows.json")
    assert rows["accepted"] + rows["quarantined"] + rows["duplicate"] == rows["source_count"] == 8
    with reading(one.store) as connection:
        assert [each.kind for each in act_rows(connection, system="loans")].count("review") == 0


def test_a_subject_is_erased_with_quarantined_rows_and_no_byte_is_left(bank):
    (row,) = erase(bank, subject="subject-C")
    assert row.count == 2
    assert kept_of(bank, "subject-C", "bad-1", "111.25", "'C'") == set()
    with closing(sqlite3.connect(bank.root / ".gov" / "store.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert "subject-C" not in dump


def test_the_order_is_signed_and_names_no_decision(bank):
    with reading(bank.night().store) as connection:
        reviews = [each.id for each in act_rows(connection, "review", "loans")]
    assert reviews
    erase(bank, "C", reason="asked for on paper 7")
    with reading(bank.night().store) as connection:
        (row,) = [each for each in act_rows(connection, system="loans") if each.kind == "erase"]
        (entry,) = [each.entry for each in entries_waiting(connection) if '"erasure"' in each.entry]
        (kept,) = erasures(connection, "loans", FIRST)
    _, act = parse_act(row.envelope.encode())
    assert act.subject == {"partitions": {"2026-09-01": 1}, "reason": "asked for on paper 7", "acts": reviews}
    assert (kept.act_sha256, kept.done) == (row.id, True)
    assert row.id in entry
    assert "paper" not in entry


def test_other_leaves_are_still_in_the_signed_tree_and_the_erased_one_cannot_be_opened(bank):
    salts = dict(read_frame(bank.night().folder / "salts.parquet").iter_rows())
    leaves = (package(bank) / "decision_leaves.jsonl").read_bytes()
    erase(bank, "C")
    left = dict(read_frame(bank.night().folder / "salts.parquet").iter_rows())
    assert left == {name: salt for name, salt in salts.items() if name != "C"}
    assert not any(salts["C"].encode() in data for data in bytes_of(bank.root / ".gov").values())
    assert (package(bank) / "decision_leaves.jsonl").read_bytes() == leaves
    audited = bank.audit().night()
    again = (package(bank, 2) / "decision_leaves.jsonl").read_bytes().splitlines()
    assert set(again) < set(leaves.splitlines())
    assert len(again) == len(leaves.splitlines()) - 1
    assert verify.verify(audited.home.root / "evidence").ok


def test_later_nights_do_not_bring_it_back_and_make_one_revision(bank):
    erase(bank, "C")
    one = bank.night()
    late = {"before": LATER, "as_of": one.as_of}
    assert overdue(one.home, one.declaration, one.policies, **late) == {FIRST: "read again and not signed"}
    for _ in range(3):
        bank.audit()
        one = bank.night()
        assert overdue(one.home, one.declaration, one.policies, **late) == {}
        looked = {"before": LATER, "project": one.project, "environ": one.environ}
        assert changed_since_audited(one.home, one.declaration, **looked) == []
    with reading(one.store) as connection:
        assert snapshot_of(connection, "loans", FIRST).revision == 2
    said = read_package(package(bank, 2)).predicate
    assert "decisions: 1 erased" in said["revisionReasons"]
    assert (said["ingest"]["accepted"], said["ingest"]["quarantined"], said["ingest"]["sourceCount"]) == (6, 2, 8)
    reasons = Counter(read_frame(one.folder / "quarantine.parquet")["reason"])
    assert reasons == {ERASED: 1, "decision is none of the declared outcomes": 1}
    assert kept_of(bank, "subject-C'") == set()
    assert "C" not in read_frame(one.folder / "fingerprints.parquet")["id"]
    bank.rows["F"] = bank.rows["F"].replace(",50,", ",51,")  # a later correction of another decision
    bank.audit()
    assert read_package(package(bank, 3)).predicate["revisionReasons"][0] == "decisions: 1 corrected"
    assert "C" not in read_frame(one.folder / "decision_log.parquet")["decision_id"]


def test_rows_add_up_where_the_source_repeats_what_was_erased(bank):
    erase(bank, "C")
    for correction in (
        "C,2026-09-01T09:02:30,no,f,70187.5,sue,,subject-C",
        "C,2026-09-01T09:02:31,maybe,f,70287.5,sue,,subject-C",
    ):
        bank.rows[correction] = correction
        for _ in range(2):  # as new rows, then as known ones
            rows = read_decisions(bank.night()).answer
            assert rows.passed, rows.description
            frames = [read_frame(bank.night().folder / f"{name}.parquet") for name in ("decision_log", "quarantine")]
            counts = bank.night().read_json("rows.json")
            assert [frame.height for frame in frames] == [counts["accepted"], counts["quarantined"]]
            assert kept_of(bank, "subject-C'", "70187.5", "70287.5") == set()
    assert (counts["source_count"], counts["accepted"], counts["duplicate"]) == (10, 6, 1)


def test_a_decision_erased_is_not_taken_in_on_another_day_either(bank):
    erase(bank, "C")
    bank.rows["C"] = bank.rows["C"].replace("2026-09-01T09:02", "2026-09-02T09:02")
    bank.audit(date(2026, 9, 2))
    one = bank.night(date(2026, 9, 2))
    assert read_frame(one.folder / "decision_log.parquet").is_empty()
    assert read_frame(one.folder / "quarantine.parquet")["reason"].to_list() == [ERASED]


def test_after_the_next_audit_the_day_is_cleared_as_before(bank):
    cleared = bank.clear()
    erase(bank, "A")
    assert bank.night().folder.joinpath("cleared_decisions.parquet").is_file()
    bank.audit()
    assert bank.clear() == cleared - {"A"}


def test_who_may_not_and_what_is_not_there_is_said_in_words(bank):
    with pytest.raises(WrongUse, match="rob may not erase decisions of loans: it takes head or privacy-office"):
        erase(bank, "C", person="rob")
    with pytest.raises(WrongUse, match="loans keeps nothing of Z"):
        erase(bank, "Z")
    with pytest.raises(WrongUse, match="reason is empty"):
        erase(bank, "C", reason=" ")
    for which, reason in (
        ({"decision": "C"}, "c is Ann"),
        ({"decision": "C"}, "Asked for by subject-C."),
        ({"subject": "subject-C"}, "The row bad-1, and others."),
        ({"subject": "subject-C"}, "(subject-C)"),
    ):
        with pytest.raises(WrongUse, match="names a decision or a subject"):
            erase(bank, **which, reason=reason)
    assert "C" in read_frame(bank.night().folder / "decision_log.parquet")["decision_id"]
    erase(bank, "C", now=datetime(2026, 10, 2, 23, tzinfo=UTC))
    with pytest.raises(WrongUse, match="C was erased on 2026-10-02"):
        erase(bank, "C")
    one = bank.night()
    with reading(one.store) as connection:
        assert erasing.erased_on(one.home, connection, "loans", "C") == date(2026, 10, 2)
        assert erasing.erased_on(one.home, connection, "loans", "A") is None


def test_without_the_key_of_the_tombstones_nothing_is_read(bank):
    erase(bank, "C")
    key = bank.root / ".gov" / "keys" / "erasure.key"
    assert key.stat().st_mode & 0o777 == 0o600
    data = key.read_bytes()
    key.unlink()
    for act in (lambda: read_decisions(bank.night()), lambda: erase(bank, "A")):
        with pytest.raises(WrongUse, match=r"erasure\.key is not there"):
            act()
    assert not key.exists()
    key.write_bytes(data)
    bank.audit()


class Killed(BaseException):
    """In place of SIGKILL: nothing in the code under test catches it."""


def dying(real, left):
    """A function after whose last call but `left` the process is no more."""

    def call(*args):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(*args)

    return call


@pytest.mark.parametrize("at", range(10))
def test_killed_at_any_write_the_same_command_finishes_it(bank, monkeypatch, at):
    left = [at]
    with monkeypatch.context() as patched:
        for name in ("write_frame", "write_atomic", "close_erasure", "note_entry"):
            patched.setattr(erasing, name, dying(getattr(erasing, name), left))
        try:
            erase(bank, "C")
        except Killed:
            pass
        else:
            assert at == 9  # there are not so many writes
    if left[0] < 0:
        assert "C" not in read_frame(bank.night().folder / "salts.parquet")["decision_id"] or not at
        assert [each.count for each in erase(bank, "C")] == [1]
    else:
        with pytest.raises(WrongUse, match="C was erased on"):
            erase(bank, "C")
    with reading(bank.night().store) as connection:
        assert [each.kind for each in act_rows(connection, system="loans")].count("erase") == 1
        assert [each.done for each in erasures(connection)] == [True]
    assert kept_of(bank, "subject-C'") == set()


def test_two_at_once_both_are_done(bank):
    with ThreadPoolExecutor(2) as pool:
        done = [each.result(60) for each in [pool.submit(erase, bank, name) for name in "CD"]]
    assert [[row.count for row in rows] for rows in done] == [[1], [1]]
    ids = set(read_frame(bank.night().folder / "decision_log.parquet")["decision_id"])
    assert ids == set(ROWS) - {"C", "D"}
    with reading(bank.night().store) as connection:
        assert [(each.count, each.done) for each in erasures(connection)] == [(1, True), (1, True)]


def test_a_damaged_file_stops_it_in_words_and_it_is_finished_when_mended(bank):
    file = bank.night().folder / "decision_verdicts.parquet"
    data = file.read_bytes()
    file.write_bytes(b"PAR1")
    with pytest.raises(EvidenceError, match=r"decision_verdicts\.parquet is not as this version writes it"):
        erase(bank, "C")
    assert "C" not in read_frame(file.with_name("salts.parquet"))["decision_id"]
    file.write_bytes(data)
    assert len(erase(bank, "C")) == 1
    signed(bank.night())
    assert Home(bank.root / ".gov").partition_dir("loans", FIRST) == file.parent
