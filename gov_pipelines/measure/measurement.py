"""One measured value of one metric, and the verdict a control reaches from several of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Verdict = Literal["pass", "warn", "fail", "insufficient", "missing", "report_only", "not_applicable"]

WORST_FIRST: tuple[Verdict, ...] = ("fail", "missing", "insufficient", "warn", "pass", "report_only", "not_applicable")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of results.

    Attributes:
        system: the audited system; None for ad-hoc files.
        window_start: first instant, UTC, inclusive.
        window_end: last instant, UTC, exclusive.
        metric: fairlearn's name or the law's.
        attribute: names of the columns that define the groups; for a drift measure, the column itself.
        group: column to value; None for an aggregate over groups. An unknown value is None.
        reference_group: the group compared with, None where there is none.
        stratum: column to value where the measure is conditional.
        value: None where undefined, with the reason in `note`.
        lower, upper: interval of `value` at `confidence`; None where no interval is defined.
        n: rows the value rests on.
        method: how value, interval and test were computed.
        p_value: of the test named in `method`, unadjusted.
        p_adjusted: adjusted over the family the control declares.
        e_value: evidence of the year's nights against equality, where the control holds its error over a year: the
            p value is 1 / e, and the adjusted one that of the family's share of it, valid at any night.
        minimum_detectable: smallest departure found with 80 % power at this n, in the metric's own unit.
        n_needed: the n at which a departure as large as this one would be found with 80 % power, the groups growing alike;
            None where there is none to find.
        tested: False for groups that are listed but not judged (too small, unknown).
        note: what the number does not say.
        recomputable: False where part of the row rests on random draws, or on rows that no tally keeps.
    """

    metric: str
    attribute: tuple[str, ...] = ()
    group: Mapping[str, str | None] | None = None
    reference_group: Mapping[str, str | None] | None = None
    stratum: Mapping[str, str | None] | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    n: int = 0
    method: str = ""
    p_value: float | None = None
    p_adjusted: float | None = None
    e_value: float | None = None
    minimum_detectable: float | None = None
    n_needed: int | None = None
    tested: bool = True
    note: str | None = None
    system: str | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    recomputable: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a control's limit says of its measurements.

    Attributes:
        verdict: one of the seven.
        reason: one sentence for a person, with the numbers.
        decisive: the measurement that decided, None where none could.
        breaches: decisions outside, for controls that judge decisions.
    """

    verdict: Verdict
    reason: str
    decisive: Measurement | None = None
    breaches: int = 0
    notes: tuple[str, ...] = field(default=())


def finite(number: float) -> float | None:
    """None where it has no bound, or is not a number."""
    return float(number) if math.isfinite(number) else None
