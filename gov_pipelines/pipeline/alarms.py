"""The nights over which a control's alarms hold their error: counted anew each night, so that a day audited again corrects it.

They are those of the calendar year, in the system's zone. A year is what people plan and report by, and an error held for
ever would ask for ever more evidence. What is lost with the year is the evidence of it, not the difference: half of what is
bet stands on the first night, and until there is enough again the verdict is `insufficient`, which ends no alarm.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gov_pipelines.measure import Year
from gov_pipelines.policy import SystemDeclaration, Window, alarms_of_year, load_declarations
from gov_pipelines.policy.kinds import Past

if TYPE_CHECKING:
    from gov_pipelines.pipeline.night import Night


def year_of(night: Night) -> Year:
    """The nights of the year and what was counted in them up to this one; who shares the error, and how many did at first."""
    calendar = night.declaration.calendar
    counted = night.tallies(calendar.window(Window("calendar year"), night.partition))
    nights = calendar.between(date(night.day.year, 1, 1), date(night.day.year, 12, 31))
    return Year(dict(sorted(counted.items())), nights, *(night.alarms or alarms_of(night)))


def alarms_of(night: Night) -> tuple[int, int]:
    """How many controls of all systems share the year's error on a night, and how many the year began with."""
    first = date(night.day.year, 1, 1)
    assets = night.project / "assets"
    files = tuple((file, file.stat().st_mtime_ns) for file in sorted(assets.glob("*/defs.yaml")))
    systems = ({**_declared(assets, files), night.system: night.declaration}).values()
    begun = {first, night.day, *(each.starts for each in systems), *(each.in_force.from_ for each in night.policies)}
    shared = [
        alarms_of_year(night.policies, [system for system in systems if system.starts <= day], day)
        for day in sorted(begun)
        if first <= day <= night.day
    ]
    return shared[-1], next(filter(None, shared), 0)


def since(night: Night, past: Past) -> Year:
    """The nights of the year that come after a reference of fixed days, and the reference's own."""
    assert past.from_
    assert past.until
    calendar, year, until = night.declaration.calendar, night.year, past.until
    counted = {day: tally for day, tally in year.counted.items() if calendar.day(day) >= until}
    nights = [day for day in year.nights if calendar.day(day) >= until]
    reference = night.tallies(calendar.named(past.from_, until))
    return replace(year, counted=counted, nights=nights, reference=[*reference.values()])


@lru_cache(maxsize=4)
def _declared(assets: Path, _same: tuple[tuple[Path, int], ...]) -> dict[str, SystemDeclaration]:
    return load_declarations(assets)[0]
