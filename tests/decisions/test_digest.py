from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from gov_pipelines.decisions import frame_digest

FRAME = pl.DataFrame(
    {
        "decision_id": ["a", "b", "c"],
        "text": ["", None, "é"],
        "number": [0.0, None, 2.5],
        "whole": [1, None, -3],
        "yes": [True, None, False],
        "day": [date(2026, 1, 1), None, date(1960, 1, 1)],
        "at": [datetime(2026, 1, 1, tzinfo=UTC), None, datetime(1960, 1, 1, tzinfo=UTC)],
        "exact": [Decimal("1.50"), None, Decimal("0.00")],
    }
)


def changed(**columns) -> pl.DataFrame:
    return FRAME.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def test_the_digest_is_of_content_alone(tmp_path):
    FRAME.write_parquet(tmp_path / "x.parquet", compression="lz4", row_group_size=1)
    same = [
        FRAME.reverse(),
        FRAME.select(sorted(FRAME.columns, reverse=True)),
        pl.concat([FRAME[:1], FRAME[1:]], rechunk=False),
        pl.read_parquet(tmp_path / "x.parquet"),
        FRAME.with_columns(pl.col("whole").cast(pl.Int8), pl.col("at").dt.cast_time_unit("ms")),
        FRAME.with_columns(pl.col("text").cast(pl.Categorical)),
        changed(number=[-0.0, None, 2.5]),
    ]
    assert {frame_digest(frame) for frame in same} == {frame_digest(FRAME)}


@pytest.mark.parametrize(
    "other",
    [
        changed(text=[None, None, "é"]),
        changed(text=["é", None, ""]),
        changed(number=[0.0, 0.0, 2.5]),
        changed(number=[0.0, float("nan"), 2.5]),
        changed(yes=[True, False, False]),
        changed(decision_id=["a", "bc", ""]),
        changed(at=[datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1), None, None]),
        FRAME.with_columns(pl.col("whole").cast(pl.Float64)),
        FRAME.rename({"text": "words"}),
        FRAME[:2],
        FRAME.drop("day"),
        pl.concat([FRAME, FRAME]),
    ],
)
def test_any_change_of_content_changes_it(other):
    assert frame_digest(other) != frame_digest(FRAME)


def test_rows_without_unique_ids_are_sorted_by_all_they_hold():
    frame = pl.DataFrame({"decision_id": ["a", "a", "b"], "x": [2, 1, 3]})
    assert frame_digest(frame) == frame_digest(frame.reverse())
    assert frame_digest(frame.drop("decision_id")) == frame_digest(frame.drop("decision_id").reverse())


def test_the_bytes_do_not_change_between_versions():
    # A change here breaks the comparison with every snapshot signed before.
    assert frame_digest(FRAME) == "c23e8e18ce452b214fc03d4ff316ee9ba767a6029c9ec96c59e3c2f8b60e83ed"


def test_nested_columns_are_refused():
    with pytest.raises(TypeError, match="text first"):
        frame_digest(pl.DataFrame({"x": [[1]]}))
