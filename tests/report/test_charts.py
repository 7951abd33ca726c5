"""Charts: static, described, told apart without colour, safe with hostile names."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.report.charts import forest, overlay, svg, timeline, verdict_strip
from gov_pipelines.report.charts.overlay import Share
from gov_pipelines.report.model import PastVerdict

pytest.importorskip("altair", reason="the extra `charts` is not installed")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart):
    root = ET.fromstring(svg(chart))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    return title.text, description.text, ["".join(each.itertext()) for each in root.iter(f"{SVG}text")], root


def test_forest_shows_every_group_worst_first_with_its_numbers(sample):
    title, description, texts, _ = drawn(forest(sample.RACE[:4], 0.8, "FL-5"))
    assert title == "FL-5"
    assert "race: black: impact ratio 0.743 (95 % interval 0.661 to 0.824; n 197; adjusted p < 0.0001)" in description
    groups = [text for text in texts if text.startswith("race: ")]
    assert groups == ["race: black", "race: hispanic", "race: white", "race: unknown"]
    assert {"0.743 (0.661 to 0.824), n 197", "0.910 (0.410 to 1.300), n 6, not judged", "at least 0.8"} <= set(texts)


def test_undefined_values_keep_their_row(sample):
    _, description, texts, _ = drawn(forest(sample.CROSSED, None, "FL-8"))
    assert "race: hispanic, sex: unknown" in texts
    assert "undefined, n 0, not judged" in texts
    assert "undefined (n 0)" not in texts
    assert "impact ratio undefined" in description


def test_nothing_defined_is_still_a_chart():
    nothing = [Measurement(metric="impact_ratio", group={"race": "a"}, attribute=("race",), note="no decisions")]
    _, _, texts, _ = drawn(forest(nothing, None, "empty"))
    assert "undefined, n 0" in texts


@pytest.mark.parametrize(("lower", "upper", "words"), [(0.7, None, "0.700 or more"), (None, 0.9, "0.900 or less")])
def test_a_one_sided_interval_says_so(lower, upper, words):
    one = Measurement(
        metric="impact_ratio", group={"race": "a"}, value=0.8, lower=lower, upper=upper, confidence=0.95, n=9
    )
    _, _, texts, _ = drawn(forest([one], 0.75, "one-sided"))
    assert f"0.800 ({words}), n 9" in texts


def test_beyond_differs_by_shape_and_depends_on_the_side(sample):
    def shapes(limit_is):
        _, _, _, root = drawn(
            forest([replace(m, lower=None, upper=None) for m in sample.RACE[1:3]], 0.8, "x", limit_is=limit_is)
        )
        return [
            path.get("d") for path in root.iter(f"{SVG}path") if "#b3311a" in (path.get("fill"), path.get("stroke"))
        ]

    low, high = shapes("at_least"), shapes("at_most")
    assert low == high != []
    assert "A" not in low[0]  # a diamond has no arc


def test_a_shared_stratum_is_said_once_in_the_title(sample):
    rows = [replace(m, stratum={"history": "1"}) for m in sample.RACE[:3]]
    title, _, texts, _ = drawn(forest(rows, 0.8, "FL-7"))
    assert title == "FL-7, among history: 1"
    assert "race: black" in texts
    _, _, texts, _ = drawn(forest([*rows, replace(sample.RACE[1], stratum={"history": "0"})], 0.8, "FL-7"))
    assert {"race: black, among history: 1", "race: black, among history: 0"} <= set(texts)


def test_psi_names_its_columns_and_the_limit(sample):
    _, description, texts, _ = drawn(forest(sample.DRIFT, 0.25, "FL-10", limit_is="at_most"))
    assert [text for text in texts if text in {"income", "amount", "decision"}] == ["amount", "income", "decision"]
    assert "at most 0.25" in texts
    assert "amount: psi 0.287" in description


def test_psi_of_nothing_defined():
    _, _, texts, _ = drawn(forest([Measurement(metric="psi", attribute=("income",), note="no reference")], None, "x"))
    assert "undefined, n 0" in texts


def test_the_strip_tells_runs_in_words_and_marks_missed_days(sample):
    views = {view.clause: view.history for view in sample.CONTROLS if view.history}
    _, description, texts, _ = drawn(verdict_strip(views))
    assert "FL-5: insufficient from 2026-09-01, warn from 2026-09-06, fail from 2026-09-10." in description
    assert [text for text in texts if text.startswith(("FL-", "PL-"))] == list(views)
    with_missed = svg(verdict_strip(views, missed=[sample.LAST + timedelta(days=1)]))
    assert with_missed.count("#5c2d80") > svg(verdict_strip(views)).count("#5c2d80")


def test_a_long_history_says_how_much_it_shows(sample):
    days = [PastVerdict(sample.FIRST + timedelta(days=i), "pass") for i in range(100)]
    title, description, _, _ = drawn(verdict_strip({"A-1": days}))
    assert "The newest 62 of 100 partitions." in title
    assert "The newest 62 of 100 partitions." in description


def test_hostile_names_stay_text():
    bad = "<script>alert(1)</script>&\"'"
    one = Measurement(metric="impact_ratio", group={"race": bad}, value=0.8, lower=0.7, upper=0.9, n=9, note=bad)
    for chart in (forest([one, one], 0.8, bad), verdict_strip({bad: []}, bad)):
        title, _, _, root = drawn(chart)
        assert title.startswith(bad)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "desc", "g", "path", "text", "line", "rect", "defs", "clipPath", "tspan"
        }  # fmt: skip


def test_two_charts_share_a_page_without_sharing_ids(sample):
    both = svg(forest(sample.RACE, 0.8, "a")) + svg(forest(sample.DRIFT, 0.25, "b", limit_is="at_most"))
    ids = re.findall(r'\bid="([^"]+)"', both)
    assert len(ids) == len(set(ids)) >= 4
    assert set(re.findall(r"url\(#([^)]+)\)", both)) <= set(ids)


def test_the_same_chart_is_the_same_text(sample):
    assert svg(forest(sample.RACE, 0.8, "a")) == svg(forest(sample.RACE, 0.8, "a"))


def nights(values, verdicts):
    """A night a value, the interval a tenth to each side."""
    for number, (value, verdict) in enumerate(zip(values, verdicts, strict=True)):
        measured = Measurement(
            metric="impact_ratio", value=value, lower=value and value - 0.1, upper=value and value + 0.1, n=9
        )
        yield PastVerdict(date(2026, 9, 1) + timedelta(days=number), verdict, number=measured)


def test_a_timeline_says_since_when_a_control_fails_without_a_break():
    verdicts = ["fail", "pass", "insufficient", "fail", "fail"]
    line = list(nights([0.7, 0.9, None, 0.75, 0.6], verdicts))
    title, described, texts, _ = drawn(timeline(line, 0.8, "FL-5"))
    assert (title, "at least 0.8" in texts, "failing since 2026-09-04" in texts) == ("FL-5", True, True)
    assert described.startswith("From 2026-09-01: 0.700, ")
    assert "to 2026-09-05: 0.600, " in described
    _, described, texts, _ = drawn(timeline(line[:3], None, "FL-5"))
    assert not any("since" in text for text in (described, *texts))


def test_a_timeline_of_a_year_shows_the_newest_and_says_so():
    year = list(nights([0.9] * 365, ["pass"] * 365))
    title, _, texts, _ = drawn(timeline(year, 0.8, "FL-5"))
    assert title == "FL-5. The newest 92 of 365 partitions."
    assert "08-31" in texts
    assert "09-01" not in texts


def test_a_timeline_marks_when_the_change_began_that_an_alarm_tells_of(sample):
    line = list(nights([0.9, 0.9, 0.7, 0.7], ["pass"] * 4))
    alarmed = replace(line[-1].number, note="few; changed about 2026-09-03 (95 %: 2026-09-02 to 2026-09-04)")
    view = replace(sample.CONTROLS[4], measurements=(replace(alarmed, group={"race": "b"}, note=None), alarmed))
    changed = replace(view, history=tuple(line)).changed
    assert changed == date(2026, 9, 3)
    _, described, texts, _ = drawn(timeline(line, 0.8, "FL-5", changed=changed))
    assert "changed about 2026-09-03" in texts
    assert "Changed about 2026-09-03." in described
    assert replace(view, history=tuple(line), measurements=()).changed is None


def test_axes_name_each_year_once_and_the_strip_begins_with_the_newest_day():
    weeks = [PastVerdict(date(2025, 11, 3) + timedelta(days=7 * number), "pass") for number in range(16)]
    _, _, texts, _ = drawn(verdict_strip({"A-1": weeks}))
    assert [text for text in texts if "-" in text] == ["202602-16", "202512-29", "11-10", "A-1"]
    _, _, texts, _ = drawn(timeline(weeks, None, "A-1"))
    assert [text for text in texts if text.startswith(("11", "12", "02"))] == ["11-102025", "12-29", "02-162026"]


def test_an_overlay_tells_both_sizes_and_what_lies_farthest_apart():
    shares = [Share("a", 10, 30), Share("b", 90, 60), Share("c", 0, 10)]
    _, described, texts, _ = drawn(overlay(shares, "FL-6: amount"))
    assert "bars: window, n 100; lines: reference, n 100" in texts
    assert described == (
        "100 rows against 100. Farthest apart: b: 60.0% before, 90.0% now; a: 30.0% before, 10.0% now; c: 10.0% before, 0.0% now."
    )
    many = [Share(f"v{number:02}", 1, 1) for number in range(30)]
    _, _, texts, _ = drawn(overlay(many, "many"))
    assert "10 others" in texts
    _, described, _, _ = drawn(overlay([Share("a", 0, 4)], "no rows now"))
    assert described == "0 rows against 4. Farthest apart: nothing to compare."
