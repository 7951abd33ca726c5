"""`gov drift` on files: what it prints, and how it refuses."""

import json

import polars as pl
import pytest
from command import told

THEN = "id,income,city,action\n" + "".join(f"{n},{1000 + n % 97},{'ab'[n % 2]},{'yn'[n % 3 > 0]}\n" for n in range(400))
NOW = THEN.replace(",10", ",19").replace(",a,", ",c,")


@pytest.fixture
def files(tmp_path):
    paths = tmp_path / "then.csv", tmp_path / "now.csv"
    for path, text in zip(paths, (THEN, NOW), strict=True):
        path.write_text(text)
    return paths


def test_every_column_in_a_line_or_as_measurements(files, tmp_path):
    sizes, *said = told("drift", *files, home=tmp_path, check=0).stdout.splitlines()
    assert sizes == "400 rows now, against 400 of reference"
    assert [line.split()[0] for line in said] == ["id", "income", "city", "action"]
    assert "ks 1 " in said[1]
    assert "psi 0 " in said[3]
    rows = json.loads(told("drift", *files, "--json", "--per", "action", home=tmp_path, check=0).stdout)
    assert {row["attribute"][0] for row in rows} == {"id", "income", "city", "action"}
    city = next(
        row for row in rows if (row["attribute"], row["metric"], row["group"]) == (["city"], "l_infinity", None)
    )
    assert city["value"] == 0.5
    assert city["system"] is None
    assert any(row["group"] == {"action": "y"} for row in rows)
    one = told("drift", *files, "--column", "income", "--category", "income", "--json", home=tmp_path, check=0).stdout
    assert "ks" not in {row["metric"] for row in json.loads(one)}


def test_what_is_not_compared_says_why_and_what_to_do(tmp_path):
    paths = tmp_path / "then.csv", tmp_path / "now.csv"
    rows = [f"n{n},{'ab'[n % 2]},{n}" for n in range(1001)]
    paths[0].write_text("\n".join(["id,city,x", *rows]) + "\n")
    paths[1].write_text("\n".join(["id,city,x", *(row.rpartition(",")[0] + "," for row in rows)]) + "\n")
    said = " ".join(told("drift", *paths, "--per", "city", home=tmp_path, check=0).stdout.split())
    assert "id not compared: more than 1,000 values" in said
    assert "name the column (--column)" in said
    assert "no ks, no wasserstein_normed: no rows in the window x, city b" in said
    ordered = told("drift", *paths, "--column", "city", "--metric", "ks", home=tmp_path, check=0).stdout
    assert "city  no ks: no number: its values have no order; take psi" in ordered


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--column", "colour"], "There is no column `colour`"),
        (["--metric", "kl"], "There is no metric `kl`"),
        (["--bins", "1"], "--bins"),
        (["--per", "decision"], "There is no column `decision`"),
    ],
)
def test_wrong_use_is_one_sentence(files, tmp_path, arguments, words):
    done = told("drift", *files, *arguments, home=tmp_path, check=2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_that_has_gone_silent_is_compared(tmp_path):
    table = pl.DataFrame({"x": [1, 2] * 30, "t": ["a", "b"] * 30, "b": [True, False] * 30})
    table.write_parquet(tmp_path / "then.parquet")
    table.with_columns(pl.lit(None).alias(name) for name in table.columns).write_parquet(tmp_path / "now.parquet")
    files = (tmp_path / "then.parquet", tmp_path / "now.parquet")
    rows = json.loads(told("drift", *files, "--metric", "l_infinity", "--json", home=tmp_path, check=0).stdout)
    assert [(row["attribute"], row["value"]) for row in rows] == [(["x"], 1), (["t"], 1), (["b"], 1)]
    assert told("drift", *files, "--confidence", "0.9999999999999999", home=tmp_path, check=2).stdout == ""


def test_a_file_that_is_none_is_refused(files, tmp_path):
    assert "There is no file" in told("drift", files[0], tmp_path / "absent.csv", home=tmp_path, check=2).stderr
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    assert "cannot be read" in told("drift", tmp_path / "torn.parquet", files[1], home=tmp_path, check=2).stderr
