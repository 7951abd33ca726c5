"""The page on people says the numbers and states the code has."""

from typing import get_args

import pytest
from command import ROOT

from gov_pipelines.people.findings import DUE_AFTER, REPORT_WITHIN
from gov_pipelines.people.obligations import State

PAGE = (ROOT / "docs" / "people.md").read_text()
ROWS = [
    *(f"| {severity} | {days} working days |" for severity, days in DUE_AFTER.items()),
    *(f"| `{kind}` | {days} days |" for kind, days in REPORT_WITHIN.items()),
    *(f"| `{state}` |" for state in get_args(State)),
]


@pytest.mark.parametrize("row", ROWS)
def test_the_page_has_the_row(row):
    assert row in PAGE
