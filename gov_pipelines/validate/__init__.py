"""Does it hold: policies compiled to Great Expectations suites, suites run to one verdict a control.

Importing this room imports neither Great Expectations nor fairlearn nor pandas: they load when a suite runs.
"""

from __future__ import annotations

from gov_pipelines.validate.outcome import PASSED, Outcome, outcome
from gov_pipelines.validate.run import run_suite
from gov_pipelines.validate.second_opinion import DEFINED_BY_FAIRLEARN, Disagreement, SecondOpinion, second_opinion
from gov_pipelines.validate.suites import compile_suites, stale_suites, write_suites

__all__ = [
    "DEFINED_BY_FAIRLEARN",
    "PASSED",
    "Disagreement",
    "Outcome",
    "SecondOpinion",
    "compile_suites",
    "outcome",
    "run_suite",
    "second_opinion",
    "stale_suites",
    "write_suites",
]
