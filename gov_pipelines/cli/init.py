"""`gov init`: a system's declaration drafted from a data file, with questions where a guess would be wrong."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import click
import polars as pl

from gov_pipelines.cli.app import answer, here
from gov_pipelines.decisions import as_moment, readable, scan_file
from gov_pipelines.errors import ConfigurationError, WrongUse
from gov_pipelines.evidence.keys import PUBLIC_KEY
from gov_pipelines.policy import load_declaration
from gov_pipelines.store import Home

MOST_CATEGORIES = 50
"""A text column with more values than this is not offered as a category."""

_C = TypeVar("_C", bound=Callable[..., Any])


def _asks(question: str, *, several: bool = False) -> Any:
    return field(metadata={"question": question, "several": several})


@dataclass(frozen=True, slots=True)
class Answers:
    """What only a person can say of a data file, each with its question."""

    system: str = _asks("Name of the system (small letters, digits, _)")
    owner: str = _asks("Who owns it (team:... or an e-mail address)")
    purpose: str = _asks("What it decides, in one sentence")
    decision_id: str = _asks("Column that names one decision")
    decided_at: str = _asks("Column with the time of the decision")
    decision: str = _asks("Column with the decision")
    favorable: tuple[str, ...] = _asks("Values of the decision that the person wants", several=True)
    unfavorable: tuple[str, ...] = _asks("Values of the decision that the person does not want", several=True)
    protected: tuple[str, ...] = _asks("Columns with protected attributes", several=True)
    zone: str = _asks("Time zone whose calendar days are audited, such as Europe/Berlin")


_ASKED: dict[str, tuple[str, bool]] = {
    each.name: (each.metadata["question"], each.metadata["several"]) for each in fields(Answers)
}


def _asked(command: _C) -> _C:
    """An option for each thing that is asked."""
    for name, (question, several) in reversed(_ASKED.items()):
        told = f"{question}; repeat for more." if several else question
        command = click.option(f"--{name.replace('_', '-')}", multiple=several, help=told)(command)
    return command


@click.command("init")
@click.argument("file", type=click.Path(path_type=Path))
@_asked
@click.option("--undecided", multiple=True, help="A value that decides nothing yet, as withdrawn; repeat for more.")
@click.option(
    "--policy", "policies", multiple=True, default=("baseline",), show_default=True, help="A policy in expectations/."
)
@click.option("--json", "as_json", is_flag=True, help="Print where the declaration was written as JSON.")
def init_command(file: Path, policies: tuple[str, ...], undecided: tuple[str, ...], as_json: bool, **told: Any) -> None:
    """Draft a system from a CSV or Parquet file, asking for what must not be guessed.

    Which decision is favorable, which column is protected and whose calendar counts are never guessed: give them as
    options, or answer the questions.

    \b
    Example:
      gov init hiring.csv --system hiring --owner team:people --purpose "Invite to interview" \\
        --decision-id id --decided-at decided --decision outcome --favorable invited --unfavorable rejected \\
        --undecided withdrawn --protected sex --zone Europe/Berlin
    """
    project = here()
    with readable(file):
        data = scan_file(file).collect()
    answers = _answers(told, data)
    target = project.declaration_file(answers.system)
    if target.exists():
        raise WrongUse(f"{target} exists already. Choose another --system, or edit that file.")
    text, left_out = draft(answers, data, _source_path(file, project.root), policies, undecided)
    target.parent.mkdir(parents=True)
    target.write_text(text, "utf-8")
    try:
        declaration = load_declaration(target)
    except ConfigurationError:
        target.unlink()
        target.parent.rmdir()
        raise
    starts, ends = declaration.starts, declaration.ends
    last = ends - timedelta(days=1) if ends else starts
    key = "" if (Home(project.home).keys_dir / PUBLIC_KEY).is_file() else "gov keys new --name NAME && "
    left = f"Named in no outcome, so their rows will be quarantined: {', '.join(left_out)}."
    answer(
        as_json,
        {"system": answers.system, "file": target, "starts": starts, "last": last},
        *([left] if left_out else []),
        f"Wrote {target}. Read it: may_read, needs_review and models are yours to fill in.",
        f"Next: gov lint && {key}gov audit {answers.system} --from {starts} --to {last} && gov report",
    )


def draft(
    answers: Answers, data: pl.DataFrame, path: str, policies: tuple[str, ...], undecided: tuple[str, ...] = ()
) -> tuple[str, list[str]]:
    """The text of a declaration, and the decisions that it names in no outcome, with their counts.

    Raises:
        WrongUse: a column does not exist, a value does not occur, or the times cannot be read.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", answers.system):
        raise WrongUse(f"`{answers.system}` cannot name a system: use small letters, digits and _, such as `hiring_2`.")
    if answers.zone not in available_timezones():
        raise WrongUse(f"`{answers.zone}` is no time zone; write an IANA name such as Europe/Berlin.")
    named = [answers.decision_id, answers.decided_at, answers.decision, *answers.protected]
    absent = [name for name in named if name not in data.columns]
    if absent:
        raise WrongUse(f"The file has no column {', '.join(absent)}. It has: {', '.join(data.columns)}.")
    counts = Counter(str(value).strip() for value in data[answers.decision].drop_nulls())
    named_values = {*answers.favorable, *answers.unfavorable, *undecided}
    unseen = sorted(named_values - set(counts))
    if unseen:
        raise WrongUse(f"{answers.decision} never holds {', '.join(unseen)}. It holds: {_counted(counts)}.")
    left_out = [f"{value} ({count})" for value, count in counts.most_common() if value not in named_values]
    first, last = _days(data, answers)
    others = [name for name in data.columns if name not in named]
    typed = [line for name in others if (line := _field(name, data[name]))]
    ends = last + timedelta(days=1)
    ending = f"  ends: {ends} # the file's last day was {last}; remove this line for a system that goes on\n"
    said = {name: _quoted(getattr(answers, name)) for name in _ASKED}
    said |= {"system": answers.system, "zone": answers.zone, "path": _quoted(path), "starts": f"{first}"}
    said |= {"undecided": _quoted(undecided), "policies": _quoted(policies)}
    said["ends"] = "" if ends >= datetime.now(UTC).date() else ending
    said["fields"] = "".join(f"{line}\n" for line in ["  fields:", *typed] if typed)
    said["protected"] = "".join(f"    {_canonical(name)}: {{column: {_quoted(name)}}}\n" for name in answers.protected)
    return Template(Path(__file__).with_suffix(".yaml").read_text("utf-8")).substitute(said), left_out


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common(20))


def _answers(given: dict[str, Any], data: pl.DataFrame) -> Answers:
    missing = [name for name in _ASKED if not given[name]]
    if missing and not sys.stdin.isatty():
        options = "\n".join(f"  --{name.replace('_', '-')}  {_ASKED[name][0]}" for name in missing)
        decided = given["decision"]
        counts = Counter(map(str, data[decided].drop_nulls())) if decided in data.columns else None
        holds = f" {decided} holds: {_counted(counts)}." if counts else ""
        raise WrongUse(f"Give what must not be guessed:\n{options}\nThe file has: {', '.join(data.columns)}.{holds}")
    if missing:
        click.echo(f"The file has {data.height} rows and the columns {', '.join(data.columns)}.")
    for name in missing:
        question, several = _ASKED[name]
        said = click.prompt(f"{question} (commas between)" if several else question)
        given[name] = tuple(part.strip() for part in said.split(",")) if several else said
    return Answers(**given)


def _days(data: pl.DataFrame, answers: Answers) -> tuple[date, date]:
    name = answers.decided_at
    moments = data.select(as_moment(pl.col(name), data.schema[name], answers.zone).alias(name))[name]
    first, last = moments.min(), moments.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise WrongUse(f"{answers.decided_at} holds no readable time; expected ISO 8601 such as 2026-09-01T14:30:00.")
    zone = ZoneInfo(answers.zone)
    return first.astimezone(zone).date(), last.astimezone(zone).date()


def _field(name: str, column: pl.Series) -> str | None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return None
    filled = column.drop_nulls()
    numbers = filled.cast(pl.Float64, strict=False) if filled.dtype == pl.String else filled
    if filled.len() and numbers.dtype.is_numeric() and numbers.null_count() == 0:
        return f"    {name}: {{type: number}}"
    return f"    {name}: {{type: category}}" if 0 < filled.n_unique() <= MOST_CATEGORIES else None


def _source_path(file: Path, root: Path) -> str:
    absolute = file.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)


def _canonical(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def _quoted(text: str | Sequence[str]) -> str:
    return json.dumps(text, ensure_ascii=False)  # YAML reads JSON
