"""The kinds of control a clause can be bound to: what each may say, how it acts by default, what it looks at."""

from __future__ import annotations

from gov_pipelines.policy.kinds.access_pattern import AccessPattern
from gov_pipelines.policy.kinds.bound import (
    Acts,
    BoundControl,
    Incident,
    Judges,
    OnFail,
    Past,
    Severity,
    Test,
    over_year,
)
from gov_pipelines.policy.kinds.data_access import DataAccess
from gov_pipelines.policy.kinds.decisions import ApprovedModel, Deadline, DecisionRule, DecisionScope, HumanReview
from gov_pipelines.policy.kinds.fairness import DIFFERENCES, RATES, SIGNED, Fairness
from gov_pipelines.policy.kinds.populations import (
    ACCESS_LOG,
    ORDERED,
    Drift,
    Expectation,
    Freshness,
    LogQuality,
    OperatingRange,
)
from gov_pipelines.policy.kinds.rates import GOOD, NEEDS, SHAPES

Control = (
    AccessPattern | ApprovedModel | DataAccess | Deadline | DecisionRule | DecisionScope
    | Drift | Expectation | Fairness | Freshness | HumanReview | LogQuality | OperatingRange
)  # fmt: skip

__all__ = [
    "ACCESS_LOG", "DIFFERENCES", "GOOD", "NEEDS", "ORDERED", "RATES", "SHAPES", "SIGNED", "AccessPattern", "Acts", "ApprovedModel", "BoundControl", "Control", "DataAccess", "Deadline", "DecisionRule", "DecisionScope", "Drift", "Expectation", "Fairness", "Freshness", "HumanReview", "Incident", "Judges", "LogQuality", "OnFail", "OperatingRange", "Past", "Severity", "Test", "over_year",
]  # fmt: skip
