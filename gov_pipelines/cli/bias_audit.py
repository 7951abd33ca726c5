"""`gov bias-audit`: the tables of New York City's Local Law 144, prepared, and published ones checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gov_pipelines import measure
from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import DAY
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.store import read_frame, write_atomic

if TYPE_CHECKING:
    from gov_pipelines.report.publication import Kind

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_EXCLUDE = "Leave categories below this share, such as 0.02, out of the ratios. Needs --justification."
_RACE = "The protected attribute that holds race and ethnicity."


@click.command("bias-audit")
@click.argument("system", required=False)
@click.option("--check", type=FILE, help="A published table (CSV) to find defects in, instead.")
@click.option("--on", type=DAY, help="With --check: the day on which the audit is relied upon; default: today.")
@click.option("--from", "start", type=DAY, help="First day of the data.")
@click.option("--until", type=DAY, help="The day after the last day of the data.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the CSV and the page to.")
@click.option("--scores", is_flag=True, help="Also scoring rates: the share above the median of everyone's scores.")
@click.option("--exclude-under", help=_EXCLUDE)
@click.option(
    "--base", type=click.Choice(["known", "assessed"]), default="known", show_default=True, help="What the share is of."
)
@click.option("--justification", default="", help="The auditor's reason for leaving those out.")
@click.option("--sex", default="sex", show_default=True, help="The protected attribute that holds sex.")
@click.option("--race", default="race_ethnicity", show_default=True, help=_RACE)
@click.option("--audit-date", type=DAY, help="Date of the audit that this prepares.")
@click.option("--distribution-date", type=DAY, help="When the employer began to use the tool.")
@click.option("--source", help="Source and explanation of the data, as it is to be published.")
@click.option("--data", type=click.Choice(["historical", "test"]), default="historical", show_default=True)
@click.option("--tool", help="The tool's name and version; default: the system's name.")
@click.option("--auditor", help="Whom the publisher names as the independent auditor.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def bias_audit_command(check: Path | None, on: datetime | None, as_json: bool, **asked: Any) -> int:
    """Prepare the bias-audit tables of a system from its stored tallies, or find the defects of a published table.

    It prepares an audit: the law has it done by an independent auditor, and this program is none.

    \b
    Example:
      gov bias-audit hiring --from 2026-01-01 --until 2027-01-01 --out audit/ --audit-date 2027-01-15 \\
        --distribution-date 2025-06-01 --source "All applications of 2026 from the applicant tracking system."
      gov bias-audit --check audit/hiring-bias-audit.csv
    """
    if check is not None:
        return _check(check, (on or datetime.now(UTC)).date(), as_json=as_json)
    needed = ("system", "start", "until", "out", "audit_date", "distribution_date", "source")
    spelled = {"system": "SYSTEM", "start": "--from"}
    absent = [spelled.get(name, f"--{name.replace('_', '-')}") for name in needed if not asked[name]]
    if absent:
        raise click.UsageError(f"Give {', '.join(absent)}; or --check FILE.")
    if bool(asked["exclude_under"]) != bool(asked["justification"]):
        raise click.UsageError("--exclude-under and --justification go together: who leaves a category out says why.")
    dated: dict[str, Any] = {name: one.date() if isinstance(one, datetime) else one for name, one in asked.items()}
    _prepare(as_json=as_json, **dated)
    return 0


def _check(file: Path, today: date, *, as_json: bool) -> int:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongUse(f"{file} is not UTF-8 text. Save it as UTF-8 CSV.") from error
    found = measure.defects(measure.published_rows(text), today)
    lines = [f"{file}{f':{each.line}' if each.line else ''}: {each.rule}: {each.problem}." for each in found]
    count = f"{len(found)} defect{'s' * (len(found) != 1)}." if found else "No defect of the kinds that are looked for."
    answer(as_json, list(map(asdict, found)), *lines, count)
    return 1 if found else 0


def _prepare(
    *, system: str, start: date, until: date, out: Path, scores: bool, sex: str, race: str, as_json: bool, **said: Any
) -> None:
    from gov_pipelines.report.publication import Publication, publication_csv, publication_page  # noqa: PLC0415  (Jinja)

    place = workplace()
    declaration = place.system(system)
    days = declaration.calendar.named(start, until)
    folders = [folder for day in days if ((folder := place.home.partition_dir(system, day)) / "tally.json").is_file()]
    if not folders:
        again = f"Run `gov audit {system} --from ... --to ...`."
        raise WrongUse(f"No day from {start} until {until} of {system} was audited. {again}")
    selections = measure.total([measure.tally_from_json((folder / "tally.json").read_bytes()) for folder in folders])
    counted: dict[Kind, measure.Tally] = {"selection": selections}
    if scores:
        counted["scoring"] = _scored(selections, folders, declaration)
    left_out = {"exclude_under": _share(said.pop("exclude_under")), "base": said.pop("base")}
    tables = {kind: measure.impact_tables(each, (sex, race), **left_out) for kind, each in counted.items()}
    publication = Publication(
        system=system,
        tables=tables,
        data_from=start,
        data_until=until,
        days_present=len({folder.name[:10] for folder in folders}),
        undecided={kind: int(each.cells.filter(outcome="undecided")["n"].sum()) for kind, each in counted.items()},
        exclude_under=left_out["exclude_under"],
        synthetic=declaration.synthetic.note if declaration.synthetic else None,
        **{**said, "tool": said["tool"] or system},
    )
    out.mkdir(parents=True, exist_ok=True)
    texts = {"csv": publication_csv(publication), "html": publication_page(publication)}
    written = [out / f"{system}-bias-audit.{kind}" for kind in texts]
    for file, text in zip(written, texts.values(), strict=True):
        write_atomic(file, text.encode())
    told = {kind: [asdict(table) for table in own] for kind, own in tables.items()}
    numbers = json.loads(json.dumps(told, default=float))  # fractions
    data = {"files": written, "days": len(days), "audited": len(folders), "tables": numbers}
    lines = [line for kind, own in tables.items() for line in _lines(kind, own)]
    gone = len(days) - len(folders)
    hole = f" {gone} of {len(days)} days were not audited: see the page." if gone else ""
    names = " and ".join(map(str, written))
    answer(as_json, data, *lines, f"Wrote {names}.{hole} It prepares an audit; an independent auditor makes one.")


def _scored(selections: measure.Tally, folders: Sequence[Path], declaration: SystemDeclaration) -> measure.Tally:
    import polars as pl  # noqa: PLC0415  (only scores need the rows)

    columns = [*selections.dimensions, "score"]
    log = pl.concat([read_frame(folder / "decision_log.parquet").select(columns) for folder in folders])
    if not log["score"].count():
        raise WrongUse(f"No decision of {declaration.system} has a score. Map it in `columns`, or leave out --scores.")
    return measure.scored_tally(selections, log)


def _share(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise click.UsageError(f"--exclude-under: {text!r} is not a share; write it as 0.02.") from error
    if not 0 < share < 1:
        raise click.UsageError(f"--exclude-under: {text} is not a share between 0 and 1; 2 % is 0.02.")
    return share


def _lines(kind: str, tables: Sequence[measure.ImpactTable]) -> Iterator[str]:
    for table in tables:
        yield f"{kind} by {table.name} ({table.unknown:,} of unknown category)"
        width = max((len(line.category) for line in table.lines), default=0)
        for line in table.lines:
            rate = measure.printed(line.rate) or "none"
            ratio = measure.printed(line.ratio) or ("excluded" if line.excluded else "none")
            yield f"  {line.category:<{width}}  {line.x:>9,} of {line.n:>9,}  {rate:>6}  {ratio:>8}"
        yield ""
