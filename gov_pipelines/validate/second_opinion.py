"""A second opinion: fairlearn recomputes the group measures it defines, and any difference is named.

Definitions: fairlearn 0.15, `selection_rate`, `demographic_parity_difference` and `demographic_parity_ratio`
(between groups: largest minus smallest rate, smallest over largest).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from gov_pipelines.errors import WrongUse

if TYPE_CHECKING:
    from gov_pipelines.measure import Tally
    from gov_pipelines.measure.measurement import Measurement

TOLERANCE = 1e-9
ROW_CAP = 200_000

Group = tuple[str, ...]


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
        rows: what fairlearn was given.
        fairlearn: its version.
    """

    agrees: bool
    compared: int
    largest_difference: float
    disagreements: tuple[Disagreement, ...]
    rows: Literal["accepted rows", "tally cells"]
    fairlearn: str


def second_opinion(
    measurements: Sequence[Measurement], tally: Tally, rows: pl.DataFrame | None = None, *, cap: int = ROW_CAP
) -> SecondOpinion:
    """Let fairlearn recompute our selection rates, their differences and ratios, for known groups.

    Only what we define is compared. Aggregates are recomputed over the groups that `measurements` says were tested
    (every known group of the attribute, where it lists none). Undecided decisions and unknown values are left out.

    Args:
        measurements: measurements of one window; metrics that fairlearn does not define are passed over.
        tally: the tally of that window.
        rows: accepted decisions of that window: `outcome` (favorable, unfavorable, undecided), the protected
            attributes and the strata. None where they are not at hand.
        cap: more rows than this, and fairlearn is given the tally's cells, their counts as `sample_weight`.

    Returns:
        What agrees, and each measurement that does not to `TOLERANCE`.

    Raises:
        WrongUse: the measurements are of more than one window.
    """
    import fairlearn  # noqa: PLC0415  (scikit-learn behind it takes seconds)

    windows = {(each.window_start, each.window_end) for each in measurements}
    if len(windows) > 1:
        raise WrongUse(
            f"A second opinion is about one window; these measurements are of {len(windows)}. Ask for each."
        )
    by_rows = rows is not None and rows.height <= cap
    data = rows.with_columns(n=1) if rows is not None and by_rows else tally.cells
    scopes: dict[tuple[object, ...], _Scope] = {}
    compared, largest, disagreements = 0, 0.0, []
    for ours in measurements:
        recompute = _RECOMPUTED.get((ours.metric, ours.group is not None))
        if recompute is None or ours.value is None or not ours.attribute or _unknown(ours.group):
            continue
        key = (ours.attribute, tuple(sorted((ours.stratum or {}).items())))
        if key not in scopes:
            scopes[key] = _scope(ours, measurements, data)
        theirs = recompute(scopes[key], ours)
        compared += 1
        difference = math.inf if theirs is None else abs(ours.value - theirs)
        if theirs is not None:
            largest = max(largest, difference)
        if not difference <= TOLERANCE:
            disagreements.append(
                Disagreement(ours.metric, ours.attribute, ours.group, ours.stratum, ours.value, theirs)
            )
    return SecondOpinion(
        agrees=not disagreements,
        compared=compared,
        largest_difference=largest,
        disagreements=tuple(disagreements),
        rows="accepted rows" if by_rows else "tally cells",
        fairlearn=fairlearn.__version__,
    )


@dataclass(frozen=True)
class _Scope:
    """The decisions of one attribute and stratum, as fairlearn takes them.

    Attributes:
        groups: the known groups that occur; a decision names its own by position.
        codes: position of the group of each row.
        favorable: 1 or 0 of each row.
        weights: decisions each row stands for.
        tested: the groups that aggregates are taken over.
    """

    groups: tuple[Group, ...]
    codes: np.ndarray[tuple[int], np.dtype[np.int64]]
    favorable: np.ndarray[tuple[int], np.dtype[np.int64]]
    weights: np.ndarray[tuple[int], np.dtype[np.int64]]
    tested: frozenset[Group]

    @cached_property
    def rates(self) -> dict[Group, float]:
        """Selection rate of every known group."""
        from fairlearn.metrics import MetricFrame, selection_rate  # noqa: PLC0415  (seconds of import)

        if not self.groups:
            return {}
        frame = MetricFrame(
            metrics=selection_rate,
            y_true=self.favorable,
            y_pred=self.favorable,
            sensitive_features=self.codes,
            sample_params={"sample_weight": self.weights},
        )
        return {self.groups[code]: float(rate) for code, rate in frame.by_group.items()}

    def over_tested(self, name: str) -> float | None:
        """One of fairlearn's aggregates over the tested groups; None where it has no value."""
        from fairlearn import metrics  # noqa: PLC0415  (seconds of import)

        kept = np.isin(self.codes, [code for code, group in enumerate(self.groups) if group in self.tested])
        if not kept.any():
            return None
        y = self.favorable[kept]
        value = float(
            getattr(metrics, name)(
                y, y, sensitive_features=self.codes[kept], sample_weight=self.weights[kept]
            )
        )
        return None if math.isnan(value) else value


def _scope(ours: Measurement, measurements: Sequence[Measurement], data: pl.DataFrame) -> _Scope:
    """The decided, known rows of one attribute and stratum, and the groups our measurements tested in it."""
    attribute, stratum = list(ours.attribute), ours.stratum or {}
    decided = data.filter(
        pl.col("outcome").is_in(["favorable", "unfavorable"]),
        *(pl.col(name).is_not_null() for name in attribute),
        *(pl.col(name).eq_missing(pl.lit(value)) for name, value in stratum.items()),
    )
    of_rows: list[Group] = decided.select(attribute).rows()
    groups = tuple(sorted(set(of_rows)))
    position = {group: code for code, group in enumerate(groups)}
    listed = [
        each
        for each in measurements
        if each.group is not None and each.attribute == ours.attribute and (each.stratum or {}) == stratum
    ]
    tested = frozenset(_group(each) for each in listed if each.tested and not _unknown(each.group))
    return _Scope(
        groups=groups,
        codes=np.array([position[group] for group in of_rows], dtype=np.int64),
        favorable=(decided["outcome"] == "favorable").cast(pl.Int64).to_numpy(),
        weights=decided["n"].cast(pl.Int64).to_numpy(),
        tested=tested if listed else frozenset(groups),
    )


def _unknown(group: Mapping[str, str | None] | None) -> bool:
    return group is not None and None in group.values()


def _group(ours: Measurement) -> Group:
    group = ours.group or {}
    return tuple(str(group[name]) for name in ours.attribute)


# Metric and whether it is of one group, to how fairlearn has it.
_RECOMPUTED: dict[tuple[str, bool], Callable[[_Scope, Measurement], float | None]] = {
    ("selection_rate", True): lambda scope, ours: scope.rates.get(_group(ours)),
    ("demographic_parity_difference", False): lambda scope, _: scope.over_tested(
        "demographic_parity_difference"
    ),
    ("demographic_parity_ratio", False): lambda scope, _: scope.over_tested("demographic_parity_ratio"),
}
