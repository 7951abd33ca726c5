"""`gov metrics` on files of any kind: what it prints, that it agrees with fairlearn and the law's examples, what it refuses."""

import gzip
import json
import random
from datetime import date
from itertools import product

import numpy as np
import polars as pl
import pytest
from command import told
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import metrics

KEYS = [
    "system", "window_start", "window_end", "metric", "attribute", "group", "reference_group", "stratum", "value", "lower",
    "upper", "confidence", "n", "method", "p_value", "p_adjusted", "minimum_detectable", "note",
]  # fmt: skip


@pytest.fixture
def measure(tmp_path):
    def run(table, *options, kind="csv", **given):
        file = tmp_path / f"decisions.{kind}"
        table.write_csv(file) if kind == "csv" else table.write_parquet(file)
        asked = {"decision": "decision", "favorable": "yes", "protected": "race"} | given
        named = [part for name, value in asked.items() for part in (f"--{name.replace('_', '-')}", value)]
        done = told("metrics", file, *named, *options, "--json", home=tmp_path, check=0)
        return json.loads(done.stdout, parse_constant=pytest.fail), done.stderr

    return run


def value(rows, metric, group=None, attribute=("race",), stratum=None):
    return one(rows, metric, group, attribute, stratum)["value"]


def one(rows, metric, group=None, attribute=("race",), stratum=None):
    if isinstance(group, str):
        group = {attribute[0]: group}
    key = (metric, list(attribute), group, stratum)
    (found,) = [row for row in rows if (row["metric"], row["attribute"], row["group"], row["stratum"]) == key]
    return found


def people(counts):
    """A row a person, of (group, favorable, all)."""
    rows = [(group, "yes" if at < x else "no") for group, x, n in counts for at in range(n)]
    return pl.DataFrame(rows, schema=["race", "decision"], orient="row")


def test_each_row_has_exactly_the_documented_fields(measure):
    rows, warned = measure(people([("a", 30, 60), ("b", 20, 60)]))
    assert all(list(row) == KEYS for row in rows)
    assert all(row["system"] is row["window_start"] is row["window_end"] is row["stratum"] is None for row in rows)
    assert [row["group"] for row in rows if row["metric"] == "impact_ratio"].count(None) == 1
    assert one(rows, "demographic_parity_ratio")["reference_group"] == {"race": "a"}
    assert warned == ""


RATES = {
    "selection_rate": fairlearn.selection_rate,
    "true_positive_rate": fairlearn.true_positive_rate,
    "false_positive_rate": fairlearn.false_positive_rate,
    "true_negative_rate": fairlearn.true_negative_rate,
    "false_negative_rate": fairlearn.false_negative_rate,
}
GAPS = [
    f"{name}_{form}"
    for name, form in product(
        ("demographic_parity", "equalized_odds", "equal_opportunity", *RATES), ("difference", "ratio")
    )
]


def drawn(seed):
    """Decisions, labels, groups and weights, with every class in every group."""
    rng = np.random.default_rng(seed)
    n, groups = int(rng.integers(60, 400)), [f"g{at}" for at in range(rng.integers(2, 5))]
    told_apart = pl.DataFrame(list(product(groups, "fm", ("yes", "no"), ("1", "0"))), schema=list("rsdy"), orient="row")
    more = {"r": rng.choice(groups, n), "s": rng.choice(list("fm"), n)}
    more |= {"d": rng.choice(["yes", "no", "later"], n), "y": rng.choice(["1", "0"], n)}
    table = pl.concat([told_apart, pl.DataFrame({name: list(map(str, each)) for name, each in more.items()})])
    names = {"r": "race", "s": "sex", "d": "decision", "y": "label"}
    return table.rename(names).with_columns(weight=pl.Series(rng.random(len(table)) * 10.0 ** rng.integers(-3, 4)))


@pytest.mark.parametrize(("seed", "kind", "weighted"), [(0, "csv", False), (1, "parquet", True)])
def test_equal_to_fairlearn(measure, seed, kind, weighted):
    table = drawn(seed)
    options = ["--protected", "sex", "--intersections", *(["--weight", "weight"] if weighted else [])]
    rows, _ = measure(table, *options, label="label", label_positive="1", kind=kind)
    y, decision = (table["label"] == "1").to_numpy().astype(int), (table["decision"] == "yes").to_numpy().astype(int)
    weights = {"sample_weight": table["weight"].to_numpy()} if weighted else {}
    for names in (["race"], ["sex"], ["race", "sex"]):
        groups = table.select(pl.concat_str(names, separator="|")).to_series().to_numpy()
        frame = fairlearn.MetricFrame(
            metrics=RATES, y_true=y, y_pred=decision, sensitive_features=groups,
            sample_params=dict.fromkeys(RATES, weights),
        )  # fmt: skip
        for key, theirs in frame.by_group.iterrows():
            group = dict(zip(names, key.split("|"), strict=True))
            for metric in RATES:
                assert value(rows, metric, group, names) == pytest.approx(theirs[metric], abs=1e-9), (metric, group)
            assert one(rows, "selection_rate", group, names)["n"] == (groups == key).sum()
        for metric in GAPS:
            theirs = getattr(fairlearn, metric)(y, decision, sensitive_features=groups, **weights)
            assert value(rows, metric, None, names) == pytest.approx(theirs, abs=1e-9), (metric, names)
        ratios = frame.by_group["selection_rate"] / frame.by_group["selection_rate"].max()
        assert value(rows, "impact_ratio", None, names) == pytest.approx(ratios.min(), abs=1e-9)


def test_four_fifths_exactly_is_four_fifths(measure):
    """Questions and Answers on the Uniform Guidelines, 11: 80 % is no flag, so it must not become 0.7999."""
    selected = {"White": 60, "American Indian": 45, "Hispanic": 48, "Black": 51}
    rows, _ = measure(people([(group, x, 100) for group, x in selected.items()]))
    ratios = {group: value(rows, "impact_ratio", group) for group in selected}
    assert ratios == {"White": 1.0, "American Indian": 0.75, "Hispanic": 0.8, "Black": 0.85}
    assert value(rows, "impact_ratio") == 0.75


def test_the_commission_s_example_of_half_the_rate(measure):
    """Question 12: 48 of 80 against 12 of 40, Fisher's p 0.003409222."""
    rows, _ = measure(people([("White", 48, 80), ("Black", 12, 40)]), "--reference", "race=White")
    black = one(rows, "adverse_impact_ratio", "Black")
    assert (black["value"], black["reference_group"], black["n"]) == (0.5, {"race": "White"}, 40)
    assert black["p_value"] == pytest.approx(0.003409222, rel=1e-6)
    assert value(rows, "odds_ratio", "Black") == pytest.approx(0.285714, rel=1e-5)
    assert value(rows, "adverse_impact_ratio", "White") == 1
    assert value(rows, "demographic_parity_difference") == pytest.approx(0.3)
    reversed_, _ = measure(people([("White", 48, 80), ("Black", 12, 40)]), "--reference", "race=Black")
    assert value(reversed_, "adverse_impact_ratio", "White") == 2


CITY = [
    ("Hispanic or Latino", 204, 408, 0.97), ("White", 412, 797, 1.00), ("Black", 170, 390, 0.84), ("NHPI", 52, 119, 0.85),
    ("Asian", 302, 616, 0.95), ("Native American", 18, 41, 0.85), ("Two or more", 96, 213, 0.87),
]  # fmt: skip


def test_the_city_s_example_of_selections(measure):
    """Rules of the City of New York, title 6, 5-301: the printed ratios of its race table, people of no category apart."""
    table = people([(group, x, n) for group, x, n, _ in CITY] + [(None, 250, 250)])
    rows, warned = measure(table)
    for group, x, n, ratio in CITY:
        assert value(rows, "selection_rate", group) == x / n
        assert round(value(rows, "impact_ratio", group), 2) == ratio
    assert value(rows, "selection_rate", {"race": None}) == 1
    assert value(rows, "impact_ratio") == min(value(rows, "impact_ratio", group) for group, *_ in CITY)
    assert one(rows, "impact_ratio")["n"] == 2584
    assert "race" not in warned


def test_the_city_s_example_of_scores(measure):
    """The same, its scoring table: counts above the median of everyone, and the ratios printed."""
    above = {"Male": (50, 92, 1.00), "Female": (34, 76, 0.82)}
    rows = [(sex, 1 if at < x else 0, "no") for sex, (x, n, _) in above.items() for at in range(n)]
    table = pl.DataFrame(rows, schema=["sex", "score", "decision"], orient="row")
    found, _ = measure(table, protected="sex", favorable="no", score="score")
    for sex, (x, n, ratio) in above.items():
        assert value(found, "scoring_rate", sex, ["sex"]) == x / n
        assert round(value(found, "scoring_impact_ratio", sex, ["sex"]), 2) == ratio
    assert round(value(found, "scoring_impact_ratio", None, ["sex"]), 2) == 0.82


def test_scores_of_small_files_are_not_rounded(measure):
    rng = np.random.default_rng(3)
    label, score = rng.integers(0, 2, 300), rng.random(300)
    table = pl.DataFrame({"race": rng.choice(list("ab"), 300), "score": score, "label": label})
    table = table.with_columns(decision=pl.when(pl.col("score") > 0.5).then(pl.lit("yes")).otherwise(pl.lit("no")))
    rows, _ = measure(table, score="score", label="label", label_positive="1")
    for race in "ab":
        own = (table["race"] == race).to_numpy()
        for metric in (
            sklearn.roc_auc_score,
            sklearn.log_loss,
            sklearn.brier_score_loss,
            sklearn.average_precision_score,
        ):
            theirs = metric(label[own], score[own])
            assert value(rows, metric.__name__, race) == pytest.approx(theirs, abs=1e-12)
    many = pl.DataFrame({"race": [f"g{at}" for at in range(60)] * 2, "score": [1, 2] * 60, "decision": ["yes"] * 120})
    rows, _ = measure(many, score="score", stratify="score")
    assert value(rows, "mean_score", None, []) == 1.5
    assert "more than 40 groups" in one(rows, "mean_score")["note"]


def test_the_median_is_of_everyone_scored_and_a_score_on_it_is_not_above(measure):
    table = pl.DataFrame(
        {
            "race": ["a", "a", "b", "b", None, "a", "b"],
            "score": [1.0, 2.0, 2.0, 3.0, 0.0, 9.0, None],
            "decision": ["yes", "no", "no", "yes", "no", None, "no"],
        }
    )
    rows, _ = measure(table, score="score")
    assert [value(rows, "scoring_rate", {"race": race}) for race in ("a", "b", None)] == [0, 0.5, 0]
    assert one(rows, "scoring_rate", "a")["n"] == 2
    assert "1 without a score or decision" in one(rows, "scoring_rate", "b")["note"]


def test_what_is_missing_or_undecided_is_left_out_and_counted(measure):
    table = pl.DataFrame(
        {
            "race": ["a"] * 6 + ["b"] * 4 + [None] * 3,
            "decision": ["yes", "no", "other", "later", None, "yes", "yes", "no", "no", "yes", "yes", "yes", "yes"],
            "label": ["1", "0", None, "1", "1", "0", "1", None, "1", "1", "0", "1", "1"],
        }
    )
    rows, _ = measure(table, undecided="later", label="label", label_positive="1")
    a, b, unknown = (one(rows, "selection_rate", {"race": race}) for race in ("a", "b", None))
    assert [(row["value"], row["n"]) for row in (a, b, unknown)] == [(0.5, 4), (0.5, 4), (1.0, 3)]
    assert a["note"] == "2 without a decision or undecided left out"
    assert (value(rows, "demographic_parity_difference"), one(rows, "demographic_parity_difference")["n"]) == (0, 8)
    accuracy = one(rows, "accuracy", "a")
    assert (accuracy["value"], accuracy["n"]) == (2 / 3, 3)
    assert accuracy["note"] == "2 without a decision or undecided left out; 1 without a label left out"
    assert one(rows, "impact_ratio")["reference_group"] != {"race": None}


def test_strata_are_told_apart_and_then_together(measure):
    """Within either stratum the groups fare alike; over both, one looks worse."""
    cells = [("a", "p", 40, 50), ("b", "p", 8, 10), ("a", "q", 2, 10), ("b", "q", 10, 50)]
    rows = [(g, s, "yes" if at < x else "no") for g, s, x, n in cells for at in range(n)]
    table = pl.DataFrame([*rows, ("b", None, "yes")], schema=["race", "branch", "decision"], orient="row")
    found, _ = measure(table, stratify="branch")
    for branch, rate in (("p", 0.8), ("q", 0.2)):
        at = {"branch": branch}
        assert [value(found, "selection_rate", race, stratum=at) for race in "ab"] == [rate, rate]
        assert value(found, "impact_ratio", stratum=at) == 1
    assert value(found, "selection_rate", "b", stratum={"branch": None}) == 1
    assert value(found, "impact_ratio") < 0.5
    common = one(found, "common_odds_ratio", "b")
    assert (common["value"], common["p_value"]) == (pytest.approx(1), pytest.approx(1))
    assert value(found, "conditional_demographic_disparity", "b") == pytest.approx(0)


def test_values_compare_as_text_whatever_type_a_column_has(measure):
    table = pl.DataFrame(
        {
            "race": pl.Series([1, 1, 2, 2], dtype=pl.Int8),
            "decision": [True, False, True, True],
            "label": [1.0, 0.0, 1.0, 0.0],
            "day": [date(2026, 1, 1)] * 2 + [date(2026, 1, 2)] * 2,
            "kind": pl.Series(["x", "x", "y", "y"], dtype=pl.Categorical),
        }
    )
    options = [*("--protected", "day"), *("--protected", "kind"), *("--reference", "race=1")]
    rows, _ = measure(table, *options, favorable="True", label="label", label_positive="1", kind="parquet")
    assert [value(rows, "selection_rate", race) for race in "12"] == [0.5, 1]
    assert value(rows, "adverse_impact_ratio", "2") == 2
    assert value(rows, "true_negative_rate", "1") == 1
    assert value(rows, "selection_rate", "2026-01-01", ["day"]) == value(rows, "selection_rate", "x", ["kind"]) == 0.5
    texts, _ = measure(pl.DataFrame({"race": ["01", "1"], "decision": ["1.0", "1"]}), favorable="1")
    assert [value(texts, "selection_rate", race) for race in ("01", "1")] == [0, 1]


def test_ten_thousand_groups_and_columns_of_nothing_are_answered(measure):
    many = pl.DataFrame({"race": [f"g{at % 10_000}" for at in range(30_000)], "decision": ["yes", "no", "no"] * 10_000})
    rows, _ = measure(many)
    assert sum(row["metric"] == "selection_rate" for row in rows) == 10_000
    assert one(rows, "impact_ratio")["value"] is not None
    nothing = pl.DataFrame(
        {name: pl.Series([None] * 5, dtype=pl.String) for name in ("race", "decision", "label", "score")}
    )
    for table, kind in ((nothing, "csv"), (nothing, "parquet"), (nothing.with_columns(decision=pl.lit("yes")), "csv")):
        options = {"label": "label", "label_positive": "1", "score": "score", "weight": "score", "kind": kind}
        rows, _ = measure(table, "--reference", "race=a", **options)
        assert value(rows, "impact_ratio") is None
        assert all(row["note"] for row in rows if row["value"] is None)


def test_warnings_come_first_and_say_what_to_do(tmp_path):
    rows = [("a", "yes", "0")] * 60 + [("a", "no", "1")] * 60 + [("b", "yes", "1")] * 5 + [(None, "no", None)] * 40
    file = tmp_path / "loans.csv"
    pl.DataFrame(rows, schema=["race", "decision", "label"], orient="row").write_csv(file)
    options = ["--decision", "decision", "--favorable", "yes", "--protected", "race", "--label", "label"]
    text = told("metrics", file, *options, "--label-positive", "1", home=tmp_path, check=0).stdout
    warnings, table = text.split("\n\n", 1)
    for words in ("Polarity looks reversed", "one class only", "tiny group sets the bar", "race is missing in 24%"):
        assert words in warnings
    assert "The label is missing in 24%" in warnings
    assert table.splitlines()[1].split()[:3] == ["a", "120", "0.500"]
    assert "The impact ratio by race is 0.500 (95 % interval" in table
    assert "true positive, at worst and best" in table
    nobody = pl.DataFrame({"race": ["a", "b"], "decision": ["no", "no"]})
    nobody.write_csv(file)
    text = told("metrics", file, *options[:6], home=tmp_path, check=0).stdout
    assert "No decision is favorable" in text
    assert "No impact ratio: undefined" in text
    assert "tiny group" not in text


ASKED = ("--decision", "decision", "--favorable", "yes", "--protected", "race")
GOOD = "race,decision,score\na,yes,1\nb,no,2\n"
REFUSED = {
    "no such column": (GOOD, ("--label", "paid", "--label-positive", "1"), "no column `paid`"),
    "a near miss": (GOOD.replace("race", "races"), (), "Did you mean `races`?"),
    "a value that is nowhere": (
        GOOD.replace("yes", "granted"),
        (),
        "`decision` never holds yes. It holds granted, no.",
    ),
    "a value in other letters": ("race,decision\na,YES\n", (), "It holds YES."),
    "one of two in other letters": (GOOD, ("--favorable", "No"), "`decision` never holds No. It holds no."),
    "undecided in other letters": (GOOD, ("--undecided", "NO"), "`decision` never holds NO. It holds no."),
    "favorable and undecided": (GOOD, ("--undecided", "yes"), "yes cannot be both"),
    "a label that is nowhere": (GOOD, ("--label", "score", "--label-positive", "t"), "`score` never holds t."),
    "a reference that is nowhere": (GOOD, ("--reference", "race=c"), "`race` never holds c. It holds a, b."),
    "a reference without a value": (GOOD, ("--reference", "race"), "write COL=VALUE"),
    "a reference of no group": (GOOD, ("--reference", "score=1"), "score: "),
    "two references": (GOOD, ("--reference", "race=a", "--reference", "race=b"), "one group of a protected column"),
    "a column that counts have": (GOOD.replace("score", "weight"), ("--protected", "weight"), "can be called weight"),
    "a stratum that is a group": (GOOD, ("--stratify", "race"), "race: strata are other columns"),
    "words for a score": (GOOD.replace("2", "two"), ("--score", "score"), "`score` holds 1 values that are no numbers"),
    "a weight below nothing": (GOOD.replace("2", "-2"), ("--weight", "score"), "score holds -2"),
    "a label without its value": (GOOD, ("--label", "score"), "belong together"),
    "no confidence": (GOOD, ("--confidence", "95"), "A confidence of 95 says nothing"),
    "an empty file": ("", (), "is empty"),
    "a header alone": ("race,decision\n", (), "has a header and no rows"),
    "a torn quote": (GOOD + 'a,"yes,3\n', (), "quote"),
    "a zero byte": (GOOD + "a,y\0s,3\n", (), "zero bytes"),
    "a short row": (GOOD + "a\n", (), "line 4: 1 fields"),
    "a column twice": ("race,decision,race\na,yes,b\n", (), "more than one column `race`"),
    "a packed file": (gzip.compress(GOOD.encode()), (), "is compressed (gzip). Unpack it"),
    "a workbook": (b"PK\x03\x04 and more", (), "is a zip archive, or a workbook"),
    "lines that end as they once did": (GOOD.replace("\n", "\r"), (), "ends its lines with CR alone"),
    "another encoding": (GOOD.replace("b", "ü").encode("latin-1"), (), "not UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_use_ends_with_two_and_one_sentence(tmp_path, name):
    content, options, words = REFUSED[name]
    file = tmp_path / "decisions.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = told("metrics", file, *ASKED, *options, "--json", home=tmp_path, check=2)
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_odds_within_strata_pay_for_every_pair_that_could_have_been_chosen(measure):
    counts = [("a", 34, 60), ("b", 20, 60), ("c", 27, 60), ("d", 30, 60)]
    table = people(counts).with_columns(site=pl.Series(["x", "y"] * 120))
    chosen, _ = measure(table, stratify="site")
    named, _ = measure(table, "--reference", "race=a", stratify="site")
    for group in "bcd":
        row, plain = (one(rows, "common_odds_ratio", group) for rows in (chosen, named))
        assert row["reference_group"] == plain["reference_group"] == {"race": "a"}
        assert row["p_adjusted"] == pytest.approx(min(6 * row["p_value"], 1))
        assert "Bonferroni over 6 pairs of groups" in row["method"]
        assert row["lower"] < plain["lower"] < plain["value"] < plain["upper"] < row["upper"]
    lowest = one(named, "common_odds_ratio", "b")
    assert lowest["p_adjusted"] == pytest.approx(3 * lowest["p_value"])


def test_not_a_number_is_a_missing_value(measure):
    table = people([("a", 30, 60), ("b", 20, 60)]).with_columns(label=pl.Series([1.0, float("nan")] * 60))
    table = table.with_columns(race=pl.Series([1.0] * 60 + [2.0] * 40 + [float("nan")] * 20))
    rows, _ = measure(table, kind="parquet", label="label", label_positive="1")
    assert [one(rows, metric, "1.0")["value"] for metric in ("base_rate", "labelled_rate")] == [1, 0.5]
    assert one(rows, "selection_rate", {"race": None})["n"] == 20


def test_scores_that_are_true_or_dates(measure, tmp_path):
    table = people([("a", 30, 60), ("b", 20, 60)]).with_columns(score=pl.Series([True, False, False] * 40))
    rows, _ = measure(table, kind="parquet", score="score")
    assert value(rows, "scoring_rate", "a") == pytest.approx(1 / 3)
    table.with_columns(score=pl.lit(date(2026, 1, 1))).write_parquet(tmp_path / "dates.parquet")
    done = told("metrics", tmp_path / "dates.parquet", *ASKED, "--score", "score", home=tmp_path, check=2)
    assert "`score` holds Date and no numbers" in done.stderr


def test_the_surest_interval_is_a_number(measure):
    rows, _ = measure(people([("a", 30, 60), ("b", 20, 60)]), confidence="0.9999999999999999")
    assert one(rows, "selection_rate", "a")["lower"] is not None


def test_parquet_torn_within_is_refused_when_its_rows_are_read(tmp_path):
    file = tmp_path / "decisions.parquet"
    pl.DataFrame({"race": ["a", "b"] * 5_000, "decision": ["yes", "no"] * 5_000}).write_parquet(file)
    whole = file.read_bytes()
    file.write_bytes(b"PAR1" + random.Random(5).randbytes(60) + whole[64:])
    done = told("metrics", file, *ASKED, home=tmp_path, check=2)
    assert "cannot be read as Parquet" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_many_values_are_not_listed(tmp_path):
    file = tmp_path / "decisions.csv"
    file.write_text("race,decision\n" + "".join(f"a,person {at}\n" for at in range(11)))
    done = told("metrics", file, *ASKED, home=tmp_path, check=2)
    assert "It holds 11 other values." in done.stderr
    assert "person" not in done.stderr


def test_a_group_too_small_is_shown_and_sets_no_bar(measure):
    table = people([("a", 240, 400), ("b", 70, 200), ("c", 14, 16), (None, 15, 30)]).with_columns(
        score=pl.Series([1, 2] * 323)
    )
    rows, warned = measure(table, score="score", min_group_size="30")
    assert "tiny group" not in warned
    assert value(rows, "selection_rate", "c") == 0.875
    for metric in (
        "impact_ratio",
        "demographic_parity_difference",
        "matthews_correlation_difference",
        "base_rate_variance",
    ):
        assert all("c (16)" in row["note"] for row in rows if row["metric"] == metric and row["group"] is None)
    gap = one(rows, "demographic_parity_difference")
    assert (gap["value"], gap["n"], gap["reference_group"]) == (pytest.approx(0.25), 600, {"race": "a"})
    assert gap["note"].startswith("b lowest, a highest; 30 of unknown race not among them; fewer than 30")
    small = one(rows, "impact_ratio", "c")
    assert (small["p_value"], small["note"]) == (None, "16, fewer than 30: listed, not tested")
    assert value(rows, "selection_rate_group_max") == 0.6
    assert one(rows, "mean_score_difference")["n"] == 600
    named, _ = measure(table, "--reference", "race=c", min_group_size="30")
    assert all(row["value"] is None and row["note"] for row in named if row["metric"] == "adverse_impact_ratio")
    every, warned = measure(table)
    assert one(every, "impact_ratio")["reference_group"] == {"race": "c"}
    assert "--min-group-size 30" in warned


def test_the_worst_slice_is_the_worst_of_those_large_enough(measure):
    table = people([("a", 60, 100), ("b", 40, 100), ("c", 0, 5)])
    table = table.with_columns(sex=pl.Series(["f", "m"] * 102 + ["f"]))
    rows, _ = measure(table, "--protected", "sex", "--intersections", min_group_size="30")
    (worst,) = [row for row in rows if row["metric"] == "worst_selection_rate"]
    assert (worst["attribute"], worst["group"], worst["value"]) == (["race"], {"race": "b"}, 0.4)
    assert worst["note"] == "the worst of 8 slices of 30 rows or more"
    assert worst["lower"] < one(rows, "selection_rate", "b")["lower"]
    rows, _ = measure(table, min_group_size="500")
    assert not [row for row in rows if row["metric"].startswith("worst")]


def test_weights_of_one_change_nothing(measure):
    table = people([("a", 30, 60), ("b", 20, 60)]).with_columns(ones=1.0, site=pl.Series(["x", "y"] * 60))
    assert measure(table, weight="ones", stratify="site") == measure(table, stratify="site")


def test_what_is_missing_leaves_a_range_open(measure):
    table = people([("a", 30, 60), ("b", 20, 60)]).with_columns(
        label=pl.Series(["1", "0", None] * 40), decision=pl.when(pl.int_range(120) % 10 > 0).then("decision")
    )
    rows, _ = measure(table, label="label", label_positive="1")
    own = table.filter(race="a")
    for metric, known in (("selection_rate", own["decision"].count()), ("accuracy", None)):
        found = one(rows, f"{metric}_bounds", "a")
        assert found["lower"] < found["value"] < found["upper"]
        assert (found["value"], found["confidence"]) == (value(rows, metric, "a"), None)
        if known:
            favored = (own["decision"] == "yes").sum()
            assert (found["lower"], found["upper"]) == (favored / 60, (favored + 60 - known) / 60)
            assert found["note"] == f"{60 - known} without a decision"
    whole, _ = measure(people([("a", 30, 60), ("b", 20, 60)]))
    assert not [row for row in whole if row["metric"].endswith("_bounds")]


def test_rates_in_everybody_s_strata(measure):
    """Berkeley's: in each department both fare alike, and more women ask where few are admitted."""
    cells = [
        ("w", "hard", 20, 100),
        ("m", "hard", 4, 20),
        ("w", "easy", 16, 20),
        ("m", "easy", 80, 100),
        ("x", "easy", 3, 4),
    ]
    rows = [(g, s, "yes" if at < x else "no") for g, s, x, n in cells for at in range(n)]
    table = pl.DataFrame(rows, schema=["race", "branch", "decision"], orient="row")
    found, _ = measure(table, stratify="branch", min_group_size="10")
    for group in "wm":
        row = one(found, "standardized_selection_rate", group)
        assert row["value"] == pytest.approx(0.5)
        assert row["lower"] < 0.5 < row["upper"]
        assert "100% of decisions" in row["note"]
    none, _ = measure(table, stratify="branch")
    assert "have every group: 51%" in one(none, "standardized_selection_rate", "w")["note"]


def test_odds_of_nobody_have_an_upper_end(measure):
    table = people([("a", 30, 60), ("b", 0, 60)]).with_columns(site=pl.Series(["x", "y"] * 60))
    odds = one(measure(table, stratify="site")[0], "common_odds_ratio", "b")
    assert odds["value"] == odds["lower"] == 0 < odds["upper"] < 1


def test_people_who_override_move_groups(measure):
    cells = [
        ("a", "yes", "yes", 60),
        ("a", "no", "no", 40),
        ("b", "yes", "yes", 30),
        ("b", "yes", "no", 30),
        ("b", "no", "no", 40),
    ]
    rows = [(g, then, now) for g, then, now, n in cells for _ in range(n)] + [("b", None, "yes")]
    table = pl.DataFrame(rows, schema=["race", "proposed", "decision"], orient="row")
    found, _ = measure(table, proposed="proposed")
    assert [value(found, "override_rate", race) for race in "ab"] == [0, 0.3]
    assert value(found, "proposed_selection_rate", "b") == 0.6
    assert one(found, "override_rate", "b")["note"] == "1 without a proposal left out"
    effect = one(found, "override_effect", "b")
    assert effect["value"] == pytest.approx(-0.3)
    assert effect["lower"] < -0.3 < effect["upper"] < 0
    named, _ = measure(table, "--reference", "race=b", proposed="proposed")
    assert value(named, "override_effect", "a") == pytest.approx(0.3)
    assert one(named, "override_effect", "a")["reference_group"] == {"race": "b"}


def test_parity_is_shown_or_not(measure):
    many, few = ([("a", 50 * n, 100 * n), ("b", 49 * n, 100 * n), ("c", 51 * n, 100 * n)] for n in (10, 1))
    shown = one(measure(people(many), equivalence="0.8")[0], "selection_rate_equivalence")
    assert "is shown at 95 %" in shown["note"]
    assert (shown["p_value"] < 0.001, shown["value"]) == (True, pytest.approx(49 / 51))
    named = one(measure(people(many), "--reference", "race=a", equivalence="0.8")[0], "selection_rate_equivalence")
    assert (named["value"], named["reference_group"]) == (pytest.approx(0.98), {"race": "a"})
    unsure = one(measure(people(few), equivalence="0.9")[0], "selection_rate_equivalence")
    assert "is not shown at 95 %" in unsure["note"]
    assert one(measure(people([("a", 1, 2)]), equivalence="0.9")[0], "selection_rate_equivalence")["value"] is None


def test_the_page_says_who_is_lower_and_of_whom_intervals_are(tmp_path):
    file = tmp_path / "loans.csv"
    table = people([("a", 30, 60), ("b", 20, 60), (None, 10, 20)]).with_columns(score=pl.Series([1, 2] * 70))
    table.write_csv(file)
    text = told("metrics", file, *ASKED, "--score", "score", home=tmp_path, check=0).stdout
    assert "b lowest, a highest; 20 of unknown race not among them." in text
    assert "whichever groups truly have it" in text
    assert "everyone" not in text
    assert "The mean score is 1.5" in text


def test_columns_that_are_no_text_are_refused():
    things = pl.Series("race", [object(), object()], dtype=pl.Object)
    for race in (things, pl.Series("race", [[1], [2]]), pl.Series("race", [{"x": 1}, {"x": 2}])):
        table = pl.DataFrame([race, pl.Series("decision", ["yes", "no"])])
        with pytest.raises(WrongUse, match=r"`race` holds .*does not compare as text"):
            metrics(table, decision="decision", favorable=["yes"], protected=["race"])
