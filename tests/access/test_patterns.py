import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from gov_pipelines.access import READ_SCHEMA, Baseline, new_values, pattern_measurements
from gov_pipelines.measure import judge
from gov_pipelines.policy.kinds import AccessPattern

EIGHT = datetime(2026, 9, 8, 12, tzinfo=UTC)  # eight in the morning in New York
ZONE = "America/New_York"
TONIGHT = "2026-09-08"
EVERYTHING = ("principal", "role", "field", "table", "purpose", "hour")


def read(count=1, at=EIGHT, day=TONIGHT, **more):
    usual = {"principal": "svc", "role": "model", "field": "amount", "table": "loans", "purpose": "deciding", "rows": 1}
    row = usual | {"read_at": at} | more
    return pl.DataFrame([row] * count, schema=READ_SCHEMA).with_columns(day=pl.lit(day))


def control(**more):
    reference = {"from": "2026-09-01", "until": "2026-09-03"}
    return AccessPattern.model_validate_json(
        json.dumps({"kind": "access_pattern", "reference": reference, "watch": EVERYTHING} | more)
    )


BEFORE = Baseline(read(20, day="2026-09-01"), days={"2026-09-01": 1, "2026-09-02": 2})


def days_of(count):
    return {f"2026-09-{8 + day:02}": 1 + day for day in range(count)}


def judged(log, asked, baseline=BEFORE, days=1):
    measured = pattern_measurements(log, baseline, asked, ZONE, days_of(days))
    return judge(asked, measured, partitions_present=1, partitions_expected=1)


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"principal": "other"}, "principal", "other"),
        ({"role": "admin"}, "role", "admin"),
        ({"field": "race"}, "field", "race"),
        ({"table": "applicants"}, "table", "applicants"),
        ({"purpose": "marketing"}, "purpose", "marketing"),
        ({"purpose": None}, "purpose", None),
        ({"at": EIGHT - timedelta(hours=9)}, "hour", "23"),
    ],
)
def test_what_no_reference_day_has_is_new(change, column, value):
    log = pl.concat(
        [
            read(10),
            read(**change),
            read(at=EIGHT + timedelta(minutes=5), **change) if column != "hour" else read(**change),
        ]
    )
    (found,) = new_values(log, BEFORE, control(), ZONE).to_dicts()
    at = change.get("at", EIGHT)
    assert (found["column"], found["value"], found["reads"], found["first"]) == (column, value, 2, at)
    assert found["last"] == (at if column == "hour" else EIGHT + timedelta(minutes=5))
    example = found["example"]
    assert all(f"{name} " in example for name in ("principal", "role", "field", "table", "purpose") if name != column)
    verdict = judged(log, control())
    assert verdict.verdict == "fail"
    assert verdict.decisive.metric == f"new_{column}s"
    told = f" ({value})" if column in {"field", "table", "hour"} else ""  # the others may name people
    assert f"The number of new {column}s is 1{told}, above 0." in verdict.reason
    assert judged(log, control(at_most_new=1)).verdict == "pass"
    others = [name for name in EVERYTHING if name != column]
    assert judged(log, control(watch=others)).verdict == "pass"


def test_the_hour_is_the_systems_own():
    summer, winter = read(at=EIGHT), read(at=EIGHT + timedelta(days=120, hours=1))
    assert new_values(winter, Baseline(summer, {}), control(), ZONE).is_empty()
    assert new_values(winter, Baseline(summer, {}), control(), "UTC")["value"].to_list() == ["13"]


@pytest.mark.parametrize(
    ("count", "days", "ratio", "verdict"),
    [(10, 1, 1.0, "pass"), (20, 2, 1.0, "pass"), (4, 1, 0.4, "fail"), (21, 1, 2.1, "fail"), (20, 1, 2.0, "pass")],
)
def test_reads_are_held_against_the_reference_days_mean(count, days, ratio, verdict):
    asked = control(reads=[0.5, 2])
    measured = pattern_measurements(read(count), BEFORE, asked, ZONE, days_of(days))
    assert measured[-1].metric == "reads_ratio"
    assert measured[-1].value == pytest.approx(ratio)
    assert judged(read(count), asked, days=days).verdict == verdict
    assert judged(read(count), control(), days=days).verdict == "pass"  # measured, not limited


def test_a_day_without_a_read_shows_nothing_new_and_is_no_pass():
    some_days = Baseline(BEFORE.reads, {**BEFORE.days, "2026-08-25": 1})
    assert judged(read(0), control(), some_days).verdict == "insufficient"
    assert judged(read(0), control(reads=[0.5, 2]), some_days).verdict == "fail"


def test_a_log_that_stops_is_missing():
    stopped = judged(read(0), control(reads=[0.5, 2]))
    assert stopped.verdict == "missing"
    assert "holds no read, and each of 1 such days of the reference holds some" in stopped.reason


def test_without_a_baseline_everything_is_undefined():
    broken = Baseline(read(5), {}, "the reference has 1 of its 2 days")
    measured = pattern_measurements(read(9, principal="other"), broken, control(), ZONE, {TONIGHT: 1})
    assert len(measured) == 7
    assert all((one.value, one.note) == (None, broken.unusable) for one in measured)
    assert judged(read(9, principal="other"), control(reads=[0.5, 2]), broken).verdict == "insufficient"
    assert new_values(read(9, principal="other"), broken, control(), ZONE).is_empty()


def test_what_was_due_and_not_measured_is_missing():
    measured = pattern_measurements(read(9), BEFORE, control(), ZONE, {TONIGHT: 1})
    for absent in range(6):
        rows = measured[:absent] + measured[absent + 1 :]
        assert judge(control(), rows, partitions_present=1, partitions_expected=1).verdict == "missing"


def test_what_the_reference_does_not_name_either_is_nothing_new():
    assert new_values(read(purpose=None), Baseline(read(2, purpose=None), {}), control(), ZONE).is_empty()
