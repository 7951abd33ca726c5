"""The same rows give the same counts, wherever they are counted."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from engines import COLUMNS, NASTY, bits, log, tables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Columns, count
from gov_pipelines.measure.counting import cells
from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, PAIR_BITS, SCORE_BITS
from gov_pipelines.measure.counting.engines import as_lazy, count_there

LOG = log(3000)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def relation(connection, tmp_path):
    """Makes a relation of DuckDB of a frame."""

    def build(frame):
        frame.write_parquet(tmp_path / "log.parquet")
        return connection.read_parquet(str(tmp_path / "log.parquet"))

    return build


def binned(query, values):
    """That so many values are in each bin as their bits say."""
    for dropped in (HISTOGRAM_BITS, SCORE_BITS, PAIR_BITS):
        native = cells.binned(query, "x", dropped, {}).to_native()
        found = native.collect() if isinstance(native, pl.LazyFrame) else pl.DataFrame(native)
        assert dict(found.rows()) == Counter(bits(values, dropped))


numbers = st.floats() | st.floats(width=32) | st.sampled_from(NASTY)


@settings(deadline=None, max_examples=20)
@given(st.lists(numbers | st.none(), min_size=1, max_size=50))
def test_arithmetic_finds_the_bins_that_the_bits_are(connection, values):
    binned(nw.from_native(connection.sql("SELECT unnest($x::DOUBLE[]) AS x", params={"x": values})), values)


def test_numbers_of_every_exponent_have_the_bins_of_their_bits(connection):
    drawn = np.random.default_rng(3).integers(0, 2**64, 50_000, dtype=np.uint64)
    values = [*NASTY, *drawn.view(np.float64).tolist(), *map(float, drawn.view(np.float32).tolist())]
    binned(nw.from_native(connection.sql("SELECT unnest($x::DOUBLE[]) AS x", params={"x": values})), values)
    binned(nw.from_native(pl.LazyFrame({"x": values}, {"x": pl.Float64})), values)


def test_duckdb_counts_what_polars_counts(relation):
    expected = tables_of(count(LOG, COLUMNS))
    assert tables_of(count(relation(LOG), COLUMNS)) == expected
    assert tables_of(count_there(nw.from_native(LOG.lazy()), COLUMNS)) == expected  # what the kernel does not count


def test_batches_that_bring_new_groups_and_new_values_are_counted(monkeypatch):
    some = LOG.head(100)
    expected = tables_of(count_there(nw.from_native(some.lazy()), COLUMNS))
    monkeypatch.setattr("gov_pipelines.measure.counting.kernel._ROWS", 7)
    assert tables_of(count(some, COLUMNS)) == expected


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_and_a_single_row_are_counted_alike(relation, rows):
    frame = LOG.head(rows)
    there = count(relation(frame), COLUMNS)
    assert tables_of(there) == tables_of(count(frame, COLUMNS))
    assert there.rows == rows


def test_a_log_of_decisions_alone_is_counted(relation):
    bare = Columns("said", frozenset({"yes"}))
    assert tables_of(count(relation(LOG), bare)) == tables_of(count(LOG.lazy(), bare))


def test_names_that_engines_take_for_the_same_or_for_their_own_are_none(relation):
    odd = LOG.rename({"sex": "Decision", "age": 'the "N"', "said": "n"})
    columns = replace(COLUMNS, decision="n", attributes=("Decision", 'the "N"'))
    columns = replace(columns, numbers=('the "N"',), categories=("n",), pairs=("Decision",))
    assert tables_of(count(relation(odd), columns)) == tables_of(count(odd, columns))


def test_rows_that_come_while_they_are_counted_are_told(connection):
    changing = connection.sql("SELECT 'yes' AS said, 0.5 AS score FROM range(1000) WHERE random() < 0.5")
    with pytest.raises(WrongUse, match="rows came or went while they were counted"):
        count(changing, Columns("said", frozenset({"yes"}), score="score", numbers=("score",) * 4))


def test_frames_in_memory_are_those_of_polars():
    arrow = pytest.importorskip(
        "pyarrow", reason="pandas and Arrow frames are read through pyarrow; `make spark` has it"
    )
    expected = tables_of(count(LOG, COLUMNS))
    assert tables_of(count(LOG.lazy(), COLUMNS)) == expected
    assert tables_of(count(nw.from_native(LOG), COLUMNS)) == expected
    assert tables_of(count(arrow.table(LOG.to_arrow()), COLUMNS)) == expected
    assert tables_of(count(LOG.to_pandas(use_pyarrow_extension_array=True), COLUMNS)) == expected
    missing = pd.DataFrame({"said": ["yes", None, "no"], "sex": [1.0, np.nan, 2.0]})
    columns = Columns("said", frozenset({"yes"}), attributes=("sex",))
    assert count(missing, columns).cells.select("sex", "outcome").rows() == [
        (None, "undecided"), ("1.0", "favorable"), ("2.0", "unfavorable"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"said": "yes"}], "got list; give a frame of Polars, pandas, Arrow, DuckDB"),
        ("log.csv", "got str"),
        (pl.Series(["yes"]), "got Series"),
        (pd.DataFrame([["yes", "no"]], columns=["said", "said"]), "several columns of one name"),
        (pd.DataFrame({"said": ["yes", 1, object()]}), "several types|pip install pyarrow"),
    ],
)
def test_what_is_no_frame_is_refused_in_words(given, words):
    with pytest.raises(WrongUse, match=words):
        as_lazy(given)


def test_without_pyarrow_the_way_to_install_it_is_told():
    script = (
        "import sys; sys.modules['pyarrow'] = None\nimport pandas as pd\n"
        "from gov_pipelines.measure.counting.engines import as_lazy\n"
        "as_lazy(pd.DataFrame({'said': ['yes']}))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stderr
    assert told.endswith("pandas and Arrow frames are read through pyarrow. Run: pip install pyarrow\n")
