"""Every attack is caught by the rule that must catch it, with the means it says, and with all others together it is not.

`make attacks` runs them all, and prints the table that docs/attacks.md holds.
"""

import importlib
import pkgutil
from collections import Counter

import pytest
from attacks import cases
from attacks.case import CASES, FILES, KEY, PROMISES, RECOMPUTE, ROOT, THREATS, Attack, applicable, verified
from attacks.forging import Story
from attacks.page import page
from command import ROOT as PROJECT

for module in pkgutil.iter_modules(cases.__path__):
    importlib.import_module(f"attacks.cases.{module.name}")


def rules(found):
    return {check.rule for check in found.failures}


def named(each):
    return (each.act if isinstance(each, Attack) else each.keep).__name__


@pytest.mark.parametrize("case", [case for case in CASES if FILES in case.by], ids=named)
def test_an_attack_is_caught_from_the_files_alone(case, world):
    path = case.act(world) or world.evidence
    rule, found = case.by[FILES], rules(verified(world, path, ()))
    assert rule in found
    assert not case.alone or found == {rule}
    found = verified(world, path, applicable(path))
    assert not found.ok
    assert not found.trusted


@pytest.mark.parametrize("case", [case for case in CASES if FILES not in case.by], ids=named)
def test_an_attack_is_caught_with_the_means_it_says_and_no_others(case, world):
    path = case.act(world) or world.evidence
    there = {*applicable(path)}
    assert {*case.by} <= there
    for means in there - {RECOMPUTE} | {*case.by}:  # recomputing takes long, and comes with all others below
        found = rules(verified(world, path, [means]))
        wanted = {case.by[means]} if means in case.by else set()
        assert found == wanted if case.alone or not wanted else wanted <= found, means
    others = there - {*case.by} - ({KEY} if ROOT in case.by else set())
    assert verified(world, path, others).ok, others
    found = verified(world, path, there)
    assert not found.ok
    assert {*case.by.values()} & rules(found)


@pytest.mark.parametrize("kept", PROMISES, ids=named)
def test_a_promise_holds(kept, world):
    kept.keep(world)


def test_what_nobody_touched_holds_with_every_means(made):
    for path in (made.evidence, made.night, made.proof):
        there = applicable(path)
        for means in [(), *([each] for each in there if each != RECOMPUTE), there]:
            found = verified(made, path, means)
            assert found.ok, found.to_text()
            assert found.trusted is bool({KEY, ROOT} & {*means})


def test_an_insider_who_changes_nothing_writes_the_very_files(made, world):
    Story.of(world).write()
    for file in world.evidence.rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (made.evidence / file.relative_to(world.evidence)).read_bytes()


def test_there_are_enough_cases_and_one_at_least_for_each_threat():
    counted = Counter(threat for case in [*CASES, *PROMISES] for threat in case.threats)
    assert counted.keys() == THREATS.keys()
    assert len(CASES) >= 60


def test_the_page_is_what_was_run():
    """To write it anew: `python -m pytest tests/attacks -k page`, and copy what it prints."""
    written = page(CASES, PROMISES)
    print(f"\n{written}\n{len(CASES)} attacks, each caught; {len(PROMISES)} promises, each kept")
    assert (PROJECT / "docs" / "attacks.md").read_text() == written
