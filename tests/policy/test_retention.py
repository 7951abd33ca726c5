"""How long decisions are kept, by what the policies say; and clashes that lint names."""

from datetime import date

import pytest
from projects import declared, house, write_project
from pydantic import ValidationError

from gov_pipelines.policy import keeping, lint, load_declaration, load_policies, retention_rules
from gov_pipelines.policy.document import Retention

DEFS = declared(
    "  source: {path: loans.csv}\n  outcomes: {favorable: [yes], unfavorable: [no]}\n  protected_attributes: {sex: {}}\n"
)
DAY = date(2026, 1, 31)


def rule(**said):
    return Retention.model_validate({"of": "decisions"} | said)


def clause(name, retention):
    return f"  - {{id: {name}, text: Kept so long., level: people, retention: {retention}}}\n"


def mistakes(tmp_path, *clauses):
    write_project(tmp_path, DEFS, house("".join(clauses)), key=False)
    return lint(tmp_path / "assets", tmp_path / "expectations")


def test_the_longest_minimum_and_the_shortest_maximum_count_in_calendar_months():
    rules = {
        "a": rule(keep="1 month"),
        "b": rule(keep="25 days", delete_after="2 years"),
        "c": rule(delete_after="7 years"),
    }
    kept = keeping(rules, rules, {"decided_at": DAY})
    assert (kept.retain_until, kept.minimum) == (date(2026, 2, 28), "a")
    assert (kept.delete_by, kept.maximum) == (date(2028, 1, 31), "b")
    assert kept.conflict is None
    assert not kept.ended(date(2028, 1, 30))
    assert kept.ended(date(2028, 1, 31))


def test_by_default_everything_is_kept():
    assert not keeping({}, {}, {}).ended(date.max)
    only_minimum = {"a": rule(keep="6 months")}
    assert not keeping(only_minimum, only_minimum, {"decided_at": DAY}).ended(date.max)


def test_a_minimum_above_a_maximum_is_a_conflict_and_nothing_ends():
    kept = keeping({"law/A": rule(keep="25 months")}, {"privacy/P": rule(delete_after="2 years")}, {"decided_at": DAY})
    assert kept.conflict == "privacy/P deletes by 2028-01-31 what law/A keeps until 2028-02-29"
    assert not kept.ended(date(2099, 1, 1))


def test_a_clock_that_has_not_begun_keeps_and_deletes_nothing():
    minimum, maximum = {"a": rule(keep="1 year", **{"from": "notice_sent_at"})}, {"b": rule(delete_after="7 years")}
    waiting = {"decided_at": DAY, "notice_sent_at": None}
    assert "its clock has begun" in keeping(minimum, maximum, waiting).conflict
    other_way = {"b": rule(delete_after="1 day", **{"from": "notice_sent_at"})}
    assert not keeping({}, other_way, waiting).ended(date(2099, 1, 1))


def test_versions_in_force_on_any_of_the_days_count(tmp_path):
    write_project(tmp_path, DEFS, house(clause("K", "{of: decisions, keep: 1 year}")), key=False)
    old = tmp_path / "expectations" / "house.yaml"
    newer = house(clause("L", "{of: decisions, keep: 2 years}"), version=2).replace("2026-01-01", "2026-06-01")
    old.write_text(old.read_text().replace("{from: 2026-01-01}", "{from: 2026-01-01, until: 2026-06-01}"))
    (tmp_path / "expectations" / "house2.yaml").write_text(newer)
    policies, _ = load_policies(tmp_path / "expectations")
    declaration = load_declaration(tmp_path / "assets" / "loans" / "defs.yaml")
    assert set(retention_rules(policies, declaration, [DAY])) == {"house/K"}
    assert set(retention_rules(policies, declaration, [DAY, date(2026, 7, 1)])) == {"house/K", "house/L"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "neither how long to `keep`"),
        ({"keep": "5 working days"}, "no span of dates"),
        ({"keep": "2 years", "delete_after": "1 year"}, "keeps for 2 years what it deletes after 1 year"),
        ({"keep": "12 months", "delete_after": "365 days"}, "keeps for 12 months"),  # in a leap year
        ({"keep": "1 year", "from": "yesterday"}, "not a known value"),
        ({"of": "everything", "keep": "1 year"}, "not a known value"),
    ],
)
def test_what_makes_no_sense_is_refused(said, words):
    with pytest.raises(ValidationError, match=words):
        rule(**said)


def test_lint_names_both_clauses_of_a_clash_and_the_line(tmp_path):
    (found,) = mistakes(
        tmp_path,
        clause("A", "{of: decisions, keep: 25 months}"),
        clause("B", "{of: decisions, delete_after: 2 years}"),
        clause("C", "{of: decisions, delete_after: 30 days, from: label_at}"),  # another clock: told when it is known
    )
    assert "deletes after 2 years what house/A keeps for 25 months" in str(found)
    assert found.line == 8, found


def test_lint_is_silent_where_minimum_and_maximum_agree(tmp_path):
    assert not mistakes(
        tmp_path, clause("A", "{of: decisions, keep: 2 years}"), clause("B", "{of: decisions, delete_after: 24 months}")
    )
