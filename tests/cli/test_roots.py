"""`gov keys root` and `gov keys rotate`, as the people of a home use them."""

import base64
import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from bank import FIRST, START, Bank
from command import told
from projects import declared, house, write_project

from gov_pipelines.cli import main
from gov_pipelines.evidence import generate, load_public, load_signer, load_trust
from gov_pipelines.evidence.roots import current_roots, sign_root
from gov_pipelines.evidence.succession import NEXT, next_root, publish, replaced
from gov_pipelines.evidence.verify import verify


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command in this process, which spares a second of imports a call."""
    write_project(tmp_path, declared(""), house(""), key=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOV_HOME", str(tmp_path / ".gov"))
    monkeypatch.delenv("GOV_PIPELINES_PROJECT", raising=False)

    def call(*arguments, check=0):
        said, complained = StringIO(), StringIO()
        with redirect_stdout(said), redirect_stderr(complained), pytest.raises(SystemExit) as end:
            main(["keys", *map(str, arguments)])
        assert end.value.code == check, complained.getvalue()
        return SimpleNamespace(stdout=said.getvalue(), stderr=complained.getvalue())

    call("new", "--name", "the bank", "--origin", "bank.example/audit")
    return call


def shown(run):
    return json.loads(run("root", "--json").stdout)


def test_the_root_goes_to_offline_keys_and_the_signing_key_is_replaced(run, tmp_path):
    home, people = tmp_path / ".gov", tmp_path / "people"
    assert (shown(run)["version"], shown(run)["origin"]) == (1, "bank.example/audit")
    first = load_signer(home / "keys").public.keyid
    for name in ("ann", "bob", "cy"):
        run("person", name, "--out", people / name)
    offline = [part for name in ("ann", "bob", "cy") for part in ("--root-key", people / name / "signing.pub.json")]
    run("root", "new-version", *offline, "--threshold", "2")
    draft = tmp_path / "2.root.draft.json"
    assert "signed by 0 of the root keys of version 1" in run("root", "publish", draft, check=1).stderr
    for folder in (home / "keys", people / "ann"):
        run("root", "sign", draft, "--key", folder)
    assert "signed by 1 of the root keys of version 2; expected 2 of 3" in run("root", "publish", draft, check=1).stderr
    assert "ann" in run("root", "sign", draft, "--key", people / "bob").stdout
    run("root", "publish", draft)
    assert shown(run)["roles"]["root"]["threshold"] == 2
    told = run("rotate", "--name", "the bank 2027").stdout
    assert "Not in force yet" in told
    assert load_signer(home / "keys").public.keyid == first
    assert "a key waits in" in run("rotate", "--name", "again", check=2).stderr
    for name in ("bob", "cy"):
        run("root", "sign", tmp_path / "3.root.draft.json", "--key", people / name)
    run("root", "publish", tmp_path / "3.root.draft.json")
    second = load_trust(home / "keys" / "signing.pub.json")
    assert second.name == "the bank 2027"
    assert shown(run)["roles"]["targets"]["keyids"] == [second.keyid]
    assert (home / "keys" / "retired" / first / "signing.pem").is_file()
    assert [each.version for each in current_roots(home / "evidence" / "ledger" / "root")] == [1, 2, 3]


def test_a_home_with_its_root_key_at_hand_rotates_at_once(run, tmp_path):
    told = run("rotate", "--name", "next").stdout
    assert "Version 2 of the root of trust" in told
    assert "witnesses: quorum none" in told
    said = json.loads(run("--json").stdout)
    assert said["name"] == "next"
    assert base64.b64decode(said["publicKey"]) == load_public(tmp_path / ".gov" / "keys").spki


def test_a_new_root_is_in_the_ledger_at_once(tmp_path):
    bank = Bank(tmp_path / "bank").audit()
    told("keys", "rotate", "--name", "next", home=bank.root / ".gov", cwd=bank.root, check=0)
    evidence = bank.root / ".gov" / "evidence"
    found = verify(evidence, trust=evidence / "ledger" / "root" / "1.root.json")
    assert found.trusted, found.to_text()


def test_a_key_kept_elsewhere_signs_for_a_home(run, tmp_path):
    run("person", "vault", "--out", tmp_path / "vault")
    public = load_trust(tmp_path / "vault" / "signing.pub.json")
    (tmp_path / "vault.pem").write_text(public.to_pem())
    named = ("--uri", f"file2:{tmp_path / 'vault' / 'signing.pem'}", "--public", tmp_path / "vault.pem")
    run("rotate", "--name", "the vault's", *named)
    home = tmp_path / ".gov"
    assert not (home / "keys" / "signing.pem").exists()
    assert load_signer(home / "keys").public.keyid == public.keyid == shown(run)["roles"]["targets"]["keyids"][0]
    shutil.rmtree(home)
    run("new", "--name", "from the first day", *named)
    assert shown(run)["roles"]["root"]["keyids"] == [public.keyid]


def test_snapshots_of_both_keys_follow_from_the_first_root(tmp_path):
    bank = Bank(tmp_path / "bank").audit()
    home = bank.night().home
    before, new = current_roots(home.roots_dir)[-1], generate(home.keys_dir / NEXT, name="next", created=START)
    data = next_root(before, datetime.now(UTC), replaced(before, bank.home.public, new.public))
    publish(home.keys_dir, home.roots_dir, sign_root(sign_root(data, bank.home), new))
    bank.audit(FIRST + timedelta(days=1))
    (tmp_path / "old.json").write_bytes(bank.home.public.to_json())
    evidence = home.root / "evidence"
    found = verify(evidence, trust=home.roots_dir / "1.root.json")
    assert (found.ok, found.trusted) == (True, True)
    assert verify(evidence, trust=tmp_path / "old.json").ok is False


def test_what_cannot_be_is_refused(run, tmp_path):
    keyid = shown(run)["roles"]["root"]["keyids"][0]
    assert "no key 00ff" in run("root", "new-version", "--without", "00ff", check=2).stderr
    assert "the role root has 0 keys" in run("root", "new-version", "--without", keyid, check=1).stderr
    assert "the threshold 2; expected 1 to 1" in run("root", "new-version", "--threshold", 2, check=1).stderr
    assert "--uri and --public" in run("rotate", "--name", "x", "--uri", "hsm:", check=2).stderr
    (tmp_path / "policy").write_text("quorum all of them\n")
    run("root", "new-version", "--witnesses", "policy", check=1)
    (tmp_path / "draft").write_text("{}")
    assert "no TUF root metadata" in run("root", "sign", "draft", check=1).stderr
    assert "never overwritten" in run("new", "--name", "again", check=1).stderr
