"""`gov selftest`: does each control catch a breach that was planted for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace


@click.command("selftest")
@click.argument("system", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def selftest_command(system: str | None, as_json: bool) -> int:
    """Plant a breach for every control in force, in a throw-away folder, and see whether it is caught.

    Nothing of the home or the sources is changed. Exit code 1 if a control did not catch its breach, cannot fail or
    always fails, or if a committed suite is not what its policy compiles to.

    \b
    Example:
      gov selftest
      gov selftest mortgage_underwriting --json
    """
    from gov_pipelines.pipeline import selftest  # noqa: PLC0415  (every room: `--help` need not wait for them)

    place = workplace()
    named, mistakes = ({system: place.system(system)}, []) if system else place.systems
    for mistake in mistakes:
        click.echo(f"not tested: {mistake}", err=True)
    findings = []
    for declaration in named.values():
        day = declaration.calendar.newest(place.now) or declaration.calendar.first
        assert day is not None  # a calendar without any partition is refused when the declaration is read
        seen = selftest.values_seen(place.home, declaration)
        for each in selftest.selftest(place.policies, declaration, day, seen):
            findings.append(each)
            if not as_json:
                click.echo(f"{each.system}  {each.control:<28} {each.kind:<16} {each.outcome:<12} {each.why}")
    suites = selftest.suites_as_compiled(place.policies, place.project.suites)
    wrong = sum(finding.wrong for finding in findings) + len(suites) + len(mistakes)
    outcomes = Counter(finding.outcome for finding in findings)
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()) or "No control is in force"
    lines = [*(f"suite {suite.suite}: {suite.problem}" for suite in suites), f"\n{told}; {wrong} to mend."]
    answer(as_json, {"controls": list(map(asdict, findings)), "suites": list(map(asdict, suites))}, *lines)
    return 1 if wrong else 0
