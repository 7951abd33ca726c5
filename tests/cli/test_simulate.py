"""`gov simulate` writes a project that lints, audits and finds what was planted, to files or to a database."""

import json
import sqlite3

import polars as pl
import pytest
from command import let_go, told

PLANTED = ("new_model@2026-01-04:credit_001", "protected_read@2026-01-04:credit_001", "new_category@2026-01-05")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "sim"
    faults = [each for planted in PLANTED for each in ("--fault", planted)]
    asked = ("--to", "2026-01-04", "--systems", 2, "--late", 0.02)
    done = told("simulate", folder, *asked, *faults, "--json", home=folder / ".gov", check=0)
    return folder, json.loads(done.stdout)


def test_it_says_what_it_wrote_and_what_was_planted(simulated):
    folder, told = simulated
    truth = json.loads((folder / "truth.json").read_text())
    assert told["rows"] == sum(sum(days.values()) for days in truth["rows"].values()) > 2000
    assert told["synthetic"].startswith("Synthetic: ")
    assert [each["clause"] for each in truth["faults"]] == [f"simulated-credit/S-{clause}" for clause in (6, 4, 7)]
    assert truth["faults"][0]["systems"] == ["credit_001"]
    assert truth["faults"][2]["systems"] == ["credit_001", "credit_002"]
    assert "known" not in (folder / "assets" / "credit_001" / "defs.yaml").read_text()
    assert "synthetic:" in (folder / "assets" / "credit_001" / "defs.yaml").read_text()


def test_its_project_lints_and_audits_at_once_and_finds_what_was_planted(simulated):
    folder, _ = simulated
    said = told("lint", home=folder / ".gov", cwd=folder, check=0).stdout
    assert said == "No mistakes in 2 systems and their policies.\n"
    told("compile", "--check", home=folder / ".gov", cwd=folder, check=0)
    done = told("audit", "--all", "--date", "2026-01-04", "--json", home=folder / ".gov", cwd=folder, check=1)
    first, second = json.loads(done.stdout)
    failing = [control for control, verdict in first["verdicts"].items() if verdict in {"fail", "missing"}]
    assert failing == ["simulated-credit/S-4", "simulated-credit/S-6"]
    assert not {"fail", "missing"} & set(second["verdicts"].values())


def test_a_wider_draw_and_a_later_look_leave_the_rows_as_they_were(simulated, tmp_path):
    folder, _ = simulated
    asked = ("--from", "2026-01-03", "--to", "2026-01-06", "--late", 0.02, "--known", "2026-01-31")
    told("simulate", tmp_path / "sim", *asked, home=tmp_path, check=0)
    one, other = (
        pl.read_parquet(root / "data" / "credit_001" / "2026-01-03-000.parquet") for root in (folder, tmp_path / "sim")
    )
    assert 0 < other.height - one.height < 0.05 * one.height  # what came late
    assert one.drop("repaid").equals(other.drop("repaid").join(one, on="application_id", how="semi"))


def test_the_same_rows_go_to_sqlite(simulated, tmp_path):
    folder, _ = simulated
    asked = ("--to", "2026-01-02", "--late", 0.02, "--known", "2026-01-04", "--to-env", "MADE_UP")
    environment = {"MADE_UP": "sqlite:///made up.db"}
    told("simulate", tmp_path / "sim", *asked, home=tmp_path, env=environment, check=0)
    files = pl.read_parquet(folder / "data" / "credit_001" / "2026-01-0[12]-000.parquet")
    with sqlite3.connect(tmp_path / "sim" / "made up.db") as database:
        rows = database.execute("SELECT application_id, amount FROM credit_001 ORDER BY 1").fetchall()
        (reads,) = database.execute("SELECT count(*) FROM credit_001_reads").fetchone()
    database.close()
    assert rows == files.select("application_id", "amount").sort("application_id").rows()
    assert reads > 100
    assert "MADE_UP" in (tmp_path / "sim" / "assets" / "credit_001" / "defs.yaml").read_text()
    environment["MADE_UP"] = "sqlite:///no/such/folder.db"
    assert "MADE_UP" in told("simulate", tmp_path / "sim", *asked, home=tmp_path, env=environment, check=3).stderr


def test_the_same_rows_go_to_postgresql_and_are_read_from_it(simulated, tmp_path, postgres):
    folder, _ = simulated
    environment = {"MADE_UP": postgres()}
    asked = ("--to", "2026-01-04", "--late", 0.02, "--to-env", "MADE_UP", "--fault", PLANTED[0])
    for _ in range(2):  # the second replaces the first
        told("simulate", tmp_path / "sim", *asked, home=tmp_path / "sim" / ".gov", env=environment, check=0)
    asked = ("audit", "credit_001", "--date", "2026-01-04", "--json")
    done = told(*asked, home=tmp_path / "sim" / ".gov", env=environment, cwd=tmp_path / "sim", check=1)
    let_go()
    (night,) = json.loads(done.stdout)
    assert night["verdicts"]["simulated-credit/S-6"] == "fail"
    log = pl.read_parquet(tmp_path / "sim/.gov/artifacts/credit_001/2026-01-04/decision_log.parquet")
    assert log.height == pl.read_parquet(folder / "data" / "credit_001" / "2026-01-04-000.parquet").height


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--fault", "rato@2026-01-01"], "Did you mean `ratio`?"),
        (["--fault", "ratio@2026-01-01:loans"], "the systems are credit_001 to credit_001"),
        (["--from", "2026-04-01"], "is after --to"),
        (["--to-env", "NO_SUCH_URL"], "NO_SUCH_URL is not set"),
    ],
)
def test_wrong_use_is_refused_in_words(tmp_path, asked, said):
    assert said in told("simulate", tmp_path / "sim", *asked, home=tmp_path, check=2).stderr


def test_a_project_of_somebody_is_never_overwritten(tmp_path):
    (tmp_path / "assets").mkdir()
    assert "did not write" in told("simulate", tmp_path, home=tmp_path, check=2).stderr
