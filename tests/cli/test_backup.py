"""A copy of a home that can be trusted: written while nights run, refused when touched, and audited on once restored."""

import hashlib
import json
import shutil
import threading
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from bank import FIRST, ROWS, Bank
from command import let_go

from gov_pipelines.cli import main
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.tlog.witness import read_ledger
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline import signing
from gov_pipelines.store import Home, all_snapshots, entries_waiting, open_store, reading

DAYS = [FIRST + timedelta(days=each) for each in range(6)]


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A bank with one night audited, on SQLite."""
    bank = Bank(tmp_path_factory.mktemp("audited") / "bank")
    bank.rows |= {
        f"{day:%d}{name}": f"{day:%d}{row.replace('2026-09-01', day.isoformat(), 1)}"
        for day in DAYS[1:]
        for name, row in ROWS.items()
    }
    return bank.audit()


@pytest.fixture
def bank(audited, tmp_path, monkeypatch):
    """A copy of it; commands are called in it."""
    bank = audited.copy(tmp_path / "bank")
    monkeypatch.chdir(bank.root)
    monkeypatch.setenv("GOV_HOME", str(bank.root / ".gov"))
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    return bank


def run(*arguments):
    """The exit code of a command, called in this process."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return ended.value.code or 0


@pytest.fixture(scope="module")
def good_backup(tmp_path_factory):
    """A backup to copy and to break."""
    folder = tmp_path_factory.mktemp("good")
    bank = Bank(folder / "bank").audit()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(bank.root)
        patch.setenv("GOV_HOME", str(bank.root / ".gov"))
        patch.delenv("GOV_STORE_URL", raising=False)
        assert run("backup", folder / "copy") == 0
    return folder / "copy"


@contextmanager
def opened(url):
    engine = open_store(url)
    with reading(engine) as connection:
        yield connection
    engine.dispose()


def snapshots(home):
    with opened(Home(home).store_url) as connection:
        return all_snapshots(connection, "loans")


def test_a_home_comes_back(bank, tmp_path, capsys):
    assert run("backup", tmp_path / "copy") == 0
    assert "1 snapshots" in capsys.readouterr().out
    assert run("restore", tmp_path / "copy", "--to", tmp_path / "home") == 0
    assert "holds no private key" in capsys.readouterr().out
    was, now = bank.root / ".gov", tmp_path / "home"
    assert snapshots(now) == snapshots(was)
    for folder in ("artifacts", "evidence"):
        files = {file.relative_to(was): file.read_bytes() for file in (was / folder).rglob("*") if file.is_file()}
        assert files == {
            file.relative_to(now): file.read_bytes() for file in (now / folder).rglob("*") if file.is_file()
        }
    assert not (now / "keys" / "signing.pem").exists()
    assert (now.stat().st_mode & 0o777, (now / "store.db").stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_restored_home_is_audited_on(bank, tmp_path):
    assert run("backup", tmp_path / "copy", "--with-keys") == 0
    bank.audit(DAYS[1])  # signed after the copy: the copy does not know it
    shutil.copytree(bank.root, tmp_path / "new", ignore=shutil.ignore_patterns(".gov"))
    bank.root, home = tmp_path / "new", tmp_path / "new" / ".gov"
    assert run("restore", tmp_path / "copy", "--to", home) == 0
    assert (home / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600
    bank.audit(DAYS[1])
    assert [each.partition for each in snapshots(home)] == DAYS[:2]
    assert verify(home / "evidence").ok


def test_a_backup_made_while_nights_are_signed_is_whole(bank, tmp_path):
    nights = threading.Thread(target=lambda: [bank.audit(day) for day in DAYS[1:]])
    nights.start()
    counts = []
    while nights.is_alive():
        copy = tmp_path / f"copy{len(counts)}"
        assert run("backup", copy) == 0
        counts.append(sum('"snapshots"' in line for line in (copy / "store.jsonl").read_text().splitlines()))
    nights.join()
    assert counts == sorted(counts)
    assert len(set(counts)) > 2  # nights were signed between the copies
    assert run("restore", copy, "--to", tmp_path / "home") == 0
    assert len(snapshots(tmp_path / "home")) == counts[-1]


def test_a_backup_taken_after_a_night_that_died_holds_its_entry(bank, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(signing, "append_noted", mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bank.audit(DAYS[1])
    bank.act("attest", "own", {"clause": "house/Q", "version": 1, "note": None})
    assert run("backup", tmp_path / "copy") == 0
    assert run("restore", tmp_path / "copy", "--to", tmp_path / "home") == 0
    assert len(snapshots(tmp_path / "home")) == 2
    with opened(Home(tmp_path / "home").store_url) as connection:
        assert entries_waiting(connection) == []


def test_a_home_whose_key_was_replaced_is_restored_and_audited_on(bank, tmp_path):
    """Of the keys before, the public halves are always there; the private ones are copied where they were asked for."""
    assert run("keys", "rotate", "--name", "next") == 0
    bank.audit(DAYS[1])
    (old,) = (bank.root / ".gov" / "keys" / "retired").iterdir()
    for copy, options, private in (("plain", [], set()), ("whole", ["--with-keys"], {"signing.pem"})):
        assert run("backup", tmp_path / copy, *options) == 0
        for folder in (tmp_path / copy / "keys", tmp_path / copy / "keys" / "retired" / old.name):
            assert {file.name for file in folder.glob("signing.*")} == {"signing.pub.json", *private}
    bank.root = tmp_path / "new"
    shutil.copytree(tmp_path / "bank", bank.root, ignore=shutil.ignore_patterns(".gov"))
    home = bank.root / ".gov"
    assert run("restore", tmp_path / "whole", "--to", home) == 0
    assert (home / "keys" / "retired" / old.name / "signing.pem").stat().st_mode & 0o777 == 0o600
    bank.audit(DAYS[2])
    found = verify(home / "evidence", trust=home / "evidence" / "ledger" / "root" / "1.root.json")
    assert found.trusted, found.to_text()
    assert read_ledger(home / "evidence" / "ledger").checkpoint.size > read_ledger(_ledger(bank)).checkpoint.size


def test_a_key_that_is_kept_elsewhere_signs_what_a_backup_needs(bank, tmp_path, capsys):
    """A root of trust that nobody logged yet: the backup logs it, with a key that no file of the home holds."""
    keys = bank.root / ".gov" / "keys"
    (keys / "signing.pem").rename(tmp_path / "module.pem")
    (keys / "signer.json").write_bytes(canonical.dumps({"uri": f"file2:{tmp_path}/module.pem"}))
    assert run("keys", "root", "new-version", "--expires", "2031-01-01", "--out", tmp_path / "2.json") == 0
    assert run("keys", "root", "sign", tmp_path / "2.json") == 0
    assert run("keys", "root", "publish", tmp_path / "2.json") == 0
    assert run("backup", tmp_path / "copy", "--with-keys") == 0
    capsys.readouterr()
    assert run("restore", tmp_path / "copy", "--to", tmp_path / "home") == 0
    assert "no private key" not in capsys.readouterr().out
    assert {each.name for each in (tmp_path / "home" / "keys").iterdir()} == {"signing.pub.json", "signer.json"}


def test_a_home_whose_store_lost_a_night_is_not_copied_as_if_it_were_whole(bank, tmp_path, capsys):
    with opened(Home(bank.root / ".gov").store_url) as connection:
        connection.exec_driver_sql("DELETE FROM snapshots")
        connection.commit()
    assert run("backup", tmp_path / "copy") == 1
    assert "Restore the home from a backup" in capsys.readouterr().err


def _ledger(bank):
    return bank.root.parent / "bank" / ".gov" / "evidence" / "ledger"


def _rewrite(name, old, new):
    def change(copy):
        path = next(copy.glob(name))
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return change


def _forge(copy):
    """Change a row of the ledger, and the manifest with it."""
    _rewrite("store.jsonl", b'"payload_sha256": "', b'"payload_sha256": "f')(copy)
    manifest = json.loads((copy / "backup.json").read_text())
    manifest["files"]["store.jsonl"] = _sha(copy / "store.jsonl")
    (copy / "backup.json").write_text(json.dumps(manifest))


def _sign_anew(copy):
    """Change a covered file, and the manifest with it."""
    path = next(copy.glob("evidence/*/*/r1/rows.json"))
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))
    manifest = json.loads((copy / "backup.json").read_text())
    manifest["files"][str(path.relative_to(copy))] = _sha(path)
    (copy / "backup.json").write_text(json.dumps(manifest))


def _sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_rewrite("store.jsonl", b"house/Q", b"house/X"), 1, "not as it was made: store.jsonl"),
        (_rewrite("evidence/*/*/r1/rows.json", b"7", b"8"), 1, "not as it was made: evidence/"),
        (lambda copy: next(copy.glob("artifacts/*/*/*.parquet")).unlink(), 1, "not as it was made: artifacts/"),
        (lambda copy: (copy / "more").write_text(""), 1, "not as it was made: more"),
        (lambda copy: (copy / "more").symlink_to("/etc/passwd"), 1, "not as it was made: more"),
        (_forge, 1, "evidence and ledger differ: evidence/loans/2026-09-01/r1"),
        (_sign_anew, 1, "manifest"),
        (lambda copy: (copy / "backup.json").unlink(), 2, "never finished"),
        (lambda copy: (copy / "backup.json").write_text("{}"), 2, "never finished"),
    ],
)  # fmt: skip
def test_a_backup_that_was_touched_is_refused(good_backup, tmp_path, capsys, change, code, words):
    shutil.copytree(good_backup, tmp_path / "copy")
    change(tmp_path / "copy")
    assert run("restore", tmp_path / "copy", "--to", tmp_path / "home") == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "home").exists() or not any((tmp_path / "home").iterdir())


def test_nothing_is_written_over(bank, tmp_path, capsys):
    assert run("backup", bank.root) == 2
    assert run("backup", tmp_path / "copy") == 0
    assert run("restore", tmp_path / "copy", "--to", bank.root / ".gov") == 2
    assert "holds something already" in capsys.readouterr().err


def test_a_store_moves_to_postgresql_and_back(bank, tmp_path, monkeypatch, postgres):
    url = postgres()
    assert run("backup", tmp_path / "copy") == 0
    monkeypatch.setenv("GOV_STORE_URL", url)
    assert run("restore", tmp_path / "copy", "--to", tmp_path / "home") == 0
    assert not (tmp_path / "home" / "store.db").exists()
    with opened(url) as connection:
        assert all_snapshots(connection, "loans") == snapshots(bank.root / ".gov")
    monkeypatch.setenv("GOV_HOME", str(tmp_path / "home"))
    assert run("backup", tmp_path / "second") == 0
    assert run("restore", tmp_path / "second", "--to", tmp_path / "third") == 2  # this database has its store
    monkeypatch.delenv("GOV_STORE_URL")
    assert run("restore", tmp_path / "second", "--to", tmp_path / "third") == 0
    assert snapshots(tmp_path / "third") == snapshots(bank.root / ".gov")
    let_go()
