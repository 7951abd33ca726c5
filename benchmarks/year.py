"""A year of clean nights, and of planted faults: how often somebody is paged for nothing, and how soon for something.

`make year` prints, for simulated systems without a fault, the pages and digests by quarter; and for one system a fault,
how many nights passed from its first day until a page on the clause that speaks of it. Nights run step by step without
Dagster, which adds a second or two to each and nothing to their verdicts; they are not signed. Two analysts a year are
hired in every system: each is a new principal, and nobody's fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from gov_pipelines.cli.simulate.draws import decisions, reads
from gov_pipelines.cli.simulate.project import POLICY, write_project
from gov_pipelines.cli.simulate.sinks import parquet
from gov_pipelines.cli.simulate.world import KINDS, Fault, World
from gov_pipelines.notify.turns import PAGED, news
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline import verdicts
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import load_declaration, load_policies
from gov_pipelines.store import Home, reading, verdicts_of

FIRST = date(2025, 1, 1)
PLANTED = ("new_principal", "night_export", "slow_creep", "ratio", "volume", "decision_mix", "protected_read")
STEPS = (
    steps.read_decisions, steps.judge, steps.read_access, steps.compare_access, steps.tally, steps.measure_fairness,
    steps.measure_shift, verdicts.reach_verdicts,
)  # fmt: skip
CLEAN_WINDOWS = 3
"""So many windows without failure make a recovery: the default of the alert settings."""


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody is told of a control of a system: `transition` as the outbox has it."""

    system: str
    control: str
    day: date
    transition: str

    @property
    def page(self) -> bool:
        """Whether it wakes somebody; the rest goes to a digest."""
        return self.transition in PAGED.values()


def live(world: World, system: str, days: int) -> list[Told]:
    """Draw a system, audit each of its nights, and say what would have been told."""
    span = [FIRST + timedelta(days=offset) for offset in range(days)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with parquet(root / "data") as put:
            for day in span:
                for number, block in enumerate(decisions(world, system, day, span[-1])):
                    put(system, f"{day}-{number:03d}", block)
                put(f"{system}_reads", f"{day}", reads(world, system, day))
        write_project(root, world, [system], span[0], span[-1], None)
        declaration = load_declaration(root / "assets" / system / "defs.yaml")
        policies, _ = load_policies(root / "expectations")
        for day in span:
            as_of = datetime(day.year, day.month, day.day, 7, tzinfo=UTC) + timedelta(days=1)
            night = Night(Home(root / ".gov"), root, declaration, policies, day, as_of=as_of, environ={})
            for step in STEPS:
                step(night)
        with reading(night.store) as connection:  # revision 1, for nothing was signed
            history = [row for day in span for row in verdicts_of(connection, system, day, 1)]
        night.store.dispose()
    assert {row.partition for row in history} == set(span)
    return list(_told(system, [(row.control, row.partition, row.verdict) for row in history]))


def _told(system: str, history: list[tuple[str, date, str]]) -> Iterator[Told]:
    before: dict[str, list[tuple[date, str]]] = defaultdict(list)
    for control, day, verdict in history:
        for transition in news(before[control], day, verdict, CLEAN_WINDOWS):
            yield Told(system, control, day, transition)
        before[control].append((day, verdict))


def main() -> int:
    """Print both tables; 1 if a clean system paged more than once in a quarter, or a planted fault was not found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in {"systems": 20, "days": 365, "rows": 300, "plant": 120, "jobs": 2, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=PLANTED)
    asked = parser.parse_args()
    began = time.monotonic()
    plain = partial(World, asked.seed, asked.rows, 0.01, 0.0, 0.0, 0.0, 30)
    day = FIRST + timedelta(days=asked.plant)
    faults = [Fault.parse(f"{kind}@{day}") for kind in asked.kinds]
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        clean = [
            pool.submit(live, plain([]), f"credit_{number:03d}", asked.days) for number in range(1, asked.systems + 1)
        ]
        broken = [pool.submit(live, plain([fault]), "credit_001", asked.days) for fault in faults]
        quiet = _clean([each for future in clean for each in future.result()], asked.systems)
        found = _planted(faults, [future.result() for future in broken])
    nights = (asked.systems + len(faults)) * asked.days
    print(f"\n{nights:,} nights of about {asked.rows} decisions in {time.monotonic() - began:,.0f} seconds")  # noqa: T201
    return 0 if quiet and found else 1


def _clean(told: list[Told], systems: int) -> bool:
    print(f"{systems} clean systems\n{'quarter':<10}{'pages':>7}{'most of one system':>20}{'digest lines':>14}")  # noqa: T201
    pages: dict[str, Counter[str]] = defaultdict(Counter)
    lines = Counter(_quarter(each.day) for each in told if not each.page)
    for each in told:
        pages[_quarter(each.day)][each.system] += each.page
    for quarter in sorted(pages):
        its = pages[quarter]
        print(f"{quarter:<10}{its.total():>7}{max(its.values()):>20}{lines[quarter]:>14}")  # noqa: T201
    for each in told:
        if each.page:
            print(f"  {each.day} {each.system} {each.control} {each.transition}")  # noqa: T201
    return all(count <= 1 for its in pages.values() for count in its.values())


def _planted(faults: list[Fault], told: list[list[Told]]) -> bool:
    print(f"\n{'planted':<16}{'clause':<8}{'nights until a page':>20}")  # noqa: T201
    found = True
    for fault, its in zip(faults, told, strict=True):
        control = f"{POLICY}/{KINDS[fault.kind].clause}"
        days = [each.day for each in its if each.page and each.control == control and each.day >= fault.first]
        nights = f"{(min(days) - fault.first).days + 1}" if days else "not found"
        print(f"{fault.kind:<16}{KINDS[fault.kind].clause:<8}{nights:>20}")  # noqa: T201
        found &= bool(days)
    return found


def _quarter(day: date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


if __name__ == "__main__":
    sys.exit(main())
