"""The rates that groups are compared by, and the names under which a clause asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Good = Literal["large", "small", "zero", "one", "either"]
"""Which values a person wants of a number: large or small ones, near zero or one; either, where it depends."""

Form = Literal["rate", "difference", "ratio"]

_DECIDED: Mapping[str, Good] = {"selection_rate": "either", "rejection_rate": "small", "labelled_rate": "large"}
_LABELLED: Mapping[str, Good] = {
    "true_positive_rate": "large",
    "false_negative_rate": "small",
    "false_positive_rate": "small",
    "true_negative_rate": "large",
    "precision": "large",
    "false_discovery_rate": "small",
    "negative_predictive_value": "large",
    "false_omission_rate": "small",
    "accuracy": "large",
    "error_rate": "small",
    "base_rate": "either",
}
_HANDLED = ("review_rate", "abstain_rate")
_PROPOSED = (
    "override_rate", "agreement_rate", "withdrawn_rate", "granted_rate", "proposed_selection_rate", "final_selection_rate",
)  # fmt: skip
GOOD: Mapping[str, Good] = {**_DECIDED, **_LABELLED, **dict.fromkeys((*_HANDLED, *_PROPOSED), "either")}
"""Each rate, a proportion of decisions, and which values of it a person wants.

Positive is a favorable decision, and a positive label.
"""

NEEDS: Mapping[str, str] = {**dict.fromkeys(_LABELLED, "label"), **dict.fromkeys(_PROPOSED, "proposal")}
"""What a decision must have to count in a rate, where that is more than an outcome."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a metric of groups is made of.

    Attributes:
        rates: names of `GOOD`; of several, the worst counts.
        form: the rate itself, the largest less the smallest, or the smallest over the largest.
    """

    rates: tuple[str, ...]
    form: Form


_LAW: Mapping[str, Shape] = {
    "impact_ratio": Shape(("selection_rate",), "ratio"),
    "adverse_impact": Shape(("selection_rate",), "ratio"),
    "adverse_impact_ratio": Shape(("selection_rate",), "ratio"),
    "scoring_rate": Shape(("selection_rate",), "rate"),  # of a tally whose outcome is the score
    "scoring_impact_ratio": Shape(("selection_rate",), "ratio"),
}
_TOGETHER = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "predictive_parity": ("precision",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "conditional_use_accuracy": ("precision", "negative_predictive_value"),
}
_OTHERWISE = {  # the difference of what is good when small is that of its complement, of which the best group has most
    "rejection_rate": "selection_rate",
    "false_negative_rate": "true_positive_rate",
    "false_positive_rate": "true_negative_rate",
    "false_discovery_rate": "precision",
    "false_omission_rate": "negative_predictive_value",
    "error_rate": "accuracy",
}


def _upright(rates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_OTHERWISE.get(rate, rate) for rate in rates)


SHAPES: Mapping[str, Shape] = {
    **_LAW,
    **{rate: Shape((rate,), "rate") for rate in GOOD},
    **{f"{name}_ratio": Shape(rates, "ratio") for name, rates in _TOGETHER.items()},
    **{f"{name}_difference": Shape(_upright(rates), "difference") for name, rates in _TOGETHER.items()},
    **{f"{rate}_ratio": Shape((rate,), "ratio") for rate in GOOD},
    **{f"{rate}_difference": Shape(_upright((rate,)), "difference") for rate in GOOD},
}
"""Each metric that is made of rates."""
