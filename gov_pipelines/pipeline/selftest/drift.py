"""The plant for `drift`: a window in which a column has one value, against a reference in which it had another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from gov_pipelines.measure.distributions.distances import DISTANCES, Sides
from gov_pipelines.pipeline.selftest.access import days_before, days_between
from gov_pipelines.pipeline.selftest.search import told
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Setting
from gov_pipelines.policy.kinds import ORDERED, Drift

_BELIEVABLE = 50
"""Decisions a day of the most modest breach."""


def drift(setting: Setting, control: Drift) -> Plant:
    """For each column, every decision of the window different from every decision of the reference, all of one group.

    Where the distance is in deviations of the reference, every tenth decision of the reference is like the window's.
    """
    assert control.at_most is not None
    past = control.reference
    fixed = past.from_ and past.until and days_between(past.from_, past.until, setting)
    reference = set(fixed or days_before(past, setting))
    window = set(setting.days)
    if reference == set(setting.window):
        raise CannotFail("the reference is the window itself, so nothing can have moved")
    # A day that is in both counts for both: it is like the reference where the window has other days.
    changed = window - reference or window
    most = max(int(setting.rows_a_day), 1)
    sizes = sorted({min(_BELIEVABLE, most), most})
    begun = {} if fixed else {"starts": min(reference)}
    group = {name: (setting.values(name) or ["some"])[0] for name in control.per}
    values = {column: two_values(setting, column) for column in control.of}

    def night(column: str, size: int) -> MadeUp:
        then, now = values[column]
        alike = size // 10 if control.metric == "wasserstein_normed" else 0
        rows = [({**group, column: value}, n) for value, n in ((then, size - alike), (now, alike)) if n]
        days = dict.fromkeys(reference | window, Happened(tuple(rows)))
        days |= dict.fromkeys(changed, Happened((({**group, column: now}, size),)))
        return MadeUp(days, declared=begun)

    breaches = []
    for column, (then, now) in values.items():
        nights = [night(column, size) for size in sizes]
        largest = _distance(control, column, values[column], nights[-1], (window, reference))
        if largest <= control.at_most:
            reaches = f"{setting.holds}, with which it reaches {largest:.3g}"
            raise CannotFail(f"no {control.metric} is above {control.at_most:g}: {reaches}")
        breaches.append(Breach(f"{column} was {told(then)} and is {told(now)}", nights, attribute=(column,)))
    same = {column: then for column, (then, _) in values.items()}
    clean = dict.fromkeys(reference | window, Happened((({**group, **same}, sizes[0]),)))
    return Plant(breaches, MadeUp(clean, declared=begun))


def two_values(setting: Setting, column: str) -> tuple[object, object]:
    """Two values that a column may have, the second missing where it may have one only."""
    if column == "decision":
        outcomes = setting.declaration.outcomes
        return outcomes.favorable[0], outcomes.unfavorable[0]
    if column == "label" and setting.declaration.label:
        return str(setting.declaration.label.positive), "not so"
    if setting.dtype(column).is_numeric():
        least, most = setting.ends(column)
        return least, most if most > least else None
    values = setting.values(column)
    return (values[0], values[1] if len(values) > 1 else None) if values else ("then", "now")


def _distance(
    control: Drift, column: str, values: tuple[object, object], made: MadeUp, of: Iterable[Iterable[date]]
) -> float:
    """How far a made-up night is from its reference: of the days of the window, and of those of the reference."""
    if None in values and control.metric in ORDERED:
        raise CannotFail(f"`{column}` may have one value only")
    days = [[each for day in part for each in made.days[day].decisions] for part in of]
    now, then = (np.array([sum(n for row, n in each if row[column] == value) for value in values]) for each in days)
    numbers = np.array(values, float) if control.metric in ORDERED else None
    return DISTANCES[control.metric].value(Sides(now, then, numbers))
