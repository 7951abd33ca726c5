"""The plant for `drift`: a window in which a column has one value, against a reference in which it had another."""

from __future__ import annotations

from math import log

from gov_pipelines.pipeline.selftest.access import days_between
from gov_pipelines.pipeline.selftest.search import told
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Setting
from gov_pipelines.policy.kinds import Drift

_BELIEVABLE = 50
"""Decisions a day of the most modest breach."""


def drift(setting: Setting, control: Drift) -> Plant:
    """For each column, every decision of the window different from every decision of the reference."""
    assert control.at_most is not None
    reference = set(days_between(control.reference.from_, control.reference.until, setting))
    window = set(setting.days)
    if reference == set(setting.window):
        raise CannotFail("the reference is the window itself, so nothing can have moved")
    # A day that is in both counts for both: it is like the reference where the window has other days.
    changed = window - reference or window
    most = max(int(setting.rows_a_day), 1)
    sizes = sorted({min(_BELIEVABLE, most), most})
    largest = _index(*(len(days) * most for span in (window, reference) for days in (span & changed, span - changed)))
    if largest <= control.at_most:
        raise CannotFail(f"no psi is above {control.at_most:g}: {setting.holds}, with which it reaches {largest:.3g}")
    values = {column: two_values(setting, column) for column in control.of}
    breaches = []
    for column, (then, now) in values.items():
        nights = [
            MadeUp(
                dict.fromkeys(reference | window, Happened((({column: then}, size),)))
                | dict.fromkeys(changed, Happened((({column: now}, size),)))
            )
            for size in sizes
        ]
        breaches.append(Breach(f"{column} was {told(then)} and is {told(now)}", nights, attribute=(column,)))
    same = {column: then for column, (then, _) in values.items()}
    return Plant(breaches, MadeUp(dict.fromkeys(reference | window, Happened(((same, sizes[0]),)))))


def two_values(setting: Setting, column: str) -> tuple[object, object]:
    """Two values that a column may have, the second missing where it may have one only."""
    if column == "decision":
        outcomes = setting.declaration.outcomes
        return outcomes.favorable[0], outcomes.unfavorable[0]
    if setting.dtype(column).is_numeric():
        least, most = setting.ends(column)
        return least, most if most > least else None
    values = setting.values(column)
    return (values[0], values[1] if len(values) > 1 else None) if values else ("then", "now")


def _index(now_new: int, now_old: int, then_new: int, then_old: int) -> float:
    """The population stability index of two categories, with half a row added to each where one is empty in one."""
    add = 0.5 if 0 in (now_new, now_old, then_new, then_old) else 0.0
    now, then = ((new + add, old + add) for new, old in ((now_new, now_old), (then_new, then_old)))
    shares = [(a / sum(now), e / sum(then)) for a, e in zip(now, then, strict=True)]
    return sum((a - e) * log(a / e) for a, e in shares)
