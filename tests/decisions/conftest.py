"""Small real sources: SQLite databases, CSV and Parquet files."""

import json
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force, log_schema

DAY = date(2026, 9, 8)


@pytest.fixture
def declare():
    """A declaration of a small system; keywords replace or add attributes."""

    def build(**attributes) -> SystemDeclaration:
        base = {
            "system": "loans",
            "owner": "team:credit",
            "purpose": "Decide.",
            "risk": "high",
            "zone": "America/New_York",
            "starts": "2026-09-01",
            "source": {"url_env": "LOANS_URL", "table": "decisions"},
            "columns": {"decision_id": "id", "decided_at": "decided_on", "decision": "action"},
            "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
            "protected_attributes": {"sex": {}},
            "policies": ["house"],
        }
        return SystemDeclaration.model_validate_json(_json(base | attributes))

    return build


def _json(value) -> str:
    return json.dumps(value, default=str)


@pytest.fixture
def database(tmp_path: Path):
    """Make a SQLite file by script and rows; returns the environment that names it."""

    def build(script: str, name: str = "source.db", **tables) -> dict[str, str]:
        with sqlite3.connect(tmp_path / name) as connection:
            connection.executescript(script)
            for table, rows in tables.items():
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.close()
        return {"LOANS_URL": f"sqlite:///{name}"}

    return build


@pytest.fixture
def bind():
    """Clauses of one policy in force, from their plain data."""

    def build(declaration, *clauses):
        policy = Policy.model_validate(
            {
                "policy": "house",
                "version": 2,
                "in_force": {"from": date(2026, 1, 1)},
                "owner": "credit",
                "document": {"title": "House rules"},
                "clauses": [
                    {"id": f"C-{number}", "text": "Words.", "level": "output", **clause}
                    for number, clause in enumerate(clauses, 1)
                ],
            }
        )
        return controls_in_force([policy], declaration, DAY)

    return build


@pytest.fixture
def log_of():
    """A canonical log from a few columns; the rest are null."""

    def build(declaration, **columns) -> pl.DataFrame:

        height = max(len(values) for values in columns.values())
        given = {
            "decision_id": [f"D{number}" for number in range(height)],
            "decided_at": [datetime(2026, 9, 8, 16, tzinfo=UTC)] * height,
            "decision": ["denied"] * height,
        } | columns
        schema = log_schema(declaration)
        return pl.DataFrame({name: given.get(name, [None] * height) for name in schema}, schema=schema)

    return build
