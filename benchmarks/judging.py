"""`make bench`: twelve rules over ten million decisions, beside Great Expectations and pandera on one million."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import click
import polars as pl

from benchmarks.peers import great_expectations, pandera, prepare
from benchmarks.workload import AS_OF, DAY, DECLARATION, POLICY, SEED, decisions
from gov_pipelines.decisions import judge_decisions
from gov_pipelines.decisions.judge import Judged
from gov_pipelines.pipeline import night as steps
from gov_pipelines.pipeline.night import Night
from gov_pipelines.store import Home, write_frame


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    models = [line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    libraries = ("polars", "great-expectations", "pandas", "pandera")
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def used(pid: int) -> tuple[float, float]:
    """Seconds of processor that a process has used, and MB of it that are in memory now; zeros once it is gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    ticks, pages = int(state[11]) + int(state[12]), int(state[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Took:
    """Medians: seconds on the wall, and of all processors together, which other work on the machine touches less."""

    seconds: float
    cpu: float

    def __add__(self, other: Took) -> Took:
        return Took(self.seconds + other.seconds, self.cpu + other.cpu)


def timed(work: Callable[[], Any], repeat: int) -> tuple[Took, Any]:
    """What some work takes, and what it returned last."""
    seconds, cpu, result = [], [], None
    for _ in range(repeat):
        start, busy = time.perf_counter(), time.process_time()
        result = work()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return Took(median(seconds), median(cpu)), result


def night_of(home: Path, rows: int) -> Night:
    """A night whose log is there, ready to be judged."""
    night = Night(Home(home / str(rows)), home, DECLARATION, [POLICY], DAY, AS_OF, {})
    write_frame(night.folder / "decision_log.parquet", decisions(rows))
    return night


def judged(night: Night) -> Judged:
    """Judge a night's log as its step does, and keep the result in memory."""
    log = pl.scan_parquet(night.folder / "decision_log.parquet")
    return judge_decisions(log, night.bound, DECLARATION, partition=DAY, as_of=AS_OF)


def measure(rows: int, beside: int, repeat: int) -> dict[str, Any]:
    """All timings. What is held against the others is our judging alone, which like theirs leaves no files.

    Raises:
        SystemExit: the three find other breaches on the same rows.
    """
    found: list[dict[str, Any]] = []

    def note(what: str, size: int, took: Took) -> None:
        found.append({"what": what, "rows": size, **asdict(took), "rows_per_second": size / took.seconds})

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        night = night_of(Path(folder), rows)
        note("read, judged", rows, timed(lambda: judged(night), repeat)[0])
        note("the night's step: and counted, written", rows, timed(lambda: steps.judge(night), repeat)[0])

        night = night_of(Path(folder), beside)
        base, result = timed(lambda: judged(night), repeat)
        note("read, judged", beside, base)
        outside = result.reasons.filter(pl.col("verdict") == "outside").group_by("control").len()
        ours = {control.removeprefix("bench/"): count for control, count in outside.iter_rows()}
        log = night.folder / "decision_log.parquet"
        prepared, frame = timed(lambda: prepare(pl.scan_parquet(log)), repeat)
        converted, pandas = timed(frame.to_pandas, 1)
        peers = {
            "pandera on Polars, 12 checks": (pandera(), frame, prepared),
            "Great Expectations on pandas, 12 expectations": (great_expectations(), pandas, prepared + converted),
        }
        for name, (validate, data, before) in peers.items():
            took, theirs = timed(partial(validate, data), repeat)
            if {key: count for key, count in theirs.items() if count} != ours:
                raise SystemExit(f"{name} found other breaches than we did: {theirs} instead of {ours}")
            note(f"{name}: checks alone", beside, took)
            note(f"{name}: read, prepared, checked", beside, before + took)
    for each in found:
        each["times_ours"] = each["seconds"] / base.seconds if each["rows"] == beside else None
    return {"machine": machine(), "seed": SEED, "repeat": repeat, "breaches": sum(ours.values()), "timings": found}


def table(result: dict[str, Any]) -> str:
    """The timings for a terminal."""
    about = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    lines: list[Sequence[str]] = [("", "rows", "seconds", "cpu s", "rows/s", "x ours")]
    for each in result["timings"]:
        ratio = f"{each['times_ours']:.1f}" if each["times_ours"] else ""
        speed = f"{each['rows_per_second']:,.0f}"
        lines.append((each["what"], f"{each['rows']:,}", f"{each['seconds']:.2f}", f"{each['cpu']:.2f}", speed, ratio))
    widths = [max(len(line[place]) for line in lines) for place in range(6)]
    rows = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    same = f"All three found the same {result['breaches']:,} breaches. Medians of {result['repeat']}."
    return "\n".join([about, "", *rows, "", same])


@click.command()
@click.option("--rows", default=10_000_000, show_default=True, help="Decisions that we judge.")
@click.option("--beside", default=1_000_000, show_default=True, help="Decisions that all three judge.")
@click.option("--repeat", default=3, show_default=True, help="Runs, of which the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(rows: int, beside: int, repeat: int, as_json: bool) -> None:
    r"""Measure what judging costs.

    \b
    Example:
      make bench
      python -m benchmarks.judging --rows 1000000 --json
    """
    result = measure(rows, beside, repeat)
    click.echo(json.dumps(result, indent=1) if as_json else table(result))


if __name__ == "__main__":
    main()
