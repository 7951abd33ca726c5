"""Two systems adopt the packs: what is found on their data, night by night, and the tables of the law."""

import csv
import io
import json
from datetime import date
from fractions import Fraction

import pytest

PACK = {"LL": "us-nyc-ll144", "E": "us-employment-adverse-impact", "C": "us-credit-adverse-action"}


def of(verdicts, *clauses):
    return {clause: verdicts[f"{PACK[clause.split('-')[0]]}/{clause}"] for clause in clauses}


def measurements(adopted, system, clause):
    folder = adopted.root / "home" / "artifacts" / system / "2026-09-08"
    return json.loads((folder / "fairness_metrics.json").read_text())[f"{PACK[clause.split('-')[0]]}/{clause}"]


def test_the_packs_have_no_mistake_in_the_systems_that_adopt_them(adopted):
    done = adopted("lint", "--json")
    assert [each for each in json.loads(done.stdout) if "packs/" in each["file"]] == []


def test_local_law_144_reports_and_asks_for_its_documents(adopted):
    verdicts = adopted.verdicts("hiring")
    assert of(verdicts, "LL-1", "LL-2", "LL-3", "LL-4", "LL-8") == {
        "LL-1": "pass",
        "LL-2": "report_only",
        "LL-3": "report_only",
        "LL-4": "report_only",
        "LL-8": "missing",  # no date stands under `documents`
    }


def test_pooling_shows_a_gap_between_women_and_men_that_no_requisition_has(adopted):
    assert of(adopted.verdicts("hiring"), "E-2") == {"E-2": "fail"}
    pooled = {
        row["metric"]: row
        for row in measurements(adopted, "hiring", "E-2")
        if (row["group"] or {}).get("sex") == "Female"
    }
    assert pooled["adverse_impact"]["value"] < 0.7
    assert pooled["adverse_impact"]["p_adjusted"] < 1e-6
    assert (pooled["four_fifths_flag"]["value"], pooled["flip_flop"]["value"]) == (1, 0)
    assert pooled["selections_to_four_fifths"]["value"] > 10
    assert pooled["z_pooled"]["value"] < -2
    assert (
        pooled["fisher_mid_p"]["value"]
        < pooled["fisher_p"]["value"]
        == pytest.approx(pooled["adverse_impact"]["p_value"])
    )
    within = {row["metric"]: row for row in measurements(adopted, "hiring", "E-4") if row["group"] == {"sex": "Female"}}
    assert within["common_odds_ratio"]["lower"] < 1 < within["common_odds_ratio"]["upper"]
    assert within["odds_ratio_heterogeneity"]["p_value"] > 0.01


def test_credit_clauses_find_the_one_decision_that_breaks_each(adopted):
    verdicts = adopted.verdicts("lending")
    broken = ("C-1", "C-5", "C-6", "C-7", "C-10")
    assert of(verdicts, *broken) == dict.fromkeys(broken, "fail")
    assert of(verdicts, "C-2", "C-3") == {"C-2": "pass", "C-3": "not_applicable"}
    record = json.loads(adopted("gaps", "--json", check=0).stdout)
    outside = {cell["clause"]: cell["breaches"] for cell in record if cell["clause"] in broken[:4]}
    assert outside == dict.fromkeys(broken[:4], 1)


def test_a_counteroffer_has_ninety_days(adopted):
    explained = adopted("explain", "L3", "--system", "lending", "--json")
    text = explained.stdout
    assert "C-4" in text
    assert "pending" in text


def test_means_of_scores_are_held_against_the_reference_at_exact_sums(adopted):
    (row,) = (
        row
        for row in measurements(adopted, "lending", "C-15")
        if row["group"] == {"race_ethnicity": "Black or African American"}
    )
    with (adopted.root / "lending.csv").open() as file:
        rows = list(csv.DictReader(file))
    scores = {
        race: [int(each["score"]) for each in rows if each["race_ethnicity"] == race]
        for race in {r["race_ethnicity"] for r in rows}
    }
    everyone = [score for own in scores.values() for score in own]
    mean = Fraction(sum(everyone), len(everyone))
    sd = float(sum((score - mean) ** 2 for score in everyone) / len(everyone)) ** 0.5
    means = {race: sum(own) / len(own) for race, own in scores.items()}
    expected = (means["Black or African American"] - means["White"]) / sd
    assert row["value"] == pytest.approx(expected, abs=1e-12)
    assert row["n"] == len(scores["Black or African American"])
    assert of(adopted.verdicts("lending"), "C-15") == {"C-15": "fail"}


OPTIONS = (
    "--audit-date",
    "2026-10-01",
    "--distribution-date",
    "2025-06-01",
    "--source",
    "All applications, <own> records.",
)
SPAN = ("--from", "2026-09-07", "--until", "2026-09-09")


@pytest.fixture(scope="module")
def tables(adopted):
    out = adopted.root / "audit"
    done = adopted("bias-audit", "hiring", *SPAN, "--out", out, "--scores", *OPTIONS, check=0)
    assert "It prepares an audit; an independent auditor makes one." in done.stdout
    return out


def test_the_table_is_that_of_the_rows(adopted, tables):
    with (adopted.root / "hiring.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["outcome"] != "withdrawn"]
    women = [row for row in rows if row["sex"] == "Female"]
    men = [row for row in rows if row["sex"] == "Male"]
    selected = [sum(row["outcome"] == "advanced" for row in own) for own in (women, men)]
    table = list(csv.DictReader(io.StringIO((tables / "hiring-bias-audit.csv").read_text())))
    (line,) = (row for row in table if (row["kind"], row["category"]) == ("selection", "Female"))
    assert (int(line["applicants"]), int(line["selected"])) == (len(women), selected[0])
    ratio = Fraction(selected[0], len(women)) / Fraction(selected[1], len(men))
    assert float(line["impact_ratio"]) == pytest.approx(float(ratio), abs=5e-4)
    assert int(line["unknown"]) == len(rows) - len(women) - len(men)
    assert {row["table"] for row in table} == {"sex", "race_ethnicity", "sex; race_ethnicity"}


def test_at_most_half_score_above_the_median(adopted, tables):
    table = csv.DictReader(io.StringIO((tables / "hiring-bias-audit.csv").read_text()))
    scored = [row for row in table if (row["kind"], row["table"]) == ("scoring", "race_ethnicity")]
    assert sum(int(row["applicants"]) for row in scored) == 1200
    assert 560 < sum(int(row["selected"]) for row in scored) <= 600


def test_the_page_says_what_it_is_and_loads_nothing(tables):
    page = (tables / "hiring-bias-audit.html").read_text()
    assert "prepare a bias audit" in page
    assert "Nobody is named." in page
    assert "2025-06-01" in page
    assert "All applications, &lt;own&gt; records." in page
    assert "merging small cells is switched off for this page alone" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "compliant" not in page


def test_its_own_table_has_no_defect_and_a_changed_one_has(adopted, tables):
    file = tables / "hiring-bias-audit.csv"
    adopted("bias-audit", "--check", file, "--on", "2026-11-22", check=0)
    broken = tables / "broken.csv"
    broken.write_text(file.read_text().replace("2026-10-01", "2025-10-01"))
    found = json.loads(adopted("bias-audit", "--check", broken, "--on", "2026-11-22", "--json", check=1).stdout)
    assert [each["rule"] for each in found] == ["audit_too_old"]


def test_a_category_left_out_is_shown_with_the_reason(adopted):
    out = adopted.root / "excluded"
    left_out = ("--exclude-under", "0.05", "--justification", "Too few for a rate.")
    done = adopted("bias-audit", "hiring", *SPAN, "--out", out, *OPTIONS, *left_out, "--json", check=0)
    (race,) = (each for each in json.loads(done.stdout)["tables"]["selection"] if each["name"] == "race_ethnicity")
    small = {line["category"]: line for line in race["lines"] if line["excluded"]}
    assert [*small] == ["Two or More Races"]
    assert small["Two or More Races"]["ratio"] is None
    assert race["compared_with"] != "Two or More Races"
    text = (out / "hiring-bias-audit.csv").read_text()
    assert "yes,Too few for a rate." in text
    adopted("bias-audit", "--check", out / "hiring-bias-audit.csv", "--on", str(date(2026, 11, 22)), check=0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bias-audit", "hiring", *SPAN, "--out", "x"), "--audit-date, --distribution-date, --source"),
        (("bias-audit",), "SYSTEM"),
        (("bias-audit", "hiring", *SPAN, "--out", "x", *OPTIONS, "--exclude-under", "0.02"), "--justification"),
        (
            ("bias-audit", "hiring", *SPAN, "--out", "x", *OPTIONS, "--exclude-under", "2%", "--justification", "x"),
            "is not a share",
        ),
        (
            ("bias-audit", "hiring", *SPAN, "--out", "x", *OPTIONS, "--exclude-under", "2", "--justification", "x"),
            "2 % is 0.02",
        ),
        (
            ("bias-audit", "hiring", "--from", "2025-01-01", "--until", "2025-02-01", "--out", "x", *OPTIONS),
            "was audited",
        ),
        (("bias-audit", "hiring", *SPAN, "--out", "x", *OPTIONS, "--race", "race"), "race"),
        (("bias-audit", "--check", "hiring.csv"), "no column table, category"),
    ],
)
def test_wrong_use_is_told(adopted, arguments, says):
    assert says in adopted(*arguments, check=2).stderr
