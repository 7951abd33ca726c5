"""How old a document is: in time until the same date of a later year, missing where nobody dated it."""

from datetime import date

import pytest

from gov_pipelines.measure import freshness_measurement, judge
from gov_pipelines.policy.kinds import Freshness


def verdict(of_groups, declare, day, within="1 year", dated=None):
    control = Freshness.model_validate({"kind": "freshness", "of": "bias_audit", "within": within})
    declaration = declare(documents={} if dated is None else {"bias_audit": dated})
    row = freshness_measurement(None, 1, control, declaration, day)
    return judge(control, [row], partitions_present=1, partitions_expected=1)


@pytest.mark.parametrize(
    ("dated", "within", "last"),
    [
        (date(2025, 11, 22), "1 year", date(2026, 11, 22)),
        (date(2024, 2, 29), "1 year", date(2025, 2, 28)),
        (date(2026, 1, 31), "1 month", date(2026, 2, 28)),
        (date(2026, 1, 31), "30 days", date(2026, 3, 2)),
    ],
)
def test_good_until_its_last_day_and_not_one_more(of_groups, declare, dated, within, last):
    assert verdict(of_groups, declare, last, within, dated).verdict == "pass"
    late = verdict(of_groups, declare, date.fromordinal(last.toordinal() + 1), within, dated)
    assert late.verdict == "fail"
    assert late.reason == f"The document bias_audit is dated {dated}, good until {last}; that is 1 day past."


def test_no_date_or_one_ahead_is_missing(of_groups, declare):
    assert verdict(of_groups, declare, date(2026, 9, 1)).verdict == "missing"
    ahead = verdict(of_groups, declare, date(2026, 9, 1), dated=date(2026, 9, 2))
    assert ahead.verdict == "missing"
    assert "after this day" in ahead.reason
