"""`gov drift`: how far the columns of one file have moved from those of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gov_pipelines.cli.app import answer

if TYPE_CHECKING:
    import polars as pl

    from gov_pipelines.measure import Measurement

_SHOWN = ("drift", "psi", "jensen_shannon_distance", "ks", "wasserstein_normed")


@click.command("drift")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("current", type=click.Path(path_type=Path))
@click.option("--column", "columns", multiple=True, metavar="COL", help="Compare this column; default: all.")
@click.option("--category", "categories", multiple=True, metavar="COL", help="Its numbers are names, as of a place.")
@click.option("--decision", metavar="COL", help="The column of the decision, compared whatever else is.")
@click.option("--per", multiple=True, metavar="COL", help="Compare within each group of this column too.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this distance, as --json names them.")
@click.option("--bins", type=click.IntRange(2, 100), default=10, show_default=True, help="Quantile bins of numbers.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999999, min_open=True), default=0.95, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print an array of measurements, every distance among them.")
def drift_command(reference: Path, current: Path, categories: Sequence[str], as_json: bool, **asked: Any) -> int:
    """Compare the columns of CURRENT with those of REFERENCE, CSV or Parquet files, without set-up.

    A column of a CSV holds numbers where every value in both files is one. Drift is described, not judged: it exits
    with 0 whatever has moved. How each number came about stands in `method`.

    \b
    Example:
      gov drift january.csv february.csv
      gov drift january.parquet february.parquet --decision action --per sex --metric psi --json
    """
    from gov_pipelines.decisions.scanning import readable, scan_file  # noqa: PLC0415  (Polars, not needed for --help)
    from gov_pipelines.measure.distributions.drift import drift  # noqa: PLC0415  (as above)

    with readable(current):
        then, now = _typed([scan_file(reference), scan_file(current)], {*categories, *asked["per"]})
        rows = drift(then, now, **asked)
        answer(as_json, [asdict(row) for row in rows], *([] if as_json else [_sizes(then, now), *_lines(rows)]))
    return 0


def _sizes(then: pl.LazyFrame, now: pl.LazyFrame) -> str:
    import polars as pl  # noqa: PLC0415  (not needed for --help)

    before, after = (each.item() for each in pl.collect_all([frame.select(pl.len()) for frame in (then, now)]))
    return f"{after:,} rows now, against {before:,} of reference"


def _typed(frames: Sequence[pl.LazyFrame], words: set[str]) -> list[pl.LazyFrame]:
    """Text that is a number wherever it has a value, in all of the frames, as numbers; the columns in `words` as text."""
    import polars as pl  # noqa: PLC0415  (not needed for --help)

    frames = [frame.with_columns(pl.col(pl.Null).cast(pl.String)) for frame in frames]
    named = pl.Boolean, pl.Categorical, pl.Enum
    words = words | {name for frame in frames for name, dtype in frame.collect_schema().items() if dtype in named}
    texts = [[name for name, dtype in frame.collect_schema().items() if dtype == pl.String] for frame in frames]
    for frame, mine in zip(frames, texts, strict=True):
        number = {name: pl.col(name).cast(pl.Float64, strict=False) for name in mine}
        odd = frame.select(
            (each.is_null() & pl.col(name).is_not_null()).any() for name, each in number.items()
        ).collect()
        words = words | {name for name in odd.columns if odd[name].item()}
    return [
        frame.with_columns(pl.col(name).cast(pl.Float64) for name in mine if name not in words).with_columns(
            pl.col(name).cast(pl.String) for name in frame.collect_schema().names() if name in words
        )
        for frame, mine in zip(frames, texts, strict=True)
    ]


def _lines(rows: Sequence[Measurement]) -> Iterator[str]:
    """A line a column and group, with the distances that most people know."""
    of: dict[str, list[Measurement]] = {}
    for row in rows:
        group = "".join(f", {name} {value or 'unknown'}" for name, value in (row.group or {}).items())
        of.setdefault(row.attribute[0] + group, []).append(row)
    width = max(map(len, of), default=0)
    for name, each in of.items():
        shown = [row for row in each if row.metric in _SHOWN] or each
        told = [f"{row.metric} {row.value:.4g}" for row in shown if row.value is not None]
        tested = [f"adjusted p {row.p_adjusted:.2g}" for row in shown if row.p_adjusted is not None][:1]
        undefined: dict[str, list[str]] = {}
        for row in shown:
            if row.value is None:
                what = "not compared" if row.metric == "drift" else f"no {row.metric}"
                undefined.setdefault(row.note or "undefined", []).append(what)
        whys = [f"{', '.join(what)}: {why}" for why, what in undefined.items()]
        yield f"{name:<{width}}  {'  '.join([*told, *tested, *whys])}"
