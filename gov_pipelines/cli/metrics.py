"""`gov metrics`: the decisions in a file measured by group, without set-up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gov_pipelines.errors import WrongUse

if TYPE_CHECKING:
    import polars as pl

    from gov_pipelines.measure import Measurement

_RECORD = (
    "system", "window_start", "window_end", "metric", "attribute", "group", "reference_group", "stratum", "value", "lower",
    "upper", "confidence", "n", "method", "p_value", "p_adjusted", "minimum_detectable", "note",
)  # fmt: skip
_SHOWN = {  # of a group, under a short heading
    "selection_rate": "selected", "impact_ratio": "of the best", "adverse_impact_ratio": "of the reference",
    "true_positive_rate": "true positive", "false_positive_rate": "false positive", "scoring_rate": "above median",
    "scoring_impact_ratio": "of the best", "standardized_selection_rate": "standardized",
    "proposed_selection_rate": "proposed", "override_rate": "overridden",
    "selection_rate_bounds": "selected, at worst and best", "true_positive_rate_bounds": "true positive, at worst and best",
}  # fmt: skip
_SAID = (  # over groups, or of everyone
    "impact_ratio", "demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference",
    "scoring_impact_ratio", "selection_rate_equivalence", "mean_score", "roc_auc_score",
)  # fmt: skip
_SAID_OF_EACH = ("common_odds_ratio", "conditional_demographic_disparity", "override_effect", "worst_selection_rate")
_MOST = 30  # groups of a table, and strata


@click.command("metrics")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--decision", required=True, metavar="COL", help="Column of the decision.")
@click.option("--favorable", required=True, multiple=True, help="A decision that a person wants; repeat for more.")
@click.option("--protected", required=True, multiple=True, metavar="COL", help="Column of groups; repeat for more.")
@click.option("--undecided", multiple=True, help="A decision that is none yet, such as withdrawn; repeat for more.")
@click.option("--intersections", is_flag=True, help="Also the groups of every combination of protected columns.")
@click.option("--label", metavar="COL", help="Column of the outcome that matured later.")
@click.option("--label-positive", multiple=True, help="A label that is positive; repeat for more.")
@click.option("--score", metavar="COL", help="Column of a score: also its quality, and rates above its median.")
@click.option("--stratify", multiple=True, metavar="COL", help="Also within the values of a column; repeat for more.")
@click.option(
    "--reference", multiple=True, metavar="COL=VALUE", help="Group to compare with; one for a protected column."
)
@click.option("--proposed", metavar="COL", help="Column of what the system proposed: also what people made of it.")
@click.option(
    "--min-group-size",
    default=1,
    type=click.IntRange(1),
    show_default=True,
    help="Rows that a group needs to be the best, or part of a gap; above 1 also the worst slice.",
)
@click.option(
    "--equivalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="RATIO",
    help="Also test that selection rates are alike within this ratio, such as 0.8.",
)
@click.option("--weight", metavar="COL", help="Column of how many each row stands for.")
@click.option("--confidence", default=0.95, show_default=True, help="Of the intervals.")
@click.option("--json", "as_json", is_flag=True, help="Print every measurement as JSON, warnings on standard error.")
def metrics_command(file: Path, reference: Sequence[str], as_json: bool, **asked: Any) -> None:
    """Measure the decisions in a CSV or Parquet file by group: rates, gaps and ratios, with intervals and tests.

    Values compare as text; every other decision than the favorable and undecided ones is unfavorable.

    \b
    Example:
      gov metrics loans.csv --decision action --favorable approved --undecided withdrawn --protected race
      gov metrics loans.parquet --decision action --favorable approved --protected race --protected sex \\
        --intersections --label repaid --label-positive true --reference race=white --json
    """
    os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "1")  # else a gigabyte of a large file waits to be counted
    from gov_pipelines.decisions import readable, scan_file  # noqa: PLC0415  (Polars)
    from gov_pipelines.measure import cautions, metrics  # noqa: PLC0415

    if bool(asked["label"]) != bool(asked["label_positive"]):
        raise click.UsageError("--label and --label-positive belong together.")
    if wrong := [each for each in reference if "=" not in each]:
        raise click.UsageError(f"--reference {wrong[0]}: write COL=VALUE, such as race=white.")
    asked["reference"] = dict(each.split("=", 1) for each in reference)
    if len(asked["reference"]) < len(reference):
        raise click.UsageError("--reference: name one group of a protected column, not several.")
    with readable(file):
        rows = metrics(_typed(scan_file(file), (asked["score"], asked["weight"])), **asked)
    for caution in (warned := cautions(rows)):
        click.echo(f"Warning: {caution}", err=as_json)
    if as_json:
        lines = ",\n".join(json.dumps(_record(row), ensure_ascii=False, allow_nan=False) for row in rows)
        click.echo(f"[\n{lines}\n]")
        return
    click.echo("\n" * bool(warned) + "\n".join(_page(rows)))


def _record(row: Measurement) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _RECORD}


def _typed(rows: pl.LazyFrame, numbers: Sequence[str | None]) -> pl.LazyFrame:
    """Numbers as such, in a CSV too; types that only a writer knows as text."""
    import polars as pl  # noqa: PLC0415

    from gov_pipelines.decisions.casts import plain  # noqa: PLC0415

    schema = rows.collect_schema()
    rows = rows.select(plain(pl.col(name), dtype) for name, dtype in schema.items())
    for name in dict.fromkeys(numbers):
        if name is not None and schema.get(name) == pl.Boolean:
            rows = rows.with_columns(pl.col(name).cast(pl.Float64))
        elif name is not None and name in schema and not schema[name].is_numeric():
            if schema[name].is_temporal():
                raise WrongUse(f"`{name}` holds {schema[name]} and no numbers. Name a column of numbers.")
            number = pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)
            wrong = rows.filter(pl.col(name).is_not_null() & number.is_null()).select(pl.len()).collect().item()
            if wrong:
                raise WrongUse(
                    f"`{name}` holds {wrong:,} values that are no numbers. Correct them, or leave them empty."
                )
            rows = rows.with_columns(number)
    return rows


def _page(rows: Sequence[Measurement]) -> Iterator[str]:
    """For each attribute, and each stratum of it: a table of its groups, and the gaps in words."""
    from gov_pipelines.measure.sentences import group, said  # noqa: PLC0415

    sections: dict[str, list[Measurement]] = {}
    for row in rows:
        within = f", {' and '.join(row.stratum)} {group(row.stratum)}" if row.stratum else ""
        sections.setdefault(f"{' and '.join(row.attribute) or 'everyone'}{within}", []).append(row)
    for heading, section in [*sections.items()][:_MOST]:
        yield from _table(heading, section)
        told = [row for row in section if row.metric in (_SAID if row.group is None else _SAID_OF_EACH)]
        for row in told[:_MOST]:
            sentence = f"No {row.metric.replace('_', ' ')}" if row.value is None else said(row, rows)
            yield f"{sentence}{f': {row.note}' if row.note else ''}."
        if told or any(row.group and row.metric in _SHOWN for row in section):
            yield ""
    if any(row.metric == "impact_ratio" and row.group is None and row.value is not None for row in rows):
        yield (
            "Intervals: in a table, of each group over the one that is best here; in a sentence, of the smallest ratio or "
            "largest\ndifference, whichever groups truly have it, and so never beyond equality."
        )
    hidden = f", {len(sections) - _MOST:,} more sections among them" if len(sections) > _MOST else ""
    yield f"{len(rows):,} measurements in all{hidden}: --json prints each with its interval, method and note."


def _table(heading: str, rows: Sequence[Measurement]) -> Iterator[str]:
    """A line a group: decisions, then each rate with its interval."""
    from gov_pipelines.measure.sentences import group, number  # noqa: PLC0415

    shown = {name: words for name, words in _SHOWN.items() if any(row.metric == name and row.group for row in rows)}
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.metric in shown and row.group is not None:
            value = "-" if row.value is None else number(row.value)
            ends = (
                ""
                if row.lower is None
                else f" [{number(row.lower)}, {'-' if row.upper is None else number(row.upper)}]"
            )
            line = lines.setdefault(group(row.group), {"": group(row.group), "n": f"{row.n:,}"})
            line[row.metric] = value + ends
    if not lines:
        return
    cells = [[heading, "n", *shown.values()]]
    cells += [[line.get(name, "") for name in ("", "n", *shown)] for line in [*lines.values()][:_MOST]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *rest in cells:
        yield "  ".join(
            [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        ).rstrip()
    if len(lines) > _MOST:
        yield f"... and {len(lines) - _MOST:,} more groups"
