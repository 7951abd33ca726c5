"""Plants for what is compared with the same weekdays before: another volume, another hour, another mix, a new value."""

from __future__ import annotations

from collections.abc import Sequence

from gov_pipelines.pipeline.selftest.access import days_before
from gov_pipelines.pipeline.selftest.drift import two_values
from gov_pipelines.pipeline.selftest.search import told
from gov_pipelines.pipeline.selftest.setting import Breach, Happened, MadeUp, Plant, Row, Setting
from gov_pipelines.policy.kinds import OperatingRange

_BELIEVABLE = 200
"""Decisions of an unusual day."""


def usual_days(
    setting: Setting, control: OperatingRange, parts: Sequence[Breach | str], inside: Row, rows: int
) -> Plant:
    """For each entry of `usual` and `new` a window unlike the reference days, which are all alike.

    Args:
        setting: the control, its system and the day.
        control: what is compared.
        parts: plants of the control's ranges.
        inside: a row within them.
        rows: how many an ordinary day has.
    """
    before = days_before(control.reference, setting)
    most = max(int(min(setting.rows_a_day, _BELIEVABLE)), 1)
    begun = {"starts": before[0]} if control.reference.weeks else {}

    def night(then: Row, now: Row, count: int, usual: int) -> MadeUp:
        days = dict.fromkeys(before, Happened((({**inside, **then}, usual),)))
        return MadeUp(days | dict.fromkeys(setting.days, Happened((({**inside, **now}, count),))), declared=begun)

    planted = list(parts)
    for metric, names in (("share_to_usual", control.usual), ("new_values", control.new)):
        for name in names:
            then, now = (None, None) if name in {"volume", "hours"} else two_values(setting, name)
            if name == "volume":
                made, what = night({}, {}, most, rows), f"{most} decisions a day instead of {rows}"
            elif name == "hours":
                made = night({}, {"decided_at": setting.at(3)}, most, most)
                what = "all decisions at three in the morning"
            else:
                made, what = night({name: then}, {name: now}, most, most), f"{name} was {told(then)} and is {told(now)}"
            named = "volume_to_usual" if name == "volume" else metric
            planted.append(Breach(what, [made], attribute=(name,), metric=named, certain=False))
    return Plant(planted, night({}, {}, rows, rows))
