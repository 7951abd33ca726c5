"""A second opinion: fairlearn recomputes the group measures it defines, and any difference is named.

Definitions: fairlearn 0.15, frames of `selection_rate`, the true and false positive and negative rates, accuracy and error,
with their differences and ratios between groups (largest minus smallest rate, smallest over largest); `demographic_parity_*`,
`equal_opportunity_*` and `equalized_odds_*` are those, or the worst of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy.kinds import NEEDS, SHAPES
from gov_pipelines.policy.kinds.rates import Form

if TYPE_CHECKING:
    from gov_pipelines.measure import Measurement, Tally

TOLERANCE = 1e-9

Group = tuple[str, ...]

_RATES = {  # ours to the functions that fairlearn's frames take
    "selection_rate": ("fairlearn.metrics", "selection_rate"),
    "true_positive_rate": ("fairlearn.metrics", "true_positive_rate"),
    "true_negative_rate": ("fairlearn.metrics", "true_negative_rate"),
    "false_positive_rate": ("fairlearn.metrics", "false_positive_rate"),
    "false_negative_rate": ("fairlearn.metrics", "false_negative_rate"),
    "accuracy": ("sklearn.metrics", "accuracy_score"),
    "error_rate": ("sklearn.metrics", "zero_one_loss"),
}
DEFINED_BY_FAIRLEARN = frozenset(
    name for name, shape in SHAPES.items() if _RATES.keys() >= {*shape.rates} and not name.startswith("scoring")
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One measurement of ours that fairlearn does not confirm.

    Attributes:
        metric: the metric's name.
        attribute: columns that define the groups.
        group: the group, None for an aggregate over groups.
        stratum: column to value where the measure is conditional.
        ours: our value.
        theirs: fairlearn's value, None where it defines none.
    """

    metric: str
    attribute: tuple[str, ...]
    group: Mapping[str, str | None] | None
    stratum: Mapping[str, str | None] | None
    ours: float
    theirs: float | None


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What fairlearn said of our measurements.

    Attributes:
        agrees: whether nothing disagrees; it says nothing where `compared` is 0.
        compared: how many of our measurements were recomputed.
        largest_difference: the largest absolute difference, in the metric's own unit; 0 where nothing was compared.
        disagreements: measurements that differ by more than the tolerance, or that fairlearn does not define.
        rows: what fairlearn was given: the accepted rows, like ones once with their number as weight; or the tally's cells.
        fairlearn: its version.
    """

    agrees: bool
    compared: int
    largest_difference: float
    disagreements: tuple[Disagreement, ...]
    rows: Literal["accepted rows", "tally cells"]
    fairlearn: str


def second_opinion(
    measurements: Sequence[Measurement],
    tally: Tally,
    rows: pl.DataFrame | None = None,
    *,
    reference: Mapping[str, str] | None = None,
) -> SecondOpinion:
    """Let fairlearn recompute our rates, their differences and ratios, for known groups.

    Only what we define is compared. A row of one group is held against fairlearn's rates of it and of its reference
    group; an aggregate against fairlearn's own, over the groups that `measurements` says were tested (every known group
    of the attribute, where it lists none). `impact_ratio` is the law's name of `demographic_parity_ratio`. Undecided
    decisions and unknown values are left out, and where the rate needs one, decisions without a label.

    Args:
        measurements: measurements of one window; metrics that fairlearn does not define are passed over.
        tally: the tally of that window.
        rows: accepted decisions of that window: `outcome` (favorable, unfavorable, undecided), `label` (positive,
            negative), the protected attributes and the strata. Like ones are counted here, apart from the tally, and given
            once with their number as `sample_weight`, since fairlearn walks rows in Python. None where they are not at
            hand: fairlearn is then given the tally's cells.
        reference: the group that the control declares to compare with. fairlearn knows the best group only, so
            aggregates are then taken from its selection rates.

    Returns:
        What agrees, and each measurement that does not to `TOLERANCE`.

    Raises:
        WrongUse: the measurements are of more than one window.
    """
    import fairlearn  # noqa: PLC0415  (scikit-learn behind it takes seconds)

    windows = {(each.window_start, each.window_end) for each in measurements}
    if len(windows) > 1:
        raise WrongUse(f"A second opinion is about one window; these measurements are of {len(windows)}. Ask for each.")
    data = tally.cells if rows is None else rows.group_by(pl.all()).len("n")
    scopes: dict[object, _Scope] = {}
    compared, largest, disagreements = 0, 0.0, []
    for ours in measurements:
        if ours.value is None or not _defined_by_fairlearn(ours):
            continue
        theirs = _recomputed(ours, measurements, data, scopes, declared=reference is not None)
        compared += 1
        difference = math.inf if theirs is None else abs(ours.value - theirs)
        largest = largest if theirs is None else max(largest, difference)
        if not difference <= TOLERANCE:
            found = Disagreement(ours.metric, ours.attribute, ours.group, ours.stratum, ours.value, theirs)
            disagreements.append(found)
    return SecondOpinion(
        agrees=not disagreements,
        compared=compared,
        largest_difference=largest,
        disagreements=tuple(disagreements),
        rows="tally cells" if rows is None else "accepted rows",
        fairlearn=fairlearn.__version__,
    )


def _recomputed(
    ours: Measurement,
    measurements: Sequence[Measurement],
    data: pl.DataFrame,
    scopes: dict[object, _Scope],
    *,
    declared: bool,
) -> float | None:
    """The same measure from fairlearn; None where it has no value."""
    shape = SHAPES[ours.metric]
    found = []
    for rate in shape.rates:
        key = (ours.attribute, tuple(sorted((ours.stratum or {}).items())), rate)
        if key not in scopes:
            name = f"{rate}_{shape.form}" if len(shape.rates) > 1 else ours.metric
            scopes[key] = _Scope(ours, rate, [each for each in measurements if each.metric == name], data)
        found.append(scopes[key].recompute(ours, shape.form, declared=declared))
    told = [value for value in found if value is not None]
    return None if len(told) < len(found) else max(told) if shape.form == "difference" else min(told)


class _Scope:
    """The decisions of one attribute and stratum as fairlearn takes them: known groups by position, and one rate of each."""

    def __init__(self, ours: Measurement, rate: str, measurements: Sequence[Measurement], data: pl.DataFrame) -> None:
        attribute, stratum = list(ours.attribute), ours.stratum or {}
        labelled = NEEDS.get(rate) == "label"
        decided = data.filter(
            pl.col("outcome").is_in(["favorable", "unfavorable"]),
            *(pl.col(name).is_not_null() for name in [*attribute, *(["label"] if labelled else [])]),
            *(pl.col(name).cast(pl.String).eq_missing(pl.lit(value)) for name, value in stratum.items()),
        )
        of_rows: list[Group] = decided.select(pl.col(attribute).cast(pl.String)).rows()
        self.groups = sorted(set(of_rows))
        position = {group: code for code, group in enumerate(self.groups)}
        self.codes = np.array([position[group] for group in of_rows], dtype=np.int64)
        self.favorable = (decided["outcome"] == "favorable").cast(pl.Int64).to_numpy()
        self.label = (decided["label"] == "positive").cast(pl.Int64).to_numpy() if labelled else self.favorable
        self.weights = decided["n"].cast(pl.Int64).to_numpy()
        self.function = getattr(import_module(_RATES[rate][0]), _RATES[rate][1])
        alike = (each for each in measurements if each.attribute == ours.attribute and (each.stratum or {}) == stratum)
        listed = [each for each in alike if each.group is not None]
        tested = {_group(each, each.group) for each in listed if each.tested and not _unknown(each.group)}
        self.tested: set[Group | None] = tested if listed else {*self.groups}
        self.rates: dict[Group | None, float] = {}
        if self.groups:
            self.every = self._frame(np.ones(len(self.codes), bool))
            self.rates = {self.groups[code]: float(value) for code, value in self.every.by_group.items()}

    def _frame(self, kept: NDArray[np.bool_]) -> Any:
        from fairlearn.metrics import MetricFrame  # noqa: PLC0415  (seconds of import)

        return MetricFrame(
            metrics=self.function,
            y_true=self.label[kept],
            y_pred=self.favorable[kept],
            sensitive_features={"group": self.codes[kept]},  # fairlearn cannot take a bare array of one row
            sample_params={"sample_weight": self.weights[kept]},
        )

    def recompute(self, ours: Measurement, form: Form, *, declared: bool) -> float | None:
        """The same measure from fairlearn; None where it has no value."""
        base = self.rates.get(_group(ours, ours.reference_group))
        if ours.group is not None:
            return _against(form, self.rates.get(_group(ours, ours.group)), base)
        if not declared:
            return self._over_tested(form)
        others = self.tested - {_group(ours, ours.reference_group)}
        found = (_against(form, self.rates.get(group), base) for group in others)
        pick = max if form == "difference" else min
        return pick((each for each in found if each is not None), default=None)

    def _over_tested(self, form: Form) -> float | None:
        """One of fairlearn's aggregates over the tested groups."""
        kept = np.isin(self.codes, [code for code, group in enumerate(self.groups) if group in self.tested])
        if not kept.any():
            return None
        frame = self.every if kept.all() else self._frame(kept)  # a frame takes more time than all the rest
        value = float(getattr(frame, form)(method="between_groups"))
        return None if math.isnan(value) else value


def _defined_by_fairlearn(ours: Measurement) -> bool:
    """Whether it is a rate of a known group, or what fairlearn makes of such rates."""
    if not ours.attribute or _unknown(ours.group) or _unknown(ours.reference_group):
        return False
    if ours.metric not in DEFINED_BY_FAIRLEARN:
        return False
    return ours.group is not None or (SHAPES[ours.metric].form != "rate" and ours.metric != "adverse_impact_ratio")


def _unknown(group: Mapping[str, str | None] | None) -> bool:
    return group is not None and None in group.values()


def _group(ours: Measurement, values: Mapping[str, str | None] | None) -> Group | None:
    return None if values is None else tuple(str(values[name]) for name in ours.attribute)


def _against(form: Form, rate: float | None, base: float | None) -> float | None:
    """A group's rate beside that of the group it is compared with; None where either is undefined."""
    if form == "rate" or rate is None:
        return rate
    if base is None or (base == 0 and form == "ratio"):
        return None
    return base - rate if form == "difference" else rate / base
