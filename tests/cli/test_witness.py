"""A ledger and its witnesses, file in and file out, as the people at both ends would run them."""

import json
from datetime import UTC, datetime

import pytest
from command import told

from gov_pipelines.evidence import load_signer
from gov_pipelines.evidence.canonical import dumps
from gov_pipelines.evidence.founding import found
from gov_pipelines.evidence.roots import ROLES, new_root, sign_root
from gov_pipelines.evidence.tlog.ledger import append

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXPIRES = datetime(2031, 11, 22, tzinfo=UTC)
ORIGIN = "house.example/ledger"


def said(*arguments, home, check=0):
    return json.loads(told(*arguments, "--json", home=home, check=check).stdout)


@pytest.fixture
def home(tmp_path):
    """A home whose root of trust wants two of the witnesses council and regulator, each with a home of its own."""
    home, lines = tmp_path / "home", []
    found(home / "keys", home / "evidence/ledger/root", name="house", created=NOW, origin=ORIGIN)
    for name in ("council", "regulator"):
        made = said("witness", "new", "--name", f"{name}.example", "--out", tmp_path / name, home=home)
        lines.append(f"witness {name} {made['vkey']}\n")
    policy = "".join([*lines, "group both all council regulator\n", "quorum both\n"])
    signer = load_signer(home / "keys")
    root = new_root(2, NOW, EXPIRES, {role: ([signer.public], 1) for role in ROLES}, ORIGIN, policy)
    (home / "evidence/ledger/root/2.root.json").write_bytes(sign_root(root, signer))
    grow(home, 5)
    return home


def grow(home, size, word="entry", folder=None):
    items = [dumps({"n": number, "word": word}) for number in range(size)]
    append(folder or home / "evidence/ledger", ORIGIN, items, load_signer(home / "keys"))


def test_the_witnesses_of_a_ledger_reach_its_quorum(home, tmp_path):
    ledger, first = home / "evidence/ledger", home / "evidence/ledger/root/1.root.json"
    council = ("--home", tmp_path / "council", "--out", tmp_path / "from-council")
    regulator = ("--home", tmp_path / "regulator", "--out", tmp_path / "from-regulator")
    assert said("witness", ledger, *council, "--root", first, home=home)["size"] == 5
    kept = said("ledger", "cosigned", tmp_path / "from-council", home=home)
    assert (kept["size"], kept["witnesses"], kept["quorum"]) == (5, ["council.example"], False)
    said("ledger", "request", "--since", "0", "--out", tmp_path / "request", home=home)
    assert said("witness", "cosign", tmp_path / "request", *regulator, "--root", first, home=home)["status"] == 200
    kept = said("ledger", "cosigned", tmp_path / "from-regulator", home=home)
    assert (kept["witnesses"], kept["quorum"]) == (["council.example", "regulator.example"], True)
    assert (ledger / "cosigned/5").read_text().count("\u2014") == 3

    grow(home, 9)
    said("ledger", "request", "--since", "5", "--out", tmp_path / "request", home=home)
    assert said("witness", tmp_path / "request", *council, home=home)["size"] == 9
    lines = (tmp_path / "from-council").read_text().split("\n\n")[1].split("\n")
    (tmp_path / "bare").write_text(lines[1] + "\n")  # a witness of C2SP sends its signature lines alone
    told("ledger", "cosigned", tmp_path / "bare", home=home, check=0)
    assert (ledger / "cosigned/9").read_bytes() == (tmp_path / "from-council").read_bytes()


def test_what_no_witness_of_the_root_of_trust_signed_is_refused(home, tmp_path):
    ledger, first = home / "evidence/ledger", home / "evidence/ledger/root/1.root.json"
    stranger = ("--home", tmp_path / "stranger", "--out", tmp_path / "answer")
    told("witness", "new", "--name", "stranger.example", "--out", tmp_path / "stranger", home=home, check=0)
    told("witness", ledger, *stranger, "--root", first, home=home, check=0)
    refused = told("ledger", "cosigned", tmp_path / "answer", home=home, check=1)
    assert "stranger.example is neither" in refused.stderr
    refused = told("ledger", "cosigned", ledger / "checkpoint", home=home, check=1)
    assert "does not hold both" in refused.stderr
    grow(home, 7, "forged", tmp_path / "fork")
    refused = told("ledger", "cosigned", tmp_path / "fork/checkpoint", home=home, check=1)
    assert "another ledger" in refused.stderr
    assert not (ledger / "cosigned").exists()


def test_a_refusal_and_a_proof_of_fraud_end_with_1(home, tmp_path):
    ledger, first = home / "evidence/ledger", home / "evidence/ledger/root/1.root.json"
    council = ("--home", tmp_path / "council", "--out", tmp_path / "answer")
    assert said("witness", ledger, *council, home=home, check=1)["status"] == 404
    assert not (tmp_path / "answer").exists()
    told("witness", ledger, *council, "--root", first, home=home, check=0)
    grow(home, 7, "forged", tmp_path / "fork")
    refused = told("witness", tmp_path / "fork", *council, home=home, check=1)
    assert "422 refused" in refused.stdout
    (proof,) = (tmp_path / "council/fraud").iterdir()
    assert f"FRAUD: the ledger's key signed two stories; the proof is {proof}\n" in refused.stdout
    assert f"gov verify {proof} --trust ROOT_OR_KEY" in refused.stdout
    assert "signed two histories" in told("verify", proof, "--trust", first, home=home, check=0).stdout
    told("verify", proof, home=home, check=1)  # nobody vouches for a key


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("witness", "new", "--name", "two words", "--out", "w"), 1, "key name"),
        (("witness", "absent", "--home", "w", "--out", "o"), 2, "does not exist"),
        (("witness", "pyproject.toml", "--home", "w", "--out", "o"), 2, "gov witness new --name NAME --out w"),
        (("ledger", "request", "--since", "6", "--out", "o"), 1, "5 entries"),
        (("ledger", "request", "--since", "-1", "--out", "o"), 2, "-1"),
    ],
)
def test_wrong_use_is_met_with_words(home, arguments, code, says):
    assert says in told(*arguments, home=home, check=code).stderr
