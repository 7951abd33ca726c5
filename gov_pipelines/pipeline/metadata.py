"""What the Dagster UI shows of a result: plain values to Dagster's metadata, small and without rows of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

MOST_ROWS = 50
"""Rows of a table in metadata. Dagster keeps them in its event log, whole, for ever; the artifact has the rest."""


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as Dagster's metadata: text of several lines is Markdown, a list of mappings a table.

    A table is cut at 50 rows, and the cut is said. What is left is Dagster's to show or to refuse.
    """
    metadata: dict[str, Any] = {}
    for label, value in values.items():
        if isinstance(value, date):
            metadata[label] = value.isoformat()
        elif isinstance(value, str) and "\n" in value:
            metadata[label] = dg.MetadataValue.md(value)
        elif isinstance(value, list) and value:
            metadata[label] = dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in value[:MOST_ROWS]])
            if len(value) > MOST_ROWS:
                metadata[f"{label} (cut)"] = f"the first {MOST_ROWS} of {len(value)} rows"
        else:
            metadata[label] = value
    return metadata


def markdown_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as a Markdown table, at most 50, with a closing line where there were more."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in head) + " |" for row in rows[:MOST_ROWS]]
    more = len(rows) - MOST_ROWS
    return "\n".join([*lines, *([f"\n{more} more rows in the artifact."] if more > 0 else [])])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
