"""What is drawn: the same for a seed whatever else is drawn, true to what was planted, and changing as time goes on."""

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gov_pipelines.cli.simulate.draws import BLOCK, decisions, reads
from gov_pipelines.cli.simulate.world import KINDS, USUAL_RATIO, Fault, World
from gov_pipelines.errors import WrongUse

DAY = date(2026, 3, 3)
LATER = date(2027, 1, 1)


def world(*faults, rows=2000, **more):
    plain = {"seed": 7, "overdispersion": 0.03, "late": 0.0, "corrected": 0.0, "deleted": 0.0, "matures": 30}
    return World(rows=rows, faults=[Fault.parse(each) for each in faults], **(plain | more))


def rows_of(its, day=DAY, known=LATER, system="credit_001"):
    return pl.concat(decisions(its, system, day, known))


def rate(frame, **which):
    return (frame.filter(**which)["decision"] == "approved").mean()


def test_a_day_is_the_same_each_time_and_unlike_any_other():
    one = rows_of(world())
    assert_frame_equal(
        one, rows_of(world("ratio@2026-03-04", "stops@2026-03-03:credit_002"))
    )  # not its day, not its system
    others = [rows_of(world(), DAY + timedelta(days=1)), rows_of(world(), system="credit_002"), rows_of(world(seed=8))]
    assert not any(one["amount"].head(50).equals(each["amount"].head(50)) for each in others)


def test_a_large_day_comes_in_blocks_with_ids_of_their_own():
    blocks = list(decisions(world(rows=BLOCK * 2), "credit_001", DAY, LATER))
    assert max(block.height for block in blocks) == BLOCK
    whole = pl.concat(blocks)
    assert whole["application_id"].n_unique() == whole.height == world(rows=BLOCK * 2).count("credit_001", DAY)


def test_days_vary_more_than_chance_and_by_weekday():
    weeks = [
        [world().count("credit_001", date(2026, 3, 2) + timedelta(days=7 * week + day)) for week in range(200)]
        for day in range(7)
    ]
    means = [sum(each) / len(each) for each in weeks]
    assert means == pytest.approx([2500, 2400, 2300, 2200, 2200, 1400, 1000], rel=0.06)
    variance = pl.Series(weeks[0]).var()
    assert variance == pytest.approx(2500 + 0.03 * 2500**2, rel=0.35)  # a Poisson's would be 2500


@pytest.mark.parametrize("value", [0.65, 0.9])
def test_the_ratio_planted_is_the_ratio_found(value):
    found = rows_of(world(f"ratio={value}@2026-03-03", rows=200_000))
    assert rate(found, race="Black") / rate(found, race="white") == pytest.approx(value, abs=0.015)
    assert rate(found, race="Hispanic") / rate(found, race="white") == pytest.approx(USUAL_RATIO, abs=0.02)
    assert rate(found, sex="female") == pytest.approx(rate(found, sex="male"), abs=0.01)


def test_what_creeps_arrives():
    rates = [
        world("ratio_creep@2026-03-03").rates("credit_001", DAY + timedelta(days=after)) for after in (-1, 44, 89, 200)
    ]
    assert [each["Black"] / each["white"] for each in rates] == pytest.approx([0.97, 0.81, 0.65, 0.65])
    plain, growing = world(), world("slow_creep=0.05@2026-03-03")
    for after in (0, 1, 28, 56):
        day = DAY + timedelta(days=after)
        usual, more = (
            reads(its, "credit_001", day).filter(principal="analyst-2")["rows"].sum() for its in (plain, growing)
        )
        assert more == pytest.approx(usual * 1.05 ** (after + 1), rel=0.01)


def test_each_fault_does_what_it_says():
    usual, usually = rows_of(world()), reads(world(), "credit_001", DAY)

    def planted(kind):
        its = world(f"{kind}@2026-03-03")
        return pl.concat([usual.clear(), *decisions(its, "credit_001", DAY, LATER)]), reads(its, "credit_001", DAY)

    assert rate(planted("decision_mix")[0]) == pytest.approx(0.7 * rate(usual), abs=0.04)
    assert planted("income_shift")[0]["income"].median() == pytest.approx(1.5 * usual["income"].median(), rel=0.01)
    assert planted("volume")[0].height > 2 * usual.height
    assert planted("stops")[0].is_empty()
    assert 0 < planted("score_range")[0].filter(pl.col("score") > 1).height < 60
    assert set(planted("new_category")[0]["product"]) - set(usual["product"]) == {"balloon"}
    assert set(planted("new_model")[0]["model"]) == {"v1", "v2"}
    assert planted("protected_read")[1].filter(role="credit_model", field="race").height == 1
    assert set(planted("new_principal")[1]["principal"]) - set(usually["principal"]) == {"contractor-7"}
    night = planted("night_export")[1].filter(pl.col("read_at").dt.convert_time_zone("America/New_York").dt.hour() < 7)
    assert set(night["principal"]) == {"analyst-1"}
    assert night["rows"][0] == 40 * usual.height
    assert (
        reads(world("night_export@2026-03-03"), "credit_001", DAY + timedelta(days=1))
        .filter(pl.col("rows") > 30 * usual.height)
        .is_empty()
    )
    tried = {"ratio", "ratio_creep", "slow_creep", "decision_mix", "income_shift", "volume", "stops", "score_range"}
    assert tried | {"new_category", "new_model", "protected_read", "new_principal", "night_export"} == set(KINDS)


def test_rows_arrive_are_corrected_matured_and_deleted_as_time_goes_on():
    its = world(late=0.1, corrected=0.1, deleted=0.1, matures=10)
    seen = [rows_of(its, known=DAY + timedelta(days=age)) for age in (0, 5, 9, 10, 20, 60)]
    at_once, _, unmatured, matured, corrected, last = seen
    ids = [set(each["application_id"]) for each in seen]
    assert 0.07 < len(ids[1] - ids[0]) / len(ids[1]) < 0.13  # late
    assert 0.07 < len(ids[1] - ids[5]) / len(ids[1]) < 0.13  # deleted
    assert unmatured["repaid"].null_count() == unmatured.height
    assert matured.filter(decision="approved")["repaid"].null_count() == 0
    assert matured.filter(decision="denied")["repaid"].drop_nulls().is_empty()
    both = at_once.join(corrected, on="application_id")
    changed = both.filter(pl.col("amount") != pl.col("amount_right"))
    assert 0.07 < changed.height / both.height < 0.13
    assert corrected["amount"].max() < at_once["amount"].max()
    assert (last["arrived_on"] - last["decided_on"]).max() <= timedelta(days=5)


def test_reads_are_those_of_working_days_and_hours():
    week = {day: reads(world(), "credit_001", DAY + timedelta(days=day)) for day in range(-1, 6)}  # Monday to Sunday
    people = {day: set(log["principal"]) - {"svc-credit"} for day, log in week.items()}
    assert "fair-lending-analyst" in people[-1]
    assert all(people[day] >= {"analyst-2"} or week[day].height for day in range(4))
    assert people[4] | people[5] <= {"analyst-1"}
    assert reads(world(), "credit_001", date(2026, 7, 4)).filter(principal="analyst-2").is_empty()
    hires = world().hires("credit_001", 2026)
    after = pl.concat([reads(world(), "credit_001", hires[-1] + timedelta(days=day)) for day in range(10)])
    assert {"analyst-5", "analyst-6"} <= set(after["principal"])
    assert all(day.weekday() < 5 for day in hires)


@pytest.mark.parametrize(
    "text", ["ratio", "ratio@tomorrow", "ratio@2026-02-30", "rato@2026-03-01", "ratio@2026-03-02..2026-03-01"]
)
def test_what_is_no_fault_is_refused_in_words(text):
    with pytest.raises(WrongUse, match=r"Write|Did you mean|Exchange"):
        Fault.parse(text)
