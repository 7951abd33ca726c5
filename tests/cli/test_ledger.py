"""`gov ledger`: what it shows, appends and checks, on a machine with the home's key and on one without."""

import json
import time

import pytest
from bank import Bank
from tsa import served, time_authority

from gov_pipelines.cli import main
from gov_pipelines.evidence.verify import verify
from gov_pipelines.pipeline import stamping


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    return Bank(tmp_path_factory.mktemp("audited") / "bank").audit()


@pytest.fixture
def bank(audited, tmp_path, monkeypatch):
    """A bank with one audited night; commands are called in it."""
    bank = audited.copy(tmp_path / "bank")
    monkeypatch.chdir(bank.root)
    monkeypatch.setenv("GOV_HOME", str(bank.root / ".gov"))
    for variable in ("GOV_STORE_URL", "GOV_TSA_URL"):
        monkeypatch.delenv(variable, raising=False)
    return bank


@pytest.fixture
def gov(capsys):
    def gov(*arguments, check=0):
        """What a command says on either way, or its JSON."""
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == check, out + err
        return json.loads(out) if "--json" in arguments else out + err

    return gov


def ledger(bank):
    return bank.root / ".gov" / "evidence" / "ledger"


def test_a_review_signed_without_the_homes_key_waits_for_the_next_night(bank, gov, tmp_path):
    size = gov("ledger", "--json")["size"]
    key = bank.root / ".gov" / "keys" / "signing.pem"
    key.rename(tmp_path / "elsewhere.pem")
    bank.review("sue", "B")
    assert gov("ledger", "--json") | {"rootHash": ""} == {
        "origin": gov("ledger", "--json")["origin"], "size": size, "rootHash": "", "waiting": 1, "cosigned": 0, "stamped": 0,
    }  # fmt: skip
    told = gov("ledger")
    assert "waiting   1: `gov ledger publish`, or the next night, appends them" in told
    assert "nobody cosigned or stamped them" in told
    assert "no signing key" in gov("ledger", "publish", check=2)
    (tmp_path / "elsewhere.pem").rename(key)
    bank.rows["H"] = bank.rows["F"].replace("F", "H", 1)
    bank.audit()
    after = gov("ledger", "--json")
    assert (after["size"], after["waiting"]) == (size + 2, 0)  # the review, and the night's new revision
    found = verify(bank.root / ".gov" / "evidence")
    assert found.ok, found.to_text()


def test_publish_appends_what_waits_and_then_nothing(bank, gov):
    before = gov("ledger", "--json")
    bank.review("sue", "B")
    done = gov("ledger", "publish", "--json")
    assert done == {"size": before["size"] + 1, "rootHash": done["rootHash"], "stamped": False}
    assert done["rootHash"] != before["rootHash"]
    assert gov("ledger", "publish", "--json") == done
    assert f"The ledger has {done['size']} entries under {done['rootHash']}." in gov("ledger", "publish")


def test_publish_has_the_checkpoint_stamped(bank, gov, monkeypatch, tmp_path):
    clock = time_authority(tmp_path / "clock")
    with served(lambda query: (200, clock.reply(query))) as url:
        monkeypatch.setenv("GOV_TSA_URL", url)
        done = gov("ledger", "publish", "--json")
    assert done["stamped"]
    assert gov("ledger", "--json")["stamped"] == done["size"]
    assert f"{done['size']} of them stamped" in gov("ledger")


@pytest.mark.parametrize("how", ["hangs", "refuses", "lies", "is gone"])
def test_an_authority_that_fails_is_told_and_what_waited_is_appended(bank, gov, monkeypatch, tmp_path, how):
    other = time_authority(tmp_path / "other").stamp(b"another message")

    def hang(_):
        time.sleep(0.8)
        return 200, other

    answer = {"hangs": hang, "refuses": lambda _: (403, b"no"), "lies": lambda _: (200, other), "is gone": None}[how]
    real = stamping.stamp
    monkeypatch.setattr(stamping, "stamp", lambda *arguments: real(*arguments, timeout=0.3))
    bank.review("sue", "B")
    with served(answer) as url:
        monkeypatch.setenv("GOV_TSA_URL", f"{url}?token=hunter2" if answer else "http://127.0.0.1:9/?token=hunter2")
        began = time.monotonic()
        told = gov("ledger", "publish")
    assert time.monotonic() - began < 5
    assert "Not stamped: " in told
    assert "hunter2" not in told
    state = gov("ledger", "--json")
    assert (state["waiting"], state["stamped"]) == (0, 0)


def test_a_sound_ledger_is_said_to_be(bank, gov):
    assert gov("ledger", "check", "--json") == {"ok": True, "wrong": []}
    assert "sound, and the store knows all of it" in gov("ledger", "check")


def test_check_names_each_file_that_was_touched_and_each_row_that_is_gone(bank, gov):
    bank.approve()
    gov("ledger", "publish")
    (tile,) = (ledger(bank) / "tile" / "0").rglob(f"{gov('ledger', '--json')['size']}")
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    (wrong,) = gov("ledger", "check", "--json", check=1)["wrong"][:1]
    assert str(tile) in wrong
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    with bank.night().store.begin() as connection:
        connection.exec_driver_sql("DELETE FROM acts WHERE kind = 'approve'")
    assert "The store has lost what the ledger holds: 2 signed acts of people. Restore it" in gov(
        "ledger", "check", check=1
    )


def test_a_checkpoint_of_a_stranger_is_named(bank, gov, tmp_path):
    stranger = Bank(tmp_path / "other").audit()
    (ledger(bank) / "checkpoint").write_bytes((ledger(stranger) / "checkpoint").read_bytes())
    was = (ledger(bank) / "checkpoint").read_bytes()
    assert not gov("ledger", "check", "--json", check=1)["ok"]
    gov("ledger", "publish", check=1)
    assert (ledger(bank) / "checkpoint").read_bytes() == was


def test_a_home_without_a_night_has_no_ledger_yet(tmp_path, gov, monkeypatch):
    bank = Bank(tmp_path / "bank")
    monkeypatch.chdir(bank.root)
    monkeypatch.setenv("GOV_HOME", str(bank.root / ".gov"))
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    assert "Nothing was signed here yet" in gov("ledger", check=2)
    assert gov("ledger", "check", "--json")["ok"]
    assert gov("ledger", "publish", "--json")["size"] == 1 + 6  # the root of trust, and six people enrolled
