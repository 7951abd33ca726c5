"""The worked examples of the guidelines, the cases and the rule, each as it is printed. Whole numbers go in."""

import math
from datetime import date
from fractions import Fraction

import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.distributions.distances import stability_index
from gov_pipelines.measure.fairness.adverse_impact import (
    fisher_p,
    flip_flop,
    four_fifths,
    normal_p,
    odds_ratio,
    relative_rate_adverse,
    selections_to_four_fifths,
    shortfall,
    z_binomial,
    z_pooled,
)
from gov_pipelines.measure.fairness.bias_audit import impact_table, printed
from gov_pipelines.measure.fairness.published import PUBLISHED_COLUMNS, defects, published_rows
from gov_pipelines.measure.statistics.means import UNIT, Moments, mean_difference

# 29 CFR 1607, Questions and Answers


def test_question_11_four_fifths_of_the_highest_rate_and_exactly_80_percent_is_no_flag():
    white = (60, 100)
    flagged = {"American Indian": (45, 100), "Hispanic": (48, 100), "Black": (51, 100)}
    assert {name: four_fifths(*counts, *white) for name, counts in flagged.items()} == {
        "American Indian": True,
        "Hispanic": False,  # exactly 80 %
        "Black": False,
    }
    ratios = [Fraction(x, n) / Fraction(60, 100) for x, n in flagged.values()]
    assert ratios == [Fraction(3, 4), Fraction(4, 5), Fraction(17, 20)]


def test_question_12_and_the_paper_of_2023():
    example = (12, 40, 48, 80)
    assert Fraction(12, 40) / Fraction(48, 80) == Fraction(1, 2)
    assert four_fifths(*example)
    assert z_pooled(*example) == pytest.approx(-3.098387, abs=5e-7)
    assert normal_p(z_pooled(*example)) == pytest.approx(0.001946, abs=5e-7)
    assert fisher_p(*example)[0] == pytest.approx(0.003409222, abs=5e-10)
    assert odds_ratio(*example) == pytest.approx(0.285714, abs=5e-7)
    assert selections_to_four_fifths(*example) == 8
    assert shortfall(*example) == 8.0
    assert not flip_flop(*example)


def test_question_20_a_rates_alike_and_refusals_that_are_not():
    hispanic, others = (900, 1000), (960, 1000)
    assert Fraction(*hispanic) / Fraction(*others) == Fraction(9375, 10000)
    assert not four_fifths(*hispanic, *others)
    assert relative_rate_adverse(*hispanic, *others) == 2.5
    assert z_pooled(*hispanic, *others) < -2


def test_question_20_b_too_few_people_to_find_anything():
    women, men = (1, 10), (3, 20)
    assert Fraction(*women) / Fraction(*men) == Fraction(2, 3)
    assert four_fifths(*women, *men)
    assert fisher_p(*women, *men)[0] == pytest.approx(1.0)
    assert z_pooled(*women, *men) == pytest.approx(-0.380, abs=5e-4)
    assert flip_flop(*women, *men)


def test_question_21_one_more_hire_turns_the_difference_round():
    black, white = (3, 20), (16, 80)
    assert Fraction(*black) / Fraction(*white) == Fraction(3, 4)
    assert four_fifths(*black, *white)
    assert flip_flop(*black, *white)
    assert (Fraction(4, 20), Fraction(15, 80)) == (Fraction(20, 100), Fraction(1875, 10000))
    assert fisher_p(*black, *white)[0] == pytest.approx(0.7571, abs=5e-5)
    assert z_pooled(*black, *white) == pytest.approx(-0.510, abs=5e-4)


# Cases


@pytest.mark.parametrize(
    ("n", "x", "expected", "sd", "z"), [(870, 339, 688.2, 11.99, 29.1), (220, 100, 174.0, 6.03, 12.3)]
)
def test_castaneda_note_17(n, x, expected, sd, z):
    assert n * 0.791 == pytest.approx(expected, abs=0.05)
    assert math.sqrt(n * 0.791 * 0.209) == pytest.approx(sd, abs=0.005)
    assert -z_binomial(x, n, 0.791) == pytest.approx(z, abs=0.05)


@pytest.mark.parametrize(
    ("share", "years"),
    [
        (0.154, [(282, 10, 43.4, -5.51), (123, 5, 18.9, -3.48), (405, 15, 62.4, -6.52)]),
        (0.057, [(282, 10, 16.1, -1.56), (123, 5, 7.0, -0.78), (405, 15, 23.1, -1.73)]),
    ],
)
def test_hazelwood_notes_14_and_17_the_pool_decides(share, years):
    for n, x, expected, z in years:
        assert n * share == pytest.approx(expected, abs=0.05)
        assert z_binomial(x, n, share) == pytest.approx(z, abs=0.005)


def test_hazelwood_in_the_courts_words():
    for (n, x), more_than, less_than in zip([(282, 10), (123, 5), (405, 15)], [5, 3, 6], [2, 1, 2], strict=True):
        assert -z_binomial(x, n, 0.154) > more_than
        assert -z_binomial(x, n, 0.057) < less_than


# The rule of the Department of Consumer and Worker Protection, selection example

SEX = [("Male", 1390, 667), ("Female", 1181, 555)]
RACE = [
    ("Hispanic or Latino", 408, 204),
    ("White", 797, 412),
    ("Black or African American", 390, 170),
    ("Native Hawaiian or Pacific Islander", 119, 52),
    ("Asian", 616, 302),
    ("Native American or Alaska Native", 41, 18),
    ("Two or More Races", 213, 96),
]
BOTH = {
    "Hispanic or Latino": ((205, 90, ".841"), (190, 82, ".827")),
    "White": ((412, 215, "1.000"), (385, 197, ".981")),
    "Black or African American": ((226, 95, ".806"), (164, 75, ".876")),
    "Native Hawaiian or Pacific Islander": ((87, 37, ".815"), (32, 15, ".898")),
    "Asian": ((321, 167, ".997"), (295, 135, ".877")),
    "Native American or Alaska Native": ((24, 11, ".878"), (17, 7, ".789")),
    "Two or More Races": ((115, 55, ".917"), (98, 41, ".802")),
}
INTERSECTIONS = [
    (f"{race}; {sex}", n, x)
    for race, cells in BOTH.items()
    for sex, (n, x, _) in zip(("Male", "Female"), cells, strict=True)
]


def ratios(name, counts, digits, **options):
    return [printed(line.ratio, digits) for line in impact_table(name, counts, **options).lines]


def test_rule_by_sex():
    table = impact_table("sex", SEX, unknown=250)
    assert [printed(line.rate) for line in table.lines] == ["0.480", "0.470"]
    assert [printed(line.ratio) for line in table.lines] == ["1.000", "0.979"]
    assert (table.compared_with, table.unknown) == ("Male", 250)


def test_rule_by_race():
    lines = impact_table("race_ethnicity", RACE).lines
    assert [printed(line.rate, 2) for line in lines] == ["0.50", "0.52", "0.44", "0.44", "0.49", "0.44", "0.45"]
    assert [printed(line.ratio, 2) for line in lines] == ["0.97", "1.00", "0.84", "0.85", "0.95", "0.85", "0.87"]


def test_rule_by_race_and_sex():
    told = [ratio.rjust(5, "0") for cells in BOTH.values() for *_, ratio in cells]
    found = ratios("race_ethnicity; sex", INTERSECTIONS, 3)
    differ = {counts[0]: pair for counts, *pair in zip(INTERSECTIONS, found, told, strict=True) if pair[0] != pair[1]}
    # 55/115 over 215/412 is 0.91648. The rule prints .917, as one does who rounds twice: 0.9165, then up.
    assert differ == {"Two or More Races; Male": ["0.916", "0.917"]}
    assert ratios("race_ethnicity; sex", INTERSECTIONS, 4)[12] == "0.9165"


def test_rule_excludes_nobody_though_four_categories_are_below_2_percent():
    small = [
        line.category
        for counts in (RACE, INTERSECTIONS)
        for line in impact_table("a table", counts, exclude_under=Fraction(2, 100)).lines
        if line.excluded
    ]
    assert small == [
        "Native American or Alaska Native",
        "Native Hawaiian or Pacific Islander; Female",
        "Native American or Alaska Native; Male",
        "Native American or Alaska Native; Female",
    ]
    assert Fraction(41, sum(n for _, n, _ in RACE)) == Fraction(41, 2584)


def test_rule_cannot_come_from_one_set_of_rows():
    by_sex = {sex: [sum(cells[at][of] for cells in BOTH.values()) for of in (0, 1)] for at, sex in enumerate("MF")}
    assert by_sex == {"M": [1390, 670], "F": [1181, 552]}  # the sex table has 667 and 555
    by_race = {race: (sum(n for n, *_ in cells), sum(x for _, x, _ in cells)) for race, cells in BOTH.items()}
    differ = {race for race, n, x in RACE if by_race[race] != (n, x)}
    assert differ == {"Hispanic or Latino"}
    assert by_race["Hispanic or Latino"] == (395, 172)


# The same rule, scoring example. The table gives people scored and the share above the median.

SCORED_SEX = [("Male", 92, 50), ("Female", 76, 34)]
SCORED_RACE = [
    ("Hispanic or Latino", 28, 18),
    ("White", 40, 15),
    ("Black or African American", 32, 16),
    ("Native Hawaiian or Pacific Islander", 8, 5),
    ("Asian", 24, 10),
    ("Native American or Alaska Native", 16, 10),
    ("Two or More Races", 20, 10),
]


def test_rule_scoring_by_sex():
    lines = impact_table("sex", SCORED_SEX).lines
    assert [printed(line.rate) for line in lines] == ["0.543", "0.447"]
    assert [printed(line.ratio, 2) for line in lines] == ["1.00", "0.82"]


def test_rule_scoring_by_race():
    lines = impact_table("race_ethnicity", SCORED_RACE).lines
    # 18 of 28 is 64.29 %: the rule prints 64.2, cut off and not rounded
    assert [printed(line.rate) for line in lines] == ["0.643", "0.375", "0.500", "0.625", "0.417", "0.625", "0.500"]
    assert [printed(line.ratio, 2) for line in lines] == ["1.00", "0.58", "0.78", "0.97", "0.65", "0.97", "0.78"]


def test_rule_scoring_counts_are_those_of_a_median():
    for counts in (SCORED_SEX, SCORED_RACE):
        assert (sum(n for _, n, _ in counts), sum(x for _, _, x in counts)) == (168, 84)


# What published audits get wrong: each defect on a table built to show it.

FACTS = {"unknown": 250, "audit_date": "2026-06-01", "distribution_date": "2025-01-01"}
TODAY = date(2026, 11, 22)


def published(*tables, **changes):
    """A published table: (name, [(category, n, x)]) with everything that the rule asks for."""
    lines = [",".join(PUBLISHED_COLUMNS)]
    for name, counts in tables:
        for line in impact_table(name, counts).lines:
            cells = {"table": name, "category": line.category, "applicants": line.n, "selected": line.x} | FACTS
            cells |= {"rate": printed(line.rate), "impact_ratio": printed(line.ratio)}
            cells |= changes.get(line.category, {}) | changes.get("every", {})
            lines.append(",".join(str(cells.get(column, "")) for column in PUBLISHED_COLUMNS))
    return "\n".join(lines)


def rules(text, today=TODAY):
    return [each.rule for each in defects(published_rows(text), today)]


def test_a_sound_table_has_no_defect():
    assert rules(published(("sex", SEX), ("race_ethnicity", RACE))) == []
    assert rules(published(("sex", SCORED_SEX), ("race_ethnicity", SCORED_RACE))) == []


@pytest.mark.parametrize(
    ("defect", "changes"),
    [
        ("ratio_above_one", {"Female": {"impact_ratio": "1.25", "rate": "", "selected": ""}}),
        ("rate_is_not_its_counts", {"Female": {"rate": "52.1%"}}),
        ("more_selected_than_applied", {"Female": {"selected": "1200", "rate": "", "impact_ratio": "1.0"}}),
        ("identical_rows", {"Female": {"applicants": "1390", "selected": "667", "rate": "48.0%", "impact_ratio": "1"}}),
        ("unknown_missing", {"every": {"unknown": ""}}),
        ("distribution_date_missing", {"every": {"distribution_date": ""}}),
        ("exclusion_unjustified", {"Female": {"impact_ratio": "", "excluded": "yes"}}),
        ("audit_too_old", {"every": {"audit_date": "2025-11-21"}}),
        ("audit_date_missing", {"every": {"audit_date": ""}}),
        ("audit_date_ahead", {"every": {"audit_date": "2026-11-23"}}),
        ("audit_date_ahead", {"every": {"audit_date": "9999-12-31"}}),
    ],
)
def test_each_defect_is_found(defect, changes):
    assert defect in rules(published(("sex", SEX), **changes))


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"applicants": "\u00b2"}, "is not a whole number"),
        ({"applicants": "9" * 5000}, "is not a whole number"),
        ({"applicants": "-3"}, "is not a whole number"),
        ({"rate": "1e5"}, "is not a number"),
        ({"impact_ratio": "0." + "3" * 5000}, "is not a number"),
        ({"audit_date": "1 June"}, "is not a date"),
        ({"impact_ratio": "\0" + "x" * 200_000}, "is no"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_its_line(cells, says):
    with pytest.raises(WrongUse, match=says):
        published_rows(published(("sex", SEX), Female=cells))
    with pytest.raises(WrongUse, match="no column impact_ratio"):
        published_rows("table,category\nsex,Male\n")
    with pytest.raises(WrongUse, match="no row"):
        published_rows(",".join(PUBLISHED_COLUMNS))


def test_an_audit_holds_until_the_same_day_of_the_next_year():
    text = published(("sex", SEX), every={"audit_date": "2025-11-22"})
    assert rules(text, date(2026, 11, 22)) == []
    assert rules(text, date(2026, 11, 23)) == ["audit_too_old"]


def test_a_denominator_that_changes_inside_a_table():
    wrong = {"Asian": {"impact_ratio": printed(Fraction(302, 616) / Fraction(204, 408))}}
    assert rules(published(("race_ethnicity", RACE), **wrong)) == ["denominator_differs"]


def test_a_denominator_that_is_not_the_highest_rate():
    left_out = {"White": {"impact_ratio": "", "justification": "fewer than 2 percent", "excluded": "yes"}}
    second = {name: {"impact_ratio": printed(Fraction(x, n) / Fraction(204, 408))} for name, n, x in RACE} | left_out
    assert rules(published(("race_ethnicity", RACE), **second)) == []  # the highest of those not left out
    low = {name: {"impact_ratio": printed(Fraction(x, n) / Fraction(3, 5))} for name, n, x in RACE}
    assert rules(published(("race_ethnicity", RACE), **low)) == ["denominator_is_not_the_highest"]


def test_the_rules_own_example_sums_above_its_totals():
    found = defects(
        published_rows(published(("sex", SEX), ("race_ethnicity", RACE), ("race_ethnicity; sex", INTERSECTIONS))), TODAY
    )
    assert [(each.rule, each.problem.split(": ", 1)[1]) for each in found] == [
        ("intersections_exceed_total", "Male sums to 670 selected, above the 667 of sex")
    ]


def test_identical_rows_of_a_real_kind_and_small_ones_by_chance():
    large = [("Black; Female", 946_081, 384_014), ("Black; Male", 946_081, 384_014)]
    assert rules(published(("race; sex", large))) == ["identical_rows"]
    assert rules(published(("race; sex", [("a; b", 3, 1), ("a; c", 3, 1)]))) == []


# Drift, means


def test_population_stability_index():
    assert stability_index([10, 20, 30, 40], [25, 25, 25, 25]) == pytest.approx(0.22821741, abs=5e-9)


def moments(*values):
    return Moments(len(values), sum(values) * UNIT, sum(value * value for value in values) * UNIT**2)


@pytest.mark.parametrize(
    ("denominator", "expected"), [("pooled", -1.22474487), ("population", -1.15470054), ("reference", -0.96824584)]
)
def test_standardized_mean_difference(denominator, expected):
    p, r = moments(1, 2, 3, 4), moments(2, 4, 6, 8)
    assert p.mean - r.mean == Fraction(-5, 2)
    found = mean_difference(p, r, p + r, denominator)
    assert found.value == pytest.approx(expected, abs=5e-9)
