"""The steps of a night by the names the graph calls them."""

from __future__ import annotations

from gov_pipelines.pipeline.night import (
    Night,
    StepResult,
    compare_access,
    judge,
    measure_fairness,
    measure_shift,
    measurements_of,
    read_access,
    read_decisions,
    tally,
)
from gov_pipelines.pipeline.pages import write_report
from gov_pipelines.pipeline.signing import sign, sign_missed, verdict_rows
from gov_pipelines.pipeline.verdicts import reach_verdicts

control_measurements = measurements_of

__all__ = [
    "Night",
    "StepResult",
    "compare_access",
    "control_measurements",
    "judge",
    "measure_fairness",
    "measure_shift",
    "reach_verdicts",
    "read_access",
    "read_decisions",
    "sign",
    "sign_missed",
    "tally",
    "verdict_rows",
    "write_report",
]
