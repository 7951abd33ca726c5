"""Rules: SQL's three-valued logic, held against SQLite; what is refused, and in which words."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.policy import CANONICAL, PredicateError, parse_predicate

SCHEMA = {name: column.dtype for name, column in CANONICAL.items()}
ABC = {"a": pl.Int64(), "b": pl.Int64(), "t": pl.String(), "f": pl.Boolean()}
ROWS = [
    dict(zip("abt", row, strict=True)) for row in product([None, 0, 1, 2], [None, 0, 2], [None, "", "x", "xy", "a%b"])
]


def verdicts(text: str, rows: list[dict], schema: dict) -> list[bool | None]:
    frame = pl.DataFrame(rows, schema={name: schema[name] for name in rows[0]})
    return frame.select(parse_predicate(text, schema).expression().alias("v"))["v"].to_list()


def sqlite_verdicts(text: str) -> list[bool | None]:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("CREATE TABLE rows (a REAL, b REAL, t TEXT)")
        connection.executemany("INSERT INTO rows VALUES (:a, :b, :t)", ROWS)
        found = [value for (value,) in connection.execute(f"SELECT {text} FROM rows ORDER BY rowid")]
    connection.close()
    return [None if value is None else bool(value) for value in found]


ATOMS = [
    "a = 1", "a <> b", "a < b", "a >= 2", "NOT a = b", "a IS NULL", "b IS NOT NULL", "a IN (0, 2)", "a NOT IN (1, b)",
    "a BETWEEN 0 AND b", "a NOT BETWEEN b AND 2", "t = 'x'", "t LIKE 'x%'", "t NOT LIKE '_'", "t LIKE 'a%b'",
    "a + b > 2", "a - b = -1", "-a < 0", "a * b = 2", "a IN (1, 2, 3, 4, 5, 6, 7, 8, -9)", "a NOT IN (1, 2, 3, 4, 5, 6, 7, 8, b)", "a + b IN (1, 2, 3, 4, 5, 6, 7, 8.5)", "t NOT IN ('x', 'b', 'c', 'd', 'e', 'f', 'g', 'h')", "a / b > 0.5", "a / (b - 2) = 1", "t IN ('x', 'xy')", "'x' < t",
]  # fmt: skip


@pytest.mark.parametrize("text", ATOMS)
def test_an_atom_says_what_sqlite_says(text):
    assert verdicts(text, ROWS, ABC) == sqlite_verdicts(text)


def connected(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(children, st.sampled_from(["AND", "OR"]), children)
    return st.one_of(pairs.map(lambda three: f"({' '.join(three)})"), children.map(lambda text: f"NOT ({text})"))


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.sampled_from(ATOMS), connected, max_leaves=6))
def test_any_combination_says_what_sqlite_says(text):
    assert verdicts(text, ROWS, ABC) == sqlite_verdicts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f AND g", [True, False, None, False, False, False, None, False, None]),
        ("f OR g", [True, True, True, True, False, None, True, None, None]),
    ],
)
def test_boolean_columns_follow_kleene(text, expected):
    rows = [{"f": f, "g": g} for f in (True, False, None) for g in (True, False, None)]
    assert verdicts(text, rows, {"f": pl.Boolean(), "g": pl.Boolean()}) == expected


def test_a_predicate_names_its_columns_and_the_texts_it_compares():
    rule = parse_predicate("decision IN ('denied', 'withdrawn') AND amount > 500000 OR 'x' <> product", SCHEMA)
    assert rule.columns == {"decision", "amount", "product"}
    assert rule.compared == {"decision": {"denied", "withdrawn"}, "product": {"x"}}


@pytest.mark.parametrize(
    ("literal", "zone", "instant"),
    [
        ("2026-10-01", "UTC", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01", "America/New_York", datetime(2026, 10, 1, 4, tzinfo=UTC)),
        ("2026-10-01T09:30:00", "Europe/Berlin", datetime(2026, 10, 1, 7, 30, tzinfo=UTC)),
        ("2026-10-01T09:30:00+05:30", "Europe/Berlin", datetime(2026, 10, 1, 4, tzinfo=UTC)),
        # Where clocks skip midnight a day begins at the skip; of times that they repeat the first is meant.
        ("2026-03-08", "America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("2026-04-24", "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        ("2018-11-04", "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("2026-11-01", "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("2026-11-01T01:30:00", "America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-10-30", "Africa/Cairo", datetime(2026, 10, 29, 22, tzinfo=UTC)),
        ("2026-03-08T00:30:00-05:00", "America/Havana", datetime(2026, 3, 8, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_quoted_date_is_local_midnight(literal, zone, instant):
    rule = parse_predicate(f"completed_at >= '{literal}' AND completed_at <= '{literal}'", SCHEMA, zone=zone)
    frame = pl.DataFrame({"completed_at": [instant, None]}, schema={"completed_at": SCHEMA["completed_at"]})
    assert frame.select(v=rule.expression())["v"].to_list() == [True, None]


@pytest.mark.parametrize("text", ["2026-03-08T00:00:00", "2026-03-08 00:59:59.999999"])
def test_a_quoted_time_that_clocks_skip_is_refused(text):
    with pytest.raises(PredicateError, match="is skipped by the clocks of America/Havana"):
        parse_predicate(f"completed_at >= '{text}'", SCHEMA, zone="America/Havana")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("decission = 'denied'", "unknown column `decission`. Did you mean `decision`?"),
        ('decision = "denied"', "write it in single quotes: 'denied'."),
        ("amount = '5'", "compares a number with a text"),
        ("decision > 5", "compares a text with a number"),
        ("amount IN (1, '2')", "compares a number with a text"),
        ("amount BETWEEN 1 AND decision", "compares a number with a text"),
        ("decided_at > 5", "compares a moment with a number"),
        ("decided_at > 'yesterday'", "'yesterday' is not a moment. Write it as '2026-10-01'"),
        ("decided_at - completed_at > 5", "`decided_at` is a moment; - takes a number"),
        ("amount = NULL", "Write `IS NULL`"),
        ("amount IN (1, NULL)", "Write `IS NULL`"),
        ("amount", "is a number, not a condition"),
        ("NOT decision", "`decision` is a text; NOT takes a boolean"),
        ("amount AND decision = 'x'", "`amount` is a number; AND takes a boolean"),
        ("amount LIKE '5'", "`amount` is a number; LIKE takes a text"),
        ("decision LIKE product", "needs a quoted pattern"),
        ("1 = 1", "reads no column"),
        ("amount = 1e999", "too large a number"),
        ("", "is not a predicate"),
        ("decision = 'denied", "is not a predicate"),
        ("amount = 1 1", "is not a predicate (at character 12)"),
        ("(" * 2000 + "amount = 1" + ")" * 2000, "nested too deeply"),
        (" OR ".join(["amount = 1"] * 200), "more than 500 parts. Split it into several clauses, or list the values"),
        ("+".join(["amount"] * 10) + " > 1", "more than 8 operations of arithmetic"),
        ("decided_at > '9999-12-31T23:59:59-12:00'", "is not a moment"),
    ],
)
def test_a_mistake_is_told_in_words(text, words):
    with pytest.raises(PredicateError) as refused:
        parse_predicate(text, SCHEMA)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "LOWER(decision) = 'x'", "CURRENT_DATE > decided_at", "NOW() > decided_at", "amount IN (SELECT 1)", "SELECT 1",
        "amount = 1; DROP TABLE decisions", "CAST(amount AS TEXT) = 'x'", "amount::text = 'x'", "decision || 'x' = 'y'",
        "CASE WHEN amount > 1 THEN TRUE END", "decision ILIKE 'x'", "amount <=> 1", "amount IS TRUE", "amount = ?",
        "amount IN ()", "EXISTS (SELECT 1)", "amount % 2 = 0", "decision LIKE 'x' ESCAPE '!'", "amount AS x",
        "amount BETWEEN SYMMETRIC 2 AND 1", "DATE '2026-01-01' < decided_at", "d.amount = 1", "(amount, score) = (1, 2)",
    ],
)  # fmt: skip
def test_beyond_the_allow_list_is_refused(text):
    with pytest.raises(PredicateError, match=r"is not allowed in a rule|is not a predicate"):
        parse_predicate(text, SCHEMA)
