"""CSV and Parquet files as a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from glob import glob
from pathlib import Path

import polars as pl

from gov_pipelines.decisions.casts import as_moment, plain, stacked
from gov_pipelines.decisions.places import Columns, During, Place, Rows
from gov_pipelines.errors import SourceUnreachable, WrongUse

_SCANS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    # Every value of a CSV is read as text and cast by the log's schema: no guess from the first rows decides a type.
    ".csv": partial(pl.scan_csv, infer_schema=False, glob=False),
    ".parquet": partial(pl.scan_parquet, glob=False),
}
_NOT_UTF8 = "is not UTF-8; save it as UTF-8."


def read_files(place: Place, columns: Columns, during: During | None, project: Path) -> Rows:
    """Read the files of a path or glob, in the order of their names.

    Raises:
        SourceUnreachable: no file is there.
        WrongUse: a file is not CSV or Parquet, cannot be read as such, lacks a column or has it twice.
    """
    # `root_dir` keeps brackets in the project's own path from acting as a pattern; Path.glob refuses absolute ones.
    found = glob(place.name, root_dir=project, recursive=True)  # noqa: PTH207  (a path may be absolute, which Path.glob refuses)
    paths = [project / name for name in sorted(found)]
    if not paths:
        raise SourceUnreachable(
            f"No file matches `{place.name}`. Check `path` in defs.yaml and that the files have arrived."
        )
    parts = [_read_file(path, place, columns, during) for path in paths]
    return Rows(stacked([part.frame for part in parts]), sum(part.undated for part in parts))


def _read_file(path: Path, place: Place, columns: Columns, during: During | None) -> Rows:
    called = f"{path.name} (of `{place.name}`)"
    if not path.is_file():
        raise SourceUnreachable(
            f"{called} is a folder, a device or a link to nothing. Point `path` in defs.yaml at CSV or Parquet files."
        )
    if path.suffix not in _SCANS:
        raise WrongUse(f"{called} is neither CSV nor Parquet. Name files ending in .csv or .parquet.")
    try:
        scan = _SCANS[path.suffix](path)
        schema = scan.collect_schema()
        if any("\0" in name or "\ufffd" in name for name in schema):
            raise WrongUse(f"{called} {_NOT_UTF8}")
        names = columns.found_in(schema.names(), Place(path=path.name))
        # Polars renames the second of two CSV columns with one name.
        if path.suffix == ".csv" and (doubled := [name for name in names if f"{name}_duplicated_0" in schema]):
            raise WrongUse(
                f"{called} has more than one column `{doubled[0]}` (the second is read as `{doubled[0]}_duplicated_0`), and "
                "which is meant cannot be told. Rename all but that one."
            )
        rows = scan.select(plain(pl.col(name), schema[name]) for name in names)
        if during is None:
            return Rows(rows.collect())
        dtype = rows.collect_schema()[during.column]
        moment = as_moment(pl.col(during.column), dtype, during.zone)
        kept, undated = pl.collect_all(
            [rows.filter((moment >= during.start) & (moment < during.end)), rows.select(moment.is_null().sum())]
        )
    except pl.exceptions.NoDataError:  # a CSV without even a header holds no rows
        return Rows(pl.DataFrame(schema=dict.fromkeys([*columns.required, *columns.optional], pl.String)))
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        if "invalid utf" in str(error):
            raise WrongUse(f"{called} {_NOT_UTF8}") from error
        raise WrongUse(
            f"{called} cannot be read as {path.suffix[1:]}: {type(error).__name__}. "
            "Check that it is complete, with one header line and UTF-8 text."
        ) from error
    except OSError as error:
        raise SourceUnreachable(f"{called} cannot be opened: {type(error).__name__}. Check its permissions.") from error
    return Rows(kept, int(undated.item()))
