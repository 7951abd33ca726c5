"""What the coverage matrix says without data is never contradicted by what planting finds, and tells the plain cases."""

import pytest

from gov_pipelines.policy.vacuous import can_fail

from .conftest import KINDS, control, declared, policy_of
from .test_vacuous import CANNOT_FAIL

NEEDS_PLANTING = {
    "a ratio above what any window can hold", "a difference so near 1 that a day cannot show it",
    "a standardized difference larger than any", "a psi larger than any", "a share of copies larger than any",
    "a share of what is never missing", "a group that does not exist", "a reference group that nobody was ever in",
    "a stratum that does not exist", "a reference for another attribute", "one group only",
    "a smallest group above what is believed", "a reference still to come", "reads compared with themselves",
    "a window that is its own reference", "a day that may hold any number of rows", "a volume so small that none is unusual",
    "a freshness longer than several days",
    "the freshness of a document nobody dated", "a never-list that names nothing there is", "a deadline of a century",
    "a deadline from a moment to itself", "two names for one column", "an expectation without an end",
    "an expectation with null bounds", "an expectation about a metric nobody measures",
    "an expectation of what is never null", "every model approved",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_broken_is_not_called_unable(kind):
    (clause,) = policy_of(control(kind)).clauses
    assert can_fail(clause, declared())


@pytest.mark.parametrize("name", CANNOT_FAIL)
def test_what_can_be_told_without_data(name):
    tested, changes, _ = CANNOT_FAIL[name]
    (clause,) = policy_of(tested).clauses
    system = declared(**{key: value for key, value in changes.items() if key != "seen"})
    assert can_fail(clause, system) == (name in NEEDS_PLANTING)
