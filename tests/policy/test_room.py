"""The room as others see it: its public names, its columns, its spelling help."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import gov_pipelines.policy as room
from gov_pipelines.policy import CANONICAL, did_you_mean, log_schema
from gov_pipelines.policy.columns import counted_columns


def test_all_is_what_is_exported():
    assert len(room.__all__) == len(set(room.__all__))
    assert all(hasattr(room, name) for name in room.__all__)


def test_no_public_name_is_hidden_by_a_module_of_that_name():
    modules = {path.stem for path in Path(room.__file__).parent.iterdir()}
    assert not modules & set(room.__all__)


def test_the_log_schema_is_the_canonical_columns_and_what_the_declaration_adds(declaration):
    schema = log_schema(declaration)
    assert list(schema)[: len(CANONICAL)] == list(CANONICAL)
    added = {name: dtype for name, dtype in schema.items() if name not in CANONICAL}
    assert added == {
        "sex": pl.String(),
        "age_band": pl.String(),
        "grade": pl.String(),
        "region": pl.String(),
        "years": pl.Float64(),
    }
    assert schema["decided_at"] == pl.Datetime("us", "UTC")


def test_counted_columns_are_in_the_log(declaration):
    assert counted_columns(declaration) <= set(log_schema(declaration))


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("favourable", ["favorable", "unfavorable"], "Did you mean `favorable`?"),
        ("Amount", ["amount"], "Did you mean `amount`?"),
        ("zzz", ["b", "a"], "Known here: `a`, `b`."),
        ("zzz", [], "Known here: none."),
        ("zzz", [f"c{n:02}" for n in range(15)], "and 3 more."),
    ],
)
def test_did_you_mean(name, known, words):
    assert words in did_you_mean(name, known)
