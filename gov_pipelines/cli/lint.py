"""`gov lint` and `gov compile`: what people wrote, checked, tried on past decisions, and compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import polars as pl

from gov_pipelines import policy
from gov_pipelines.cli.app import answer, here
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.decisions import Past, decision_measurements, judge_decisions, read_past
from gov_pipelines.errors import ConfigurationError, WrongUse
from gov_pipelines.notify import lint_alerts
from gov_pipelines.store import edited_in_place
from gov_pipelines.validate import stale_suites, write_suites


@dataclass(frozen=True, slots=True)
class Hits:
    """What one rule would have said of past decisions.

    Attributes:
        control: its key.
        version: of its policy.
        concerned: how many decisions it speaks of; the next four add up to it.
        remark: what is worth a look; None where it tells decisions apart.
    """

    control: str
    version: int
    concerned: int
    within: int
    outside: int
    pending: int
    undecidable: int
    remark: str | None


@click.command("lint")
@click.option("--against", type=click.Path(path_type=Path), help="Past decisions as in the source, CSV or Parquet.")
@click.option("--system", help="Whose decisions --against holds; needed where there are several systems.")
@click.option("--json", "as_json", is_flag=True, help="Print mistakes and notes (and what --against found) as JSON.")
def lint_command(against: Path | None, system: str | None, as_json: bool) -> int:
    """Find every mistake in declarations and policies: file, line, field and remedy.

    Rules are reasoned about too: those that no decision can meet, fail or satisfy, and controls that contradict each
    other. Exit code 1 if there is a mistake; notes do not count. With --against, each rule that judges decisions is tried
    on those of the file, by the newest version of its policy, whether it is in force yet or not.

    \b
    Example:
      gov lint
      gov lint --against decisions.csv --system mortgage_underwriting
    """
    place = workplace()
    with place.engine.connect() if place.audited else nullcontext() as store:
        edited = partial(edited_in_place, store) if store else None  # whether a version was recorded with another text
        linted = policy.examine(place.project.assets, place.project.expectations, edited)
    routes = lint_alerts(place.project.root, policy.load_policies(place.project.expectations)[0])
    linted = replace(linted, mistakes=[*linted.mistakes, *routes])
    said = [{**asdict(each), "severity": "mistake"} for each in linted.mistakes]
    said += [{**asdict(each), "severity": "note"} for each in linted.notes]
    lines = _lines_of(linted, len(list(place.project.assets.glob("*/defs.yaml"))))
    if against is None or linted.mistakes:
        answer(as_json, said, *lines)
        return 1 if linted.mistakes else 0
    declaration = place.system(system or _only_system(place))
    past = read_past(against, declaration)
    hits = _hits(past, place.policies, declaration)
    found: dict[str, Any] = {"mistakes": said, "system": declaration.system, "rows": past.rows.to_dict()}
    found |= {"days": [policy.partition_key(day) for day in past.days], "absent": past.absent}
    told = [*lines, *_lines_on(past, hits, declaration.system, against.name)]
    answer(as_json, found | {"rules": list(map(asdict, hits))}, *told)
    return 0


def _only_system(place: Workplace) -> str:
    names = sorted(place.systems[0])
    if len(names) != 1:
        raise WrongUse(f"--against needs --system, one of: {', '.join(names) or 'none is declared'}.")
    return names[0]


def _hits(past: Past, policies: list[policy.Policy], declaration: policy.SystemDeclaration) -> list[Hits]:
    newest = {each.policy: each for each in sorted(policies, key=lambda each: each.version)}
    bound = [rule for name in declaration.policies if name in newest for rule in policy.bound_clauses(newest[name])]
    rules = [rule for rule in bound if rule.control.judges == "decision"]
    judge = partial(judge_decisions, bound=rules, declaration=declaration, as_of=datetime.now(UTC))
    days = [judge(log, partition=day).verdicts for day, log in past.days.items()]
    verdicts = pl.concat(days) if days else pl.DataFrame()
    return [_counted(rule, verdicts) for rule in rules]


def _counted(rule: policy.BoundClause, verdicts: pl.DataFrame) -> Hits:
    found = [int(each.value or 0) for each in decision_measurements(verdicts, rule.key)]
    concerned, (within, outside, pending, undecidable) = sum(found), found
    remark = None
    if not concerned:
        remark = "speaks of no past decision"
    elif concerned in {outside, undecidable}:
        remark = f"every decision it speaks of is {'outside' if outside else 'undecidable'}"
    return Hits(rule.key, rule.policy.version, concerned, within, outside, pending, undecidable, remark)


def _lines_of(linted: policy.Linted, systems: int) -> list[str]:
    count = len(linted.mistakes)
    none = f"No mistakes in {systems} system{'s' * (systems != 1)} and their policies."
    many = f"{count} mistake{'s' * (count != 1)}" if count else none
    return [*map(str, linted.mistakes), *(f"note: {note}" for note in linted.notes), many]


def _lines_on(past: Past, hits: list[Hits], system: str, file: str) -> Iterator[str]:
    rows, days = past.rows, list(past.days)
    span = f", {days[0]} to {days[-1]}" if days else ""
    rest = f"{rows.quarantined:,} quarantined, {rows.duplicate:,} duplicate, {rows.undated:,} undated"
    yield f"\n{rows.accepted:,} decisions of {system} in {file}{span} ({rest}):"
    if past.absent:
        yield f"  The file lacks {', '.join(past.absent)}, so rules that need them cannot be told."
    for each in hits:
        verdicts = {name: getattr(each, name) for name in ("within", "outside", "pending", "undecidable")}
        told = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items() if count)
        remark = f"  <- {each.remark}" if each.remark else ""
        yield f"  {each.control}@{each.version}: speaks of {each.concerned:,}{': ' if told else ''}{told}{remark}"


@click.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a suite is missing, stale or orphaned.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written, removed or found as JSON.")
def compile_command(check: bool, as_json: bool) -> int:
    """Write the Great Expectations suite of each policy version into expectations/suites/; remove those of none.

    Commit them like a lock file; CI runs `gov compile --check`.

    \b
    Example:
      gov compile
      gov compile --check
    """
    project = here()
    policies, mistakes = policy.load_policies(project.expectations)
    if mistakes:
        raise ConfigurationError(mistakes)
    stale = [str(each) for each in stale_suites(policies, project.suites)]
    if check:
        answer(as_json, {"stale": stale}, *(stale or ["All suites are as their policies say."]))
        return 1 if stale else 0
    changed = write_suites(policies, project.suites)
    written = [_short(path, project.root) for path in changed if path.exists()]
    removed = [_short(path, project.root) for path in changed if not path.exists()]
    told = [f"wrote {name}" for name in written] + [f"removed {name}: no policy has this version" for name in removed]
    answer(as_json, {"written": written, "removed": removed}, *(told or ["All suites were up to date."]))
    return 0


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
