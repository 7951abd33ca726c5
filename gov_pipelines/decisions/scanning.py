"""One CSV or Parquet file that a person names, refused in a sentence unless all of it can be read.

Polars fills short rows, renames second columns and reads past zero bytes; here each of those is a mistake that is told,
with its line.
"""

from __future__ import annotations

import csv
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from gov_pipelines.errors import WrongUse

_CHUNK = 1 << 24
_HEAD = 1 << 16
_PACKED = {
    b"\x1f\x8b": "compressed (gzip)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"PK\x03\x04": "a zip archive, or a workbook",
}
_COMMA, _TAB, _QUOTE, _NEWLINE, _RETURN = b',\t"\n\r'
_FIELD = 131_072  # characters; the standard library's reader refuses longer ones


def scan_file(path: Path) -> pl.LazyFrame:
    """The rows of a file; every column of a CSV as text, with nothing for an empty field, in quotes or not.

    A file is Parquet if it is called `.parquet` or `.pq` or begins like one; any other is CSV with one header line,
    tabs between if it is called `.tsv`.

    Raises:
        WrongUse: no such file, or it is empty, without rows, torn, not UTF-8, ragged, or has a column twice.
    """
    if not path.is_file():
        raise WrongUse(f"{path} is no file." if path.exists() else f"There is no file {path}.")
    with path.open("rb") as file, readable(path):
        head = file.read(_HEAD)
        if path.suffix.lower() in {".parquet", ".pq"} or head.startswith(b"PAR1"):
            rows = pl.scan_parquet(path, glob=False)
            if not rows.collect_schema() or not rows.select(pl.len()).collect().item():
                raise WrongUse(f"{path} has no rows.")
            return rows
        _plain(head, path)
        tabs = path.suffix.lower() == ".tsv"
        names = _header(path, "\t" if tabs else ",")
        file.seek(0)
        blank = _checked(file, path, _TAB if tabs else _COMMA, len(names))
        rows = pl.scan_csv(path, infer_schema=False, separator="\t" if tabs else ",", glob=False)
        each = (pl.col(name) for name in rows.collect_schema().names())
        rows = rows.select(pl.when(value != "").then(value) for value in each)
        # Polars reads a blank line as a row of nothing
        return rows.filter(pl.any_horizontal(pl.all().is_not_null())) if blank and len(names) > 1 else rows


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in a sentence that a file is not what its name says, also where that is seen only when its rows are read."""
    try:
        yield
    except UnicodeDecodeError:
        raise WrongUse(f"{path} is not UTF-8. Save it as UTF-8.") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error) as error:
        kind = "Parquet" if path.suffix.lower() in {".parquet", ".pq"} else "CSV with one header line"
        raise WrongUse(
            f"{path} cannot be read as {kind} ({type(error).__name__}). Check that it is whole and what its name says."
        ) from None


def _plain(head: bytes, path: Path) -> None:
    packed = next((words for begins, words in _PACKED.items() if head.startswith(begins)), None)
    if packed:
        raise WrongUse(f"{path} is {packed}. Unpack it, or save it as CSV or Parquet.")
    if b"\r" in head and b"\n" not in head:
        raise WrongUse(f"{path} ends its lines with CR alone. Save it with LF or CRLF line ends.")


def _header(path: Path, separator: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as text:
        csv.field_size_limit(_FIELD)
        names = next((row for row in csv.reader(text, delimiter=separator) if row), None)
    if names is None:
        raise WrongUse(f"{path} is empty. Name a file with one header line and rows.")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise WrongUse(f"{path} has more than one column `{doubled[0]}`. Rename all but the one that is meant.")
    if len(names) == 1 and ";" in names[0]:
        raise WrongUse(f"{path} has `;` between its columns. Save it with commas, or with tabs as .tsv.")
    return names


def _checked(file: BinaryIO, path: Path, separator: int, width: int) -> int:
    """Read all bytes once: text in UTF-8, every quote closed, as many fields in each row as in the header.

    Returns:
        How many lines are blank.
    """
    decoder = getincrementaldecoder("utf-8")()
    inside, begun, length, lines, rows, blank = False, 0, 0, 1, 0, 0  # of the row that a chunk ends in, and before
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk:
            raise WrongUse(f"{path} holds zero bytes, so it is not text. Save it as CSV in UTF-8.")
        decoder.decode(chunk)
        data = np.frombuffer(chunk, np.uint8)
        ends = data == _NEWLINE
        stops = ends | (data == separator)
        if inside or b'"' in chunk:
            quoted = (np.cumsum(data == _QUOTE, dtype=np.uint8) + inside) % 2 == 1
            inside, stops = bool(quoted[-1]), stops & ~quoted
        at = np.flatnonzero(stops)
        of_row = np.flatnonzero(ends[at])
        last = at[of_row]
        fields, lengths = np.diff(of_row, prepend=-1), np.diff(last, prepend=-1) - 1
        if len(last):
            fields[0] += begun
            lengths[0] += length
            begun, length = len(at) - 1 - int(of_row[-1]), len(data) - 1 - int(last[-1])
        else:
            begun, length = begun + len(at), length + len(data)
        empty = (lengths == 0) | ((lengths == 1) & (data[last - 1] == _RETURN))
        if len(wrong := np.flatnonzero((fields != width) & ~empty)):
            line = lines + int(np.count_nonzero(ends[: last[wrong[0]]]))
            raise WrongUse(_ragged(path, line, int(fields[wrong[0]]), width))
        lines, blank = lines + int(np.count_nonzero(ends)), blank + int(np.count_nonzero(empty))
        rows += len(last) - int(np.count_nonzero(empty))
    decoder.decode(b"", final=True)
    if inside:
        raise WrongUse(f'{path} has a quote (") that is never closed. Close it, or write two for one.')
    if length and begun + 1 != width:
        raise WrongUse(_ragged(path, lines, begun + 1, width))
    if rows + bool(length) < 2:
        raise WrongUse(f"{path} has a header and no rows.")
    return blank


def _ragged(path: Path, line: int, fields: int, width: int) -> str:
    return f"{path}, line {line}: {fields} fields where the header has {width}. Correct that line."
