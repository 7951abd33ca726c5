"""Measurements in words, for the one sentence a verdict gives as its reason. Groups are named by their values alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import get_args

from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics.comparisons import POWER
from gov_pipelines.policy.kinds import SHAPES
from gov_pipelines.policy.kinds.access_pattern import Watched

_NAMES = {
    "psi": "population stability index",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance",
    "wasserstein_normed": "Wasserstein distance in standard deviations",
    "jensen_shannon_distance": "Jensen-Shannon distance",
    "jensen_shannon_divergence": "Jensen-Shannon divergence",
    "hellinger": "Hellinger distance",
    "total_variation": "total variation distance",
    "l_infinity": "largest difference of shares",
    "cramers_v": "Cramer's V",
    "cramers_v_corrected": "Cramer's V, corrected for bias,",
    "hours_since_newest": "time in hours since the newest decision",
    "hours_since_read": "time in hours since the newest read",
    "rows_outside_range": "number of rows outside the range",
    "days_outside_range": "number of days outside the range",
    "hours_outside_range": "number of hours outside the range",
    "reads_ratio": "number of reads a day, in units of the reference's,",
    "volume_to_usual": "number of decisions a day",
    "share_to_usual": "number of decisions",
    "new_values": "number of new values",
    "reads_to_usual": "number of reads a day",
    "rows_to_usual": "number of rows read a day",
    **{f"new_{column}s": f"number of new {column}s" for column in get_args(Watched)},
    "days_past_due": "number of days past due",
    "availability_z": "distance in standard deviations from the available share",
}
_TESTS = {
    "Fisher exact": "Fisher's exact test",
    "Cochran-Mantel-Haenszel": "Cochran-Mantel-Haenszel test",
    "Welch": "Welch's test",
    "binomial test": "exact binomial test",
    "Kolmogorov-Smirnov": "Kolmogorov-Smirnov test",
    "chi-square": "chi-square test",
}
_WITHOUT_POWER = frozenset({"availability_z", "wasserstein", "wasserstein_normed"})
"""Metrics whose smallest departure is not worked out: it depends on more than the sizes."""


def metric(metric_id: str) -> str:
    """A metric's name in words."""
    return _NAMES.get(metric_id, metric_id.replace("_", " "))


def group(values: Mapping[str, str | None]) -> str:
    """A group by its values: `black, female`."""
    return ", ".join("unknown" if value is None else value for value in values.values())


def name(row: Measurement) -> str:
    """What was measured, and of what: `The impact ratio of black`."""
    words = f"The {metric(row.metric)}"
    if row.metric.endswith("_to_usual"):
        of = ", ".join(f"{name}: {value or 'unknown'}" for name, value in (row.group or {}).items()) or "".join(
            row.attribute
        )
        return f"{words} ({of})" if of else words
    if row.group is not None:
        within = "" if {*row.attribute} >= row.group.keys() else f" of {' and '.join(row.attribute)} within"
        return f"{words}{within or ' of'} {group(row.group)}"
    if not row.attribute:
        return words
    link = "by" if row.metric in SHAPES and SHAPES[row.metric].form != "rate" else "of"
    return f"{words} {link} {' and '.join(row.attribute)}"


def number(value: float) -> str:
    """Three digits after the point; more where the number is small."""
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"


def inside(at_least: float | None, at_most: float | None) -> str:
    """Limits that hold: `at least 0.8 and at most 1.25`."""
    parts = [f"at least {at_least:g}"] if at_least is not None else []
    return " and ".join(parts + ([f"at most {at_most:g}"] if at_most is not None else []))


def said(row: Measurement, rows: Sequence[Measurement]) -> str:
    """A measurement with its certainty: value, interval, n, and whom it is compared with.

    Args:
        row: the measurement; it has a value.
        rows: all of the control's, to look up the size of the group compared with.
    """
    assert row.value is not None
    certainty = f"n = {row.n:,}"
    if row.group is not None and row.reference_group is not None:
        base = next((one for one in rows if one.group == row.reference_group == one.reference_group), None)
        certainty += f" against {f'{base.n:,} ' if base else ''}{group(row.reference_group)}"
    if row.confidence is not None and not row.lower == row.upper is None:
        kind = "simultaneous interval" if "simultaneous" in row.method else "interval"
        low = "no lower limit" if row.lower is None else number(row.lower)
        high = "no upper limit" if row.upper is None else number(row.upper)
        certainty = f"{100 * row.confidence:g} % {kind} {low} to {high}; {certainty}"
    return f"{name(row)} is {number(row.value)} ({certainty})"


def tested(row: Measurement, digits: int) -> str:
    """What the test says: of one sample, or of all nights of the year so far."""
    if row.p_adjusted is None:
        return "not tested"
    if row.e_value is None:
        name = next((test for sign, test in _TESTS.items() if sign in row.method), "the test of its method")
        return f"{name}, adjusted p = {row.p_adjusted:.{digits}g}"
    since = next((f", {note}" for note in (row.note or "").split("; ") if note.startswith("changed about")), "")
    return f"evidence of the year's nights, p = {row.p_adjusted:.{digits}g} at any night{since}"


def reachable(row: Measurement) -> str:
    """What this sample could have shown."""
    if row.metric in _WITHOUT_POWER or row.e_value is not None:
        return ""
    if row.minimum_detectable is None:
        return "; this sample is too small to show any departure"
    return f"; with 80 % power this sample shows {number(row.minimum_detectable)} or worse"


def bounded(row: Measurement) -> str:
    """Which interval the limit was held against: its values are those that a test of them does not reject."""
    found = re.search(r"([^;,:]+) interval", row.method)
    return f"{found[1].strip()} interval" if found else "interval"


def needed(row: Measurement, confidence: float) -> str:
    """The sample that would show, with 80 % power, that rates as far apart as these are not equal.

    Where the measurement does not say it, from the p value, as if its statistic were normal.
    """
    n = row.n_needed
    if n is None and row.p_value and row.p_adjusted and row.p_value < 1 and row.e_value is None:
        level = (1 - confidence) * row.p_value / row.p_adjusted
        n = _more(row.n, _quantile(level / 2) / _quantile(row.p_value / 2), _quantile(level / 2))
    return _asked(row, n)


def needed_for_limit(row: Measurement, limit: float, confidence: float) -> str:
    """The sample that would show, with 80 % power, on which side of a limit a value like this one lies."""
    end = None if row.value is None else row.lower if limit < row.value else row.upper
    if row.value is None or end is None or row.value == limit:
        return ""
    return _asked(row, _more(row.n, abs(row.value - end) / abs(row.value - limit), _quantile((1 - confidence) / 2)))


def _more(n: int, times: float, quantile: float) -> int:
    """The sample in which an interval so many times too wide is narrow enough, with 80 % power."""
    return math.ceil(n * (times * (1 + _quantile(1 - POWER) / quantile)) ** 2)


def _quantile(tail: float) -> float:
    return -NormalDist().inv_cdf(tail)


def _asked(row: Measurement, n: int | None) -> str:
    if n is None or n <= row.n:
        return ""
    return f"; {number(row.value or 0)} would take n of about {n:,}"
