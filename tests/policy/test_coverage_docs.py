"""The page on coverage names every state, every weight and every field."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from gov_pipelines.policy import GAPS, CoverageCell, Orphan, State

PAGE = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()


def test_every_state_has_its_row_and_says_whether_it_is_a_gap():
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", PAGE, flags=re.MULTILINE))
    assert set(rows) == set(get_args(State))
    assert {state for state, gap in rows.items() if gap == "yes"} == set(GAPS)


def test_every_field_is_named():
    told = PAGE.split("## For other programs")[1]
    for field in [*fields(CoverageCell), *fields(Orphan)]:
        assert f"`{field.name}`" in told
