"""The kinds of control a clause can be bound to, a module each: what it may say, how it acts by default, what it looks at."""

from __future__ import annotations

from gov_pipelines.policy.kinds.access_pattern import AccessPattern
from gov_pipelines.policy.kinds.approved_model import ApprovedModel
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
from gov_pipelines.policy.kinds.deadline import Deadline
from gov_pipelines.policy.kinds.decision_rule import DecisionRule
from gov_pipelines.policy.kinds.decision_scope import DecisionScope
from gov_pipelines.policy.kinds.drift import ORDERED, Drift
from gov_pipelines.policy.kinds.expectation import Expectation
from gov_pipelines.policy.kinds.fairness import DIFFERENCES, RATES, SIGNED, Fairness
from gov_pipelines.policy.kinds.freshness import ACCESS_LOG, Freshness
from gov_pipelines.policy.kinds.human_review import HumanReview
from gov_pipelines.policy.kinds.log_quality import LogQuality
from gov_pipelines.policy.kinds.operating_range import OperatingRange
from gov_pipelines.policy.kinds.rates import GOOD, NEEDS, SHAPES

Control = (
    AccessPattern
    | ApprovedModel
    | DataAccess
    | Deadline
    | DecisionRule
    | DecisionScope
    | Drift
    | Expectation
    | Fairness
    | Freshness
    | HumanReview
    | LogQuality
    | OperatingRange
)

__all__ = [
    "ACCESS_LOG", "DIFFERENCES", "GOOD", "NEEDS", "ORDERED", "RATES", "SHAPES", "SIGNED", "AccessPattern", "Acts", "ApprovedModel", "BoundControl", "Control", "DataAccess", "Deadline", "DecisionRule", "DecisionScope", "Drift", "Expectation", "Fairness", "Freshness", "HumanReview", "Incident", "Judges", "LogQuality", "OnFail", "OperatingRange", "Past", "Severity", "Test", "over_year",
]  # fmt: skip
