"""What the Dagster UI shows of a result: plain values to Dagster's metadata, small and without rows of people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

import dagster as dg

MOST_ROWS = 50
"""Rows of a table in metadata. Dagster keeps them in its event log, whole, for ever; the artifact has the rest."""


def shown(values: Mapping[str, Any]) -> dict[str, dg.MetadataValue[Any]]:
    """Plain values as Dagster's metadata.

    Args:
        values: label to bool, int, float, date, str (Markdown where it has lines), mapping (JSON) or a sequence of
            mappings (a table, cut at 50 rows, and the cut is said).

    Raises:
        TypeError: a value is something else, such as a frame or NumPy's own scalars.
    """
    metadata: dict[str, dg.MetadataValue[Any]] = {}
    for label, value in values.items():
        metadata[label] = _value(label, value)
        if _is_table(value) and len(value) > MOST_ROWS:
            metadata[f"{label} (cut)"] = dg.MetadataValue.text(f"the first {MOST_ROWS} of {len(value)} rows")
    return metadata


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table, at most 50, with a closing line where there were more."""
    if not rows:
        return ""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in head) + " |" for row in rows[:MOST_ROWS]]
    more = len(rows) - MOST_ROWS
    return "\n".join([*lines, *([f"\n{more} more rows in the artifact."] if more > 0 else [])])


def _value(label: str, value: Any) -> dg.MetadataValue[Any]:
    if value is None:
        return dg.MetadataValue.null()
    make = _EXACT.get(type(value))  # exact: NumPy's float64 is a float, and its bool is none
    if make:
        return make(value)
    if isinstance(value, PurePath):
        return dg.MetadataValue.path(str(value))
    if isinstance(value, Mapping):
        return dg.MetadataValue.json(dict(value))
    if _is_table(value):
        return _table(value[:MOST_ROWS])
    if isinstance(value, list | tuple):
        return dg.MetadataValue.json(list(value))
    raise TypeError(f"metadata {label!r} is a {type(value).__name__}; give plain values, Markdown or a small table")


def _text(value: str) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md(value) if "\n" in value else dg.MetadataValue.text(value)


_EXACT: Mapping[type, Callable[[Any], dg.MetadataValue[Any]]] = {
    bool: dg.MetadataValue.bool,
    int: dg.MetadataValue.int,
    float: dg.MetadataValue.float,
    str: _text,
    date: lambda value: dg.MetadataValue.text(value.isoformat()),
    datetime: lambda value: dg.MetadataValue.text(value.isoformat()),
}


def _is_table(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return dg.MetadataValue.table(
        records=[dg.TableRecord({name: _scalar(row.get(name)) for name in names}) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, _column_type([row.get(name) for row in rows])) for name in names]),
    )


def _scalar(value: Any) -> str | int | float | bool | None:
    return value if value is None or type(value) in {str, int, float, bool} else str(value)


def _column_type(values: Sequence[Any]) -> str:
    types = {type(value) for value in values if value is not None}
    for kinds, name in (({bool}, "bool"), ({int}, "int"), ({int, float}, "float")):
        if types and types <= kinds:
            return name
    return "string"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
