"""From what a source holds to what the log holds. A value that cannot be read becomes null here and a reason elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_EXACT = 2**53  # the integers that a Float64 holds exactly
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(\s?(Z|[+-]\d\d(:?\d\d)?))?)?$"
_OFFSET = r"(:\d\d(?:\.\d+)?)\s?(Z|[+-]\d\d(?::?\d\d)?)$"
_DATE_ONLY, _TO_THE_MINUTE = len("2026-10-01"), len("2026-10-01 09:30")
_WHOLE = r"^(-?(?:0|[1-9]\d*))\.0+$"


def as_text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Text as the source means it: whole floats without a fraction (drivers and pandas widen integers).

    Blanks at its ends are no part of it, as they are none of a declared value. NaN and blank text are null: nobody means
    a group, a person or an id by them.
    """
    if dtype.is_float():
        whole = value.is_finite() & (value == value.floor()) & (value.abs() < _EXACT)
        known = pl.when(value.is_not_nan()).then(value)
        return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(known.cast(pl.String))
    if dtype.is_decimal():
        return value.cast(pl.String).str.replace(_WHOLE, "$1")
    if dtype == pl.String:
        stripped = value.str.strip_chars()
        return pl.when(stripped != "").then(stripped)
    return value.cast(pl.String)


def as_category(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Text in which 1, 1.0, "1" and "1.0" are all "1"."""
    text = as_text(value, dtype)
    return text.str.replace(_WHOLE, "$1") if dtype == pl.String else text


def as_number(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A finite number; NaN is null, an infinity is not readable."""
    if dtype.is_temporal():
        return pl.lit(None, dtype=pl.Float64)  # Polars would hand out microseconds
    stripped = value.str.strip_chars() if dtype == pl.String else value
    number = stripped.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def as_integer(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A whole number; one with a fraction is not readable."""
    if dtype.is_integer():
        return value.cast(pl.Int64, strict=False)
    return as_category(value, dtype).cast(pl.Int64, strict=False)


def as_moment(value: pl.Expr, dtype: pl.DataType, zone: str) -> pl.Expr:
    """An instant in UTC, to the microsecond.

    Text is ISO 8601 (`2026-10-01`, `2026-10-01 09:30`, with seconds, fraction and offset where given). Naive times are
    read in `zone`: of an hour that clocks repeat, the first; an hour that they skip has no such instant and is not
    readable. A date alone is when that day begins, also where clocks skip midnight. Numbers are not readable: nothing
    says what they count.
    """
    if isinstance(dtype, pl.Datetime):
        micro = value.dt.cast_time_unit("us")
        return micro.dt.convert_time_zone("UTC") if dtype.time_zone else _in_zone(micro, zone)
    if dtype == pl.Date:
        midnight = value.cast(pl.Datetime("us"))
        return pl.coalesce(_in_zone(midnight, zone), _after_skip(midnight, zone))
    if dtype != pl.String:
        return pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    text = value.str.strip_chars()
    clock = text.str.replace(_OFFSET, "$1").str.replace("T", " ", literal=True)
    length = clock.str.len_bytes()
    padded = (
        pl.when(length == _DATE_ONLY)
        .then(clock + " 00:00:00")
        .when(length == _TO_THE_MINUTE)
        .then(clock + ":00")
        .otherwise(clock)
    )
    iso = pl.when(text.str.contains(_ISO)).then(padded)
    naive = iso.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    offset = text.str.extract(_OFFSET, 2).str.replace("Z", "+00").str.replace(":", "")
    hours, minutes = (offset.str.slice(start, 2).cast(pl.Int64, strict=False).fill_null(0) for start in (1, 3))
    east = pl.duration(minutes=60 * hours + minutes)
    utc = pl.when(offset.str.starts_with("-")).then(naive + east).otherwise(naive - east)
    midnight = pl.when(length == _DATE_ONLY).then(naive)
    local = pl.coalesce(_in_zone(naive, zone), _after_skip(midnight, zone))
    return pl.when(offset.is_null()).then(local).otherwise(utc.dt.replace_time_zone("UTC"))


def _in_zone(naive: pl.Expr, zone: str) -> pl.Expr:
    local = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _after_skip(midnight: pl.Expr, zone: str) -> pl.Expr:
    """When a day begins whose midnight clocks skip: right after the day before, which ends where they do."""
    tick = pl.duration(microseconds=1)
    return _in_zone(midnight - tick, zone) + tick


def plain(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A source column without types that only its writer knows: categories, nested and binary values become text."""
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return value.cast(pl.String)
    if dtype.is_nested():
        # The one JSON writer of Polars takes structs: wrap, write, and cut {"v": and } away.
        written = pl.struct(value.alias("v")).struct.json_encode().str.slice(5).str.head(-1)
        return pl.when(value.is_not_null()).then(written).alias(value.meta.output_name())
    if dtype == pl.Binary:
        return value.map_batches(_all_decoded, return_dtype=pl.String)
    if dtype == pl.Null:
        return value.cast(pl.String)
    return value.dt.to_string() if isinstance(dtype, pl.Time | pl.Duration) else value


def decoded(value: bytes) -> str:
    """Bytes as the text they most likely are; what is not UTF-8 stays visible as escapes."""
    return value.decode("utf-8", errors="backslashreplace")


def _all_decoded(values: pl.Series) -> pl.Series:
    texts = [None if value is None else decoded(value) for value in values]
    return pl.Series(values.name, texts, dtype=pl.String)


def stacked(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of one table, one below the other. A column whose types differ between them becomes text; it loses nothing."""
    types: dict[str, set[pl.DataType]] = {}
    for column in (column for frame in frames for column in frame):
        types.setdefault(column.name, set()).update([] if _is_empty(column) else [column.dtype])

    def alike(column: pl.Series) -> pl.Expr:
        if _is_empty(column):
            return pl.lit(None).alias(column.name)
        return pl.col(column.name) if len(types[column.name]) == 1 else _written(pl.col(column.name), column.dtype)

    stack = pl.concat((frame.with_columns(map(alike, frame)) for frame in frames), how="diagonal_relaxed")
    return stack.with_columns(pl.col(pl.Null).cast(pl.String))


def _is_empty(column: pl.Series) -> bool:
    return column.null_count() == len(column)


def _written(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return value.dt.to_string("iso:strict") if dtype.is_temporal() else value.cast(pl.String)
