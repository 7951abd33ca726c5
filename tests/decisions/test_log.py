import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions import as_moment, read_partition
from gov_pipelines.decisions.log import canonical
from gov_pipelines.policy import log_schema
from gov_pipelines.policy.calendar import Calendar

NOON = datetime(2026, 9, 8, 16, tzinfo=UTC)
FIELDS = {"income": {"type": "number", "range": [0, 1000]}, "grade": {"type": "category", "values": ["0", "1"]}}


def rows(**columns) -> pl.DataFrame:
    height = max(len(values) for values in columns.values())
    base = {
        "id": [f"D{n}" for n in range(height)],
        "decided_on": [NOON] * height,
        "action": ["approved"] * height,
        "sex": ["F"] * height,
        "income": [1.0] * height,
        "grade": ["1"] * height,
    }
    return pl.DataFrame(base | columns)


@pytest.mark.parametrize("values", [[1, 1, 0], [1.0, 1.0, 0.0], ["1", "1.0", "0"], [True, True, False], [1, None, 0]])
def test_a_category_is_one_text_however_it_is_written(declare, values):
    parts = canonical(rows(grade=values, sex=values), declare(fields=FIELDS))
    written = {True: "true", False: "false"} if isinstance(values[0], bool) else {}
    expected = [written.get(v, None if v is None else str(int(float(v)))) for v in values]
    if not written:
        assert parts.log["grade"].to_list() == expected
        assert parts.log["sex"].to_list() == expected
    else:
        assert parts.quarantine.height == 3
        assert parts.quarantine["reason"].unique().to_list() == ["grade is none of its declared values"]


def test_nan_and_blank_become_null(declare):
    source = rows(income=[float("nan"), None, 5.0], sex=["", "  ", "F"])
    parts = canonical(source, declare(fields=FIELDS))
    assert parts.log["income"].to_list() == [None, None, 5.0]
    assert parts.log["sex"].to_list() == [None, None, "F"]


def test_blanks_at_the_ends_of_data_are_no_part_of_a_declared_value(declare):
    source = rows(
        id=["a ", "a", " b"], action=["denied", "approved ", "approved"], sex=["F "] * 3, grade=["1", " 1.0\t", "7 "]
    )
    parts = canonical(source, declare(fields=FIELDS, protected_attributes={"sex": {"unknown": ["F"]}}))
    assert parts.log.select("decision_id", "decision", "grade", "sex").rows() == [("a", "approved", "1", None)]
    assert parts.duplicate == 1
    assert parts.quarantine["reason"].to_list() == ["grade is none of its declared values"]
    original = json.loads(parts.quarantine["source_row"][0])
    assert (original["id"], original["grade"]) == (" b", "7 ")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"id": [None]}, "no decision_id"),
        ({"id": ["  "]}, "no decision_id"),
        ({"action": [None]}, "no decision"),
        ({"action": ["Approved"]}, "decision is none of the declared outcomes"),
        ({"income": ["much"]}, "income is not a number"),
        ({"income": [float("inf")]}, "income is not a number"),
        ({"income": [-0.5]}, "income is below its declared range"),
        ({"income": [1000.5]}, "income is above its declared range"),
        ({"grade": ["666"]}, "grade is none of its declared values"),
        ({"notice_sent_at": ["soon"]}, "notice_sent_at is not a moment"),
        ({"notice_sent_at": [1757340000]}, "notice_sent_at is not a moment"),
        ({"score": [datetime(2026, 1, 1)]}, "score is not a number"),
        ({"action": ["?"], "grade": ["7"]}, "decision is none of the declared outcomes; grade is none of its declared values"),
    ],
)  # fmt: skip
def test_what_cannot_stand_in_the_log_is_quarantined_with_its_reason(declare, columns, reason):
    source = rows(**columns)
    parts = canonical(source, declare(fields=FIELDS))
    assert parts.log.is_empty()
    assert parts.quarantine["reason"].to_list() == [reason]
    original = json.loads(parts.quarantine["source_row"][0])
    assert original.keys() == set(source.columns)
    name = next(iter(columns))
    written = columns[name][0]
    assert original[name] == (written if written is None else str(written))


def test_the_last_row_of_an_id_stands_and_the_earlier_are_duplicates(declare):
    source = rows(id=["a", "a", "b", "b", "c"], action=["approved", "approved", "approved", "denied", "approved"])
    parts = canonical(source, declare(fields=FIELDS))
    assert parts.log.select("decision_id", "decision").rows() == [("a", "approved"), ("b", "denied"), ("c", "approved")]
    assert parts.duplicate == 2


def test_a_kept_sequence_decides_which_row_is_last(declare):
    source = rows(id=["a", "a"], action=["denied", "approved"], source_seq=[2, 1])
    assert canonical(source, declare(fields=FIELDS)).log["decision"].to_list() == ["denied"]


def test_an_unreadable_correction_leaves_the_readable_row(declare):
    source = rows(id=["a", "a"], action=["denied", "??"])
    parts = canonical(source, declare(fields=FIELDS))
    assert parts.log["decision"].to_list() == ["denied"]
    assert parts.quarantine.height == 1
    assert parts.duplicate == 0


NASTY = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.sampled_from(["approved", "denied", "a", "1", "1.0", " 1", "NaN", "inf", "-0", "2026-09-08 10:00:00", "\x00", "é"]),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.binary(max_size=4),
)  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["a", "b", "c"]), NASTY),
            st.one_of(st.sampled_from(["2026-09-08 10:00:00", "2026-09-08T23:00Z", "2026-09-09 10:00:00"]), NASTY),
            st.one_of(st.sampled_from(["approved", "denied"]), NASTY),
            NASTY,
            NASTY,
            NASTY,
        ),
        max_size=12,
    )
)
def test_every_row_is_accounted_for(declare, database, tmp_path, data):
    script = (
        "DROP TABLE IF EXISTS decisions; CREATE TABLE decisions (id, decided_on DATETIME, action, sex, income, grade);"
    )
    storable = [tuple(float(v) if isinstance(v, int) and abs(v) >= 2**63 else v for v in one) for one in data]
    environ = database(script, **({"decisions": storable} if storable else {}))
    declaration = declare(fields=FIELDS)
    extracts = [
        read_partition(declaration, day, project=tmp_path, environ=environ)
        for day in (date(2026, 9, 8), date(2026, 9, 9))
    ]
    for extract in extracts:
        assert extract.rows.adds_up
        assert extract.rows.accepted == extract.log.height
        assert extract.rows.quarantined == extract.quarantine.height
        assert extract.log.schema == pl.Schema(log_schema(declaration))
        assert extract.log["decision_id"].is_sorted()
        assert extract.log["decision_id"].is_unique().all()
        assert extract.rows.undated == extracts[0].rows.undated
    # Nothing but the two days and the undated exists, unless a text happens to be another date.
    assert sum(e.rows.source_count for e in extracts) + extracts[0].rows.undated == len(data)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-10-01", "2026-10-01T04:00:00"),
        (" 2026-10-01 09:30 ", "2026-10-01T13:30:00"),
        ("2026-10-01T09:30:15", "2026-10-01T13:30:15"),
        ("2026-10-01 09:30:15.25", "2026-10-01T13:30:15.250000"),
        ("2026-10-01T09:30:15.123456789", "2026-10-01T13:30:15.123456"),
        ("2026-10-01T09:30Z", "2026-10-01T09:30:00"),
        ("2026-10-01 09:30:15+02", "2026-10-01T07:30:15"),
        ("2026-10-01 09:30:15 -0530", "2026-10-01T15:00:15"),
        ("2026-10-01T09:30:15.5+05:45", "2026-10-01T03:45:15.500000"),
        ("2026-11-01 01:30:00", "2026-11-01T05:30:00"),  # the hour comes twice: the first is meant
        ("2026-03-08 02:30:00", None),  # this one never comes
        ("2026-02-29", None),
        ("2026-10-01 24:00", None),
        ("2026-10-01 09:30 PM", None),
        ("01.10.2026", None),
        ("1759300000", None),
        ("2026-10-01-05", None),
    ],
)
def test_moments_written_as_text(text, instant):
    read = pl.select(as_moment(pl.lit(text), pl.String(), "America/New_York")).item()
    assert (read and read.replace(tzinfo=None).isoformat()) == instant


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("America/Havana", "2026-03-08", "2026-03-08T05:00"),  # clocks skip midnight: the day begins at the skip
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),
        ("America/Asuncion", "2024-10-06", "2024-10-06T04:00"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # they skip the whole day
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),  # midnight comes twice: the first is meant
        ("Africa/Cairo", "2026-10-30", "2026-10-29T22:00"),  # the hour before it comes twice
    ],
)
def test_a_date_alone_is_when_that_day_begins(zone, day, instant):
    known, dated = datetime.fromisoformat(f"{instant}+00:00"), date.fromisoformat(day)
    assert Calendar(dated, zone).span(dated)[0] == known
    for value, dtype in ((day, pl.String()), (dated, pl.Date())):
        assert pl.select(as_moment(pl.lit(value), dtype, zone)).item() == known


@pytest.mark.parametrize("text", ["2026-03-08 00:00", "2026-03-08T00:00:00", "2026-03-08 00:59:59.999999"])
def test_a_midnight_that_clocks_skip_is_not_readable_as_a_time(text):
    assert pl.select(as_moment(pl.lit(text), pl.String(), "America/Havana")).item() is None
