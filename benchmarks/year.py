"""A year of clean nights, and of planted faults: how often somebody is paged for nothing, and how soon for something.

`make year` prints, for simulated systems without a fault, the pages by system and quarter, and the lines of digests; and for
each kind of fault how many nights passed from its first day until a page on the clause that speaks of it. Two analysts a
year are hired in every system: each is a new principal, a page, and nobody's fault.

Each system is told of in a line of a file as it is finished; `--into` a file that is there goes on with those it lacks.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from datetime import date, timedelta
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.nights import FIRST, nights, same_verdicts
from gov_pipelines.cli.simulate.project import POLICY
from gov_pipelines.cli.simulate.world import KINDS, Fault, World
from gov_pipelines.notify.turns import PAGED, news

PLANTED = ("ratio", "new_principal", "night_export", "slow_creep", "volume", "decision_mix")
AFTER, AT_MOST = 100, 120
"""A fault is planted after so many days, and looked for on so many."""
CLEAN_WINDOWS = 3
"""So many windows without failure make a recovery: the default of the alert settings."""

Told = tuple[str, str, str]
"""Day, control and transition, as the outbox has it."""
Job = tuple[str, int, str]
"""A system, the seed of its world, and the fault planted in it, or nothing."""
PROJECT = [f"credit_{number:03d}" for number in range(1, 21)]
"""The systems that share the error of a year; each is lived alone, with the others declared beside it."""


def live(job: Job, rows: int, days: int) -> dict[str, Any]:
    """Judge the nights of a system, those of a faulty one until it is found, and say what was told."""
    began, (system, seed, kind) = time.process_time(), job
    world, days = _world(seed, rows, kind), AFTER + AT_MOST if kind else days
    before: dict[str, list[tuple[date, str]]] = defaultdict(list)
    told: list[Told] = []
    beside = [each for each in PROJECT if each != system]
    for number, (day, verdicts) in enumerate(nights(world, system, days, beside), 1):
        for control, verdict in verdicts.items():
            told += [
                (f"{day}", control, transition) for transition in news(before[control], day, verdict, CLEAN_WINDOWS)
            ]
            before[control].append((day, verdict))
        if number % 91 == 0:
            pages = sum(each[2] in PAGED.values() for each in told)
            print(f"{system} {kind} seed {seed}: {number} nights, {pages} pages", file=sys.stderr, flush=True)  # noqa: T201
        if kind and any(each[0] >= f"{world.faults[0].first}" for each in _of_clause(kind, told)):
            break
    return {"job": job, "rows": rows, "nights": number, "cpu": time.process_time() - began, "told": told}


def _world(seed: int, rows: int, kind: str) -> World:
    day = FIRST + timedelta(days=AFTER + 3 * seed)
    faults = [Fault.parse(f"{kind}@{day}")] if kind else []
    return World(seed, rows, 0.01, late=0.0, corrected=0.0, deleted=0.0, matures=30, faults=faults)


def _of_clause(kind: str, told: Sequence[Told]) -> list[Told]:
    return [each for each in told if each[1] == f"{POLICY}/{KINDS[kind].clause}" and each[2] in PAGED.values()]


def main() -> int:
    """Print both tables; 1 if a clean system paged more than once in a quarter, or a planted fault was not found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in {"systems": 20, "days": 365, "rows": 80, "jobs": 2, "seed": 1, "same": 75}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=PLANTED)
    parser.add_argument("--into", type=Path, default=Path("year.jsonl"))
    asked = parser.parse_args()
    planted = [("credit_001", seed, kind) for kind in asked.kinds for seed in (asked.seed, asked.seed + 1)]
    clean = [(f"credit_{number:03d}", asked.seed, "") for number in range(1, asked.systems + 1)]
    done = _done(asked.into, asked.rows)
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        by_turns = [job for two in zip_longest(planted, clean) for job in two if job is not None]
        left = [job for job in by_turns if job not in done]
        day = FIRST + timedelta(days=asked.same - 10)
        troubled = [
            Fault.parse(f"{kind}@{day}") for kind in ("new_principal", "volume", "decision_mix", "protected_read")
        ]
        world = replace(_world(asked.seed, asked.rows, ""), faults=troubled)
        same = pool.submit(same_verdicts, world, "credit_001", asked.same)
        for each in as_completed(pool.submit(live, job, asked.rows, asked.days) for job in left):
            with asked.into.open("a") as file:
                file.write(json.dumps(each.result()) + "\n")
        print(f"{same.result():,} verdicts of {asked.same} nights are those of the pipeline's own steps\n")  # noqa: T201
    done = _done(asked.into, asked.rows)
    quiet, found = _clean([done[job] for job in clean]), _planted([done[job] for job in planted])
    count, cpu = (sum(done[job][name] for job in [*clean, *planted]) for name in ("nights", "cpu"))
    print(f"\n{count:,} nights of about {asked.rows} decisions in {cpu:,.0f} CPU seconds")  # noqa: T201
    return 0 if quiet and found else 1


def _done(file: Path, rows: int) -> dict[Job, Mapping[str, Any]]:
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.is_file() else []
    return {(each["job"][0], each["job"][1], each["job"][2]): each for each in lines if each["rows"] == rows}


def _clean(systems: Sequence[Mapping[str, Any]]) -> bool:
    """Print how many systems had how many pages in a quarter, and whom each page was about."""
    pages: dict[str, Counter[str]] = defaultdict(Counter)
    lines, controls = Counter[str](), Counter[str]()
    for each in systems:
        for number in range(0, each["nights"], 91):
            pages[_quarter(FIRST + timedelta(days=number))][each["job"][0]] += 0
        for day, control, transition in each["told"]:
            page = transition in PAGED.values()
            pages[_quarter(date.fromisoformat(day))][each["job"][0]] += page
            lines[_quarter(date.fromisoformat(day))] += not page
            controls[control] += page
    print(f"{len(systems)} clean systems\n{'quarter':<10}{'no page':>9}{'one':>7}{'more':>7}{'digest lines':>14}")  # noqa: T201
    for quarter, its in sorted(pages.items()):
        of = Counter(min(count, 2) for count in its.values())
        print(f"{quarter:<10}{of[0]:>9}{of[1]:>7}{of[2]:>7}{lines[quarter]:>14}")  # noqa: T201
    hires = sum(len(World.hires(_world(each["job"][1], 1, ""), each["job"][0], FIRST.year)) for each in systems)
    print(f"pages by control: {dict(controls)}; people hired: {hires}")  # noqa: T201
    for each in systems:
        for told in each["told"]:
            if told[2] in PAGED.values():
                print(f"  {each['job'][0]} {' '.join(told)}", file=sys.stderr)  # noqa: T201
    return all(count <= 1 for its in pages.values() for count in its.values())


def _planted(systems: Sequence[Mapping[str, Any]]) -> bool:
    print(f"\n{'planted':<16}{'clause':<8}{'nights until a page':>20}")  # noqa: T201
    found = {each["job"][2]: list(_nights(each)) for each in systems}
    by_kind: dict[str, list[str]] = defaultdict(list)
    for each in systems:
        by_kind[each["job"][2]] += map(str, _nights(each)) if [*_nights(each)] else ["not found"]
    for kind, told in by_kind.items():
        print(f"{kind:<16}{KINDS[kind].clause:<8}{', '.join(told):>20}")  # noqa: T201
    return all(found.values())


def _nights(system: Mapping[str, Any]) -> Iterator[int]:
    """The nights from the first day of a fault until the first page on its clause; nothing where there was none."""
    _, seed, kind = system["job"]
    first = _world(seed, 1, kind).faults[0].first
    days = [date.fromisoformat(day) for day, *_ in _of_clause(kind, system["told"])]
    yield from [(day - first).days + 1 for day in days if day >= first][:1]


def _quarter(day: date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


if __name__ == "__main__":
    sys.exit(main())
