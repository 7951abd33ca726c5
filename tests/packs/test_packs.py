"""What the packs say of themselves: sources, confidence, versions, no threshold called law; and the page about them."""

import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from gov_pipelines.measure.fairness.bias_audit import impact_table, printed
from gov_pipelines.policy import in_force
from gov_pipelines.policy.kinds import Fairness

PAGE = (Path(__file__).parents[2] / "docs" / "packs.md").read_text()
EXPECTATIONS = Path(__file__).parents[2] / "expectations"
LAWS = ("us-nyc-ll144", "us-employment-adverse-impact", "us-credit-adverse-action")
NIST = {
    *("GOVERN 1.1", "GOVERN 1.4", "GOVERN 1.5", "GOVERN 1.6", "GOVERN 2.1", "GOVERN 3.2", "GOVERN 6.1"),
    *("MAP 1.1", "MAP 2.2", "MAP 3.5", "MAP 5.1", "MEASURE 1.1", "MEASURE 1.3", "MEASURE 2.1", "MEASURE 2.3"),
    *("MEASURE 2.4", "MEASURE 2.5", "MEASURE 2.8", "MEASURE 2.9", "MEASURE 2.10", "MEASURE 2.11", "MEASURE 2.13"),
    *("MEASURE 3.1", "MEASURE 3.3", "MEASURE 4.2", "MEASURE 4.3", "MANAGE 1.3", "MANAGE 2.2", "MANAGE 2.3"),
    *("MANAGE 2.4", "MANAGE 4.1", "MANAGE 4.2", "MANAGE 4.3"),
}
ISO = {
    f"A.{clause}.{item}"
    for clause, last in (
        ("2", 4),
        ("3", 3),
        ("4", 6),
        ("5", 5),
        ("6.1", 3),
        ("6.2", 8),
        ("7", 6),
        ("8", 5),
        ("9", 4),
        ("10", 4),
    )
    for item in range(2, last + 1)
}


@pytest.fixture
def clauses(packs):
    return [(policy, clause) for policy in packs.values() if policy.policy in LAWS for clause in policy.clauses]


def test_the_three_packs_are_there_and_one_has_two_versions(packs):
    assert {(name, version) for name, version in packs if name in LAWS} == {
        ("us-nyc-ll144", 1),
        ("us-employment-adverse-impact", 1),
        ("us-credit-adverse-action", 1),
        ("us-credit-adverse-action", 2),
    }


def test_every_clause_and_document_says_where_it_comes_from_and_how_sure_that_is(clauses):
    for policy, clause in clauses:
        for source in (clause.source, policy.document):
            told = (source.citation, source.status, source.confidence, source.last_verified)
            assert None not in told, (policy.policy, clause.id)


def test_no_threshold_of_a_rate_is_called_law(clauses):
    for policy, clause in clauses:
        control = clause.control
        if isinstance(control, Fairness) and (control.at_least is not None or control.at_most is not None):
            assert clause.source.status in {"guidance", "internal", "voluntary", "expired"}, (policy.policy, clause.id)


def test_local_law_144_has_no_pass_mark(packs):
    limits = [
        (clause.control.at_least, clause.control.at_most)
        for clause in packs["us-nyc-ll144", 1].clauses
        if isinstance(clause.control, Fairness)
    ]
    assert limits == [(None, None)] * 2


def test_the_effects_test_left_regulation_b_on_a_day_and_the_notices_stayed(packs):
    policies = list(packs.values())
    before, after = (in_force(policies, LAWS[2], day) for day in (date(2026, 7, 20), date(2026, 7, 21)))
    assert (before.version, after.version) == (1, 2)
    differ = {one.id for one, other in zip(before.clauses, after.clauses, strict=True) if one != other}
    assert differ == {"C-13", "C-14", "C-15"}
    for one, other in zip(before.clauses, after.clauses, strict=True):
        assert (one.text, one.control, one.tags) == (other.text, other.control, other.tags)
    assert {clause.source.status for clause in after.clauses if clause.id in differ} == {"internal"}


def test_the_control_that_a_comment_offers_can_be_used(packs):
    text = (EXPECTATIONS / "packs" / "us-employment-adverse-impact.yaml").read_text()
    offered = YAML(typ="safe", pure=True).load(re.search(r"# (control: .*)", text)[1])
    assert Fairness.model_validate(offered["control"]).metric == "availability_z"


def test_tags_name_items_of_the_two_catalogs_and_stand_in_the_crosswalk(clauses):
    crosswalk = PAGE.split("## Crosswalk")[1]
    rows = dict(re.findall(r"^\| ([A-Z][A-Za-z]* ?[\d.]+|A\.[\d.]+) [^|]*\| ([^|]*) \|", crosswalk, flags=re.MULTILINE))
    found = {}
    for policy, clause in clauses:
        assert set(clause.tags) <= {"nist-ai-rmf-1.0", "iso-42001-2023"}
        assert set(clause.tags.get("nist-ai-rmf-1.0", ())) <= NIST, (policy.policy, clause.id)
        assert set(clause.tags.get("iso-42001-2023", ())) <= ISO, (policy.policy, clause.id)
        for tags in clause.tags.values():
            for tag in tags:
                found.setdefault(tag, set()).add(clause.id)
    assert {tag: set(re.split(r", ", cells)) for tag, cells in rows.items()} == found


def test_the_page_names_every_clause_and_what_stands_behind_it(clauses):
    for policy, clause in clauses:
        section = PAGE.split(f"## `{policy.policy}`")[1].split("\n## ")[0]
        row = re.search(rf"^\| {clause.id} \| .* \| (.*) \| (.*) \|$", section, flags=re.MULTILINE)
        assert row, clause.id
        control = clause.control
        behind = "gap" if not control and not clause.obligation else "people" if not control else control.kind
        assert row[1].startswith(f"`{behind}`" if control else behind), clause.id
        assert row[2] == clause.source.confidence, clause.id


CONTROL = {"kind": "fairness", "by": ["race"], "reference": {"race": "white"}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metric": "common_odds_ratio", "over": ["site"], "reference": None}, "compares with a declared group"),
        ({"metric": "common_odds_ratio"}, "`over` and common_odds_ratio belong together"),
        ({"metric": "impact_ratio", "over": ["site"]}, "`over` and common_odds_ratio belong together"),
        ({"metric": "standardized_mean_difference", "of": "score"}, "`denominator` and standardized_mean_difference"),
        ({"metric": "selection_rate", "of": "score"}, "`of` and standardized_mean_difference belong together"),
        ({"metric": "availability_z", "by": []}, "`availability` and availability_z belong together"),
        ({"metric": "availability_z", "availability": {"race": {"black": 0.1}}}, "leave `by` out"),
        ({"metric": "availability_z", "by": [], "availability": {"race": {"black": 10}}}, "less than 1"),
        ({"metric": "adverse_impact", "at_most": 0.9}, "never above 1"),
        ({"metric": "scoring_rate", "at_most": 1.2}, "can be held to 1.2"),
        ({"metric": "common_odds_ratio", "over": ["site"], "at_most": 0.9}, "would refuse equality"),
        ({"metric": "availability_z", "by": [], "availability": {"race": {"black": 0.1}}, "at_least": 2}, "below 0"),
        ({"metric": "availability_z", "by": [], "availability": {"race": {"black": 0.1}}, "at_most": -2}, "above 0"),
    ],
)
def test_a_control_that_cannot_mean_anything_is_refused(changes, says):
    with pytest.raises(ValidationError, match=re.escape(says)):
        Fairness.model_validate(CONTROL | changes)


COUNTS = [("large", 850, 425), ("middle", 135, 54), ("small", 15, 15)]


def test_a_category_left_out_is_not_compared_with():
    everyone = impact_table("t", COUNTS)
    assert (everyone.compared_with, [printed(line.ratio) for line in everyone.lines]) == (
        "small",
        ["0.500", "0.400", "1.000"],
    )
    without = impact_table("t", COUNTS, exclude_under=everyone.lines[1].share)
    assert (without.compared_with, [printed(line.ratio) for line in without.lines]) == ("large", ["1.000", "0.800", ""])
    assert [(line.excluded, line.n, line.x) for line in without.lines][2] == (True, 15, 15)


def test_what_the_two_percent_are_of_is_said_and_decides():
    known = impact_table("t", COUNTS, unknown=1000, exclude_under=Fraction(9, 100), base="known")
    assessed = impact_table("t", COUNTS, unknown=1000, exclude_under=Fraction(9, 100), base="assessed")
    assert [line.excluded for line in known.lines] == [False, False, True]
    assert [line.excluded for line in assessed.lines] == [False, True, True]
    assert (known.base, assessed.base) == ("known", "assessed")


def test_nobody_selected_or_nobody_there_has_no_ratio_and_no_zero():
    table = impact_table("t", [("a", 10, 0), ("b", 0, 0)])
    assert [(line.rate, line.ratio) for line in table.lines] == [(0, None), (None, None)]
    assert table.compared_with is None
