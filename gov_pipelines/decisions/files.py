"""CSV, Parquet and JSON-lines files as a source, on disk or in a bucket of S3."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import polars as pl

from gov_pipelines.decisions.casts import as_category, as_integer, as_moment, as_number, plain, stacked
from gov_pipelines.decisions.clocks import days, naive
from gov_pipelines.decisions.fingerprints import SCHEMA, Digest, fingerprint
from gov_pipelines.decisions.places import (
    WEEK,
    Columns,
    During,
    Gaps,
    Keys,
    Place,
    Query,
    Rows,
    Touched,
    begins,
    covering,
)
from gov_pipelines.errors import SourceUnreachable, WrongUse

_KINDS = {".csv": "CSV", ".parquet": "Parquet", ".jsonl": "JSON lines", ".ndjson": "JSON lines"}
_NAMED = "Name files ending in .csv, .parquet, .jsonl or .ndjson."
_NOT_UTF8 = "is not UTF-8; save it as UTF-8."
_LINES = 1_000  # of JSON, whose fields are known without reading them all
# What Polars' object store is told of the environment; the first name that is set counts.
_CLOUD = {
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "aws_session_token": ("AWS_SESSION_TOKEN",),
    "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "aws_endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}
_REFUSALS = {  # what a bucket's answer means: its code, and words
    "NoSuchBucket": (WrongUse, "There is no such bucket. Check `path` in defs.yaml, and AWS_ENDPOINT_URL"),
    "403 Forbidden|401 Unauthorized": (
        SourceUnreachable,
        "The bucket refuses the credentials. Check the AWS_* variables",
    ),
    "expanded paths were empty|404 Not Found": (
        SourceUnreachable,
        "No file matches. Check `path` in defs.yaml and that the files have arrived",
    ),
}


@dataclass(frozen=True, slots=True)
class _File:
    """One file: what messages call it, and its rows with the columns to read, under types that the log knows."""

    called: str
    rows: pl.LazyFrame


class Files:
    """The files of a path or glob, in the order of their names. They know nothing of other places: `related` is not asked."""

    def __init__(self, place: Place, project: Path, environ: Mapping[str, str], seconds: int) -> None:
        self._place, self._project, self._cloud = place, project, _cloud(environ, seconds)

    def read(self, query: Query) -> Rows:
        """Read the rows of every file.

        Raises:
            SourceUnreachable: no file is there.
            WrongUse: a file is not CSV or Parquet, cannot be read as such, lacks a column or has it twice.
        """
        frames, undated = [], 0
        for file in self._files(query.columns):
            with _told(file.called):
                rows = _of(file.rows, query.ids)
                if query.during is None:
                    frames.append(rows.collect())
                    continue
                within, unreadable = _within(rows, query.during)
                kept, count = pl.collect_all([rows.filter(within), file.rows.filter(unreadable).select(pl.len())])
                frames.append(kept)
                undated += count.item()
        return Rows(stacked(frames), undated)

    def count(self, during: During) -> int:
        """How many rows a window holds."""
        return self._during([during.column], during).height

    def fingerprints(self, query: Query) -> pl.DataFrame:
        """As `Sources.fingerprints`."""
        return self._fingerprints(query).select(*SCHEMA)

    def digests(self, query: Query, spans: Sequence[During]) -> list[Digest]:
        """As `Sources.digests`; the files are read once for all spans."""
        rows, moment = self._fingerprints(replace(query, during=covering(spans))), pl.col("moment")
        return [Digest.of(rows.filter((moment >= span.start) & (moment < span.end))) for span in spans]

    def touched(self, cursor: str, since: str | None, during: During, overlap: timedelta = timedelta()) -> Touched:
        """What was written since a value of a cursor; one that is text is a moment in ISO 8601, or else a number.

        Arguments as of `Table.touched`.
        """
        rows = self._during([cursor, during.column], during)
        value = as_moment(pl.col(cursor), rows.schema[cursor], during.zone)
        if not (dated := not rows.select(value.is_null().all()).item()):
            value = as_number(pl.col(cursor), rows.schema[cursor])
        low = begins(since, overlap, dated=dated)
        at = as_moment(pl.col(during.column), rows.schema[during.column], during.zone).dt.truncate("1h").alias("at")
        rows = rows.select(at, value=value).filter(pl.lit(value=True) if low is None else pl.col("value") >= low)
        return Touched.of(rows["at"].unique(), rows["value"].max(), since, during.zone)

    def gaps(self, column: str, during: During) -> Gaps | None:
        """As `Table.gaps`; of rows more than a week away nothing is asked."""
        near = replace(during, start=during.start - WEEK, end=during.end + WEEK)
        rows = self._during([during.column], near, [column])
        if column not in rows.columns:
            return None
        moment = as_moment(pl.col(during.column), rows.schema[during.column], during.zone)
        known = rows.select(at=moment, number=as_integer(pl.col(column), rows.schema[column])).drop_nulls()
        number, at = pl.col("number"), pl.col("at")
        mine = known.filter((at >= during.start) & (at < during.end))["number"]
        earlier = known.filter(at < during.start)["number"].max()

        def present(first: int, last: int) -> int:
            return known.filter(number.is_between(first, last))["number"].n_unique()

        return None if mine.is_empty() else Gaps.of(mine.min(), mine.max(), earlier, present)  # type: ignore[arg-type]  # whole numbers

    def _during(self, required: Sequence[str], during: During, optional: Sequence[str] = ()) -> pl.DataFrame:
        return self.read(Query(self._place, Columns(required, optional), during)).frame

    def _fingerprints(self, query: Query) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=SCHEMA | {"moment": pl.Datetime("us", "UTC")})]
        for file in self._files(Columns([*query.columns.required, query.id_column], query.columns.optional)):
            with _told(file.called):
                rows, schema = _of(file.rows, query.ids), file.rows.collect_schema()
                moment = pl.lit(None)
                if (during := query.during) is not None:
                    rows = rows.filter(_within(rows, during)[0])
                    moment = as_moment(pl.col(during.column), schema[during.column], during.zone)
                one = rows.select(
                    id=pl.col(query.id_column).cast(pl.String),
                    fingerprint=fingerprint(schema.names()),
                    moment=moment.cast(pl.Datetime("us", "UTC")),
                )
                frames.append(one.collect(engine="streaming"))
        return pl.concat(frames)

    def _files(self, columns: Columns) -> Iterator[_File]:
        name = self._place.name
        if name.startswith("s3://"):
            called = f"`{name}`"
            with _told(called):
                yield _File(called, _scanned(name, Path(name).suffix, called, columns, self._cloud))
            return
        # `root_dir` keeps brackets in the project's own path from acting as a pattern; Path.glob refuses absolute ones.
        found = glob(name, root_dir=self._project, recursive=True)  # noqa: PTH207  (a path may be absolute, which Path.glob refuses)
        if not found:
            raise SourceUnreachable(
                f"No file matches `{name}`. Check `path` in defs.yaml and that the files have arrived."
            )
        for path in (self._project / each for each in sorted(found)):
            called = f"{path.name} (of `{name}`)"
            if not path.is_file():
                raise SourceUnreachable(
                    f"{called} is a folder, a device or a link to nothing. Point `path` in defs.yaml at CSV or Parquet files."
                )
            with _told(called):
                yield _File(called, _scanned(path, path.suffix, called, columns))


def _cloud(environ: Mapping[str, str], seconds: int) -> dict[str, Any]:
    """How Polars reaches a bucket: each request is cut off, and asked again a few times."""
    given = {option: next(filter(None, map(environ.get, names)), None) for option, names in _CLOUD.items()}
    plain_http = (given["aws_endpoint_url"] or "").startswith("http://")
    limits = {"timeout": f"{min(seconds, 60)}s", "connect_timeout": f"{min(seconds, 10)}s", "max_retries": 2}
    return (
        {name: value for name, value in given.items() if value} | limits | {"aws_allow_http": str(plain_http).lower()}
    )


def _scanned(
    path: Path | str, suffix: str, called: str, columns: Columns, cloud: dict[str, Any] | None = None
) -> pl.LazyFrame:
    glob_too: dict[str, Any] = {"glob": cloud is not None, "storage_options": cloud}
    try:
        match _KINDS.get(suffix):
            case "CSV":
                # Every value is read as text and cast by the log's schema: no guess from the first rows decides a type.
                scan = pl.scan_csv(path, infer_schema=False, **glob_too)
            case "Parquet":
                scan = pl.scan_parquet(path, **glob_too)
            case "JSON lines":
                scan = _json_lines(path, columns, cloud)
            case _:
                raise WrongUse(f"{called} is neither CSV, Parquet nor JSON lines. {_NAMED}")
        schema = scan.collect_schema()
    except pl.exceptions.NoDataError:  # a CSV without even a header holds no rows, nor does JSON without a line
        return pl.LazyFrame(schema=dict.fromkeys([*columns.required, *columns.optional], pl.String))
    if any("\0" in name or "\ufffd" in name for name in schema):
        raise WrongUse(f"{called} {_NOT_UTF8}")
    names = columns.found_in(schema.names(), Place(path=Path(path).name))
    # Polars renames the second of two CSV columns with one name.
    if suffix == ".csv" and (doubled := [name for name in names if f"{name}_duplicated_0" in schema]):
        raise WrongUse(
            f"{called} has more than one column `{doubled[0]}` (the second is read as `{doubled[0]}_duplicated_0`), and "
            "which is meant cannot be told. Rename all but that one."
        )
    return scan.select(plain(pl.col(name), schema[name]) for name in names)


def _json_lines(path: Path | str, columns: Columns, cloud: dict[str, Any] | None) -> pl.LazyFrame:
    """Lines of JSON objects, every value as text; the fields are those of the first lines, and those that are asked for."""
    first = pl.scan_lines(path, glob=cloud is not None, storage_options=cloud).head(_LINES).collect().to_series()
    if not (lines := [line for line in first if line.strip()]):
        raise pl.exceptions.NoDataError
    known = dict.fromkeys(name for line in lines for name in json.loads(line))
    scan = partial(pl.scan_ndjson, path, storage_options=cloud)
    if sought := [name for name in columns.required if name not in known]:
        anywhere = scan(schema=dict.fromkeys(sought, pl.String)).select(pl.all().is_not_null().any()).collect()
        known |= dict.fromkeys(name for name in sought if anywhere[name].item())
    return scan(schema=dict.fromkeys(known, pl.String))


@contextmanager
def _told(called: str) -> Iterator[None]:
    """What goes wrong with a file or bucket, in words of ours: an object store's own hold its address."""
    try:
        yield
    except (pl.exceptions.PolarsError, ValueError, TypeError, OSError, RecursionError) as error:
        for sign, (kind, words) in _REFUSALS.items():
            if re.search(sign, str(error)):
                raise kind(f"{called}: {words}.") from None
        if isinstance(error, OSError):
            remedy = (
                "Check the AWS_* variables and the network" if "object-store" in str(error) else "Check its permissions"
            )
            raise SourceUnreachable(f"{called} cannot be opened: {type(error).__name__}. {remedy}.") from None
        if "invalid utf" in str(error) or isinstance(error, UnicodeDecodeError):
            raise WrongUse(f"{called} {_NOT_UTF8}") from None
        raise WrongUse(
            f"{called} cannot be read as what its name says: {type(error).__name__}. "
            "Check that it is complete, in UTF-8, a CSV with one header line, and all of a bucket's with the same columns."
        ) from None


def _of(rows: pl.LazyFrame, ids: Keys | None) -> pl.LazyFrame:
    if ids is None:
        return rows
    key = as_category(pl.col(ids.column), rows.collect_schema()[ids.column])
    wanted = ids.values.to_frame("wanted").lazy().select(as_category(pl.col("wanted"), pl.String()))
    return rows.join(
        wanted.unique(), left_on=key, right_on="wanted", how="semi", nulls_equal=True, maintain_order="left"
    )


def _within(rows: pl.LazyFrame, during: During) -> tuple[pl.Expr, pl.Expr]:
    """The rows of a window, and those without a readable moment.

    Moments with a type of their own are compared as they are, so that files and groups of rows outside are never read.
    """
    column, dtype = pl.col(during.column), rows.collect_schema()[during.column]
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        start, end = (pl.lit(each).dt.convert_time_zone(dtype.time_zone) for each in (during.start, during.end))
        return (column >= start) & (column < end), column.is_null()
    if isinstance(dtype, pl.Date):
        first, last = days(during)
        return (column >= first) & (column < last), column.is_null()
    if isinstance(dtype, pl.Datetime):
        bounds = naive(during)
        spans = ((bounds.start, bounds.end), *bounds.skipped)
        between = [(column >= start) & (column < end) for start, end in spans]
        skipped = pl.any_horizontal(pl.lit(value=False), *between[1:])
        return between[0] & ~skipped, column.is_null() | skipped
    moment = as_moment(column, dtype, during.zone)
    return (moment >= during.start) & (moment < during.end), moment.is_null()
