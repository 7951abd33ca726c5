"""How near the tally comes to the cost of decoding: CPU seconds, growth with rows, peak memory, and stored windows.

Each line is of a process of its own. Decoding and counting alternate, and the median of their ratios stands.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl

from benchmarks import stream
from gov_pipelines.measure import BULKY, Tally, count, tally_json, total_from_json
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, Together
from gov_pipelines.measure.rates.confusion import confusion
from gov_pipelines.measure.statistics.resampling import resample

DRAWS = 1_000
os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "1")  # as `gov metrics` does


def measured(tally: Tally) -> int:
    """Every metric of groups and between groups, of each attribute and intersection, with 1,000 draws of all cells."""
    attributes = tally.dimensions
    entries = [by for size in (1, 2, 3) for by in combinations(attributes, size)]
    found = 0
    for by in entries:
        counts = confusion(tally, by).counts
        with np.errstate(all="ignore"):
            found += sum(np.size(metric.compute(counts)) for metric in OF_GROUP.values())
            together = Together(counts)
            found += sum(np.size(metric.compute(together)) for metric in OF_GROUPS.values())
    draws = resample(tally.cells["n"].to_numpy(), DRAWS, np.random.default_rng(1))
    return found + draws.size


def _cpu(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _decode(files: list[Path], names: Sequence[str]) -> None:
    for _ in pl.scan_parquet(files).select(names).collect_batches(maintain_order=False):
        pass


def counting(files: list[Path], repeats: int, *, pairs: bool) -> dict[str, float]:
    """One line of the table: seconds of CPU of decoding, of counting, with all measurements; the ratio; memory in MB."""
    columns, ratios, spent = stream.columns(pairs=pairs), [], []
    measured(count(pl.scan_parquet(files[0]), columns))  # what is imported is not timed
    for _ in range(repeats):
        limit, _wall = _cpu(lambda: _decode(files, columns.all))
        counted, _wall = _cpu(lambda: count(pl.scan_parquet(files), columns))
        ours, wall = _cpu(lambda: measured(count(pl.scan_parquet(files), columns)))
        ratios.append(ours / limit)
        spent.append((limit, counted, ours, wall))
    middle = [statistics.median(each) for each in zip(*spent, strict=True)]
    names = ("decode", "tally", "tally_and_measurements", "wall")
    return dict(zip(names, middle, strict=True)) | {"ratio": statistics.median(ratios), "repeats": repeats}


def memory(files: list[Path], *, pairs: bool) -> float:
    """Peak memory in MB of a process that counts, as Linux tells it; `getrusage` would tell the parent's where that was higher."""
    measured(count(pl.scan_parquet(files), stream.columns(pairs=pairs)))
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def window(files: list[Path]) -> dict[str, float]:
    """Seconds of CPU from stored tallies to measurements, of one day and of ninety, each day a million decisions.

    Once with the tables that metrics of groups need, once with all.
    """
    stored = [tally_json(count(pl.scan_parquet(file), stream.columns(pairs=True))) for file in files[:3]]
    kept = {days: [stored[at % len(stored)] for at in range(days)] for days in (1, 90)}
    spent = {}
    for name, without in (("metrics of groups", BULKY), ("all tables", {})):
        for days, own in kept.items():
            work = partial(total_from_json, own, without)
            measured(work())
            times = [_cpu(lambda work=work: measured(work())) for _ in range(3)]  # type: ignore[misc]
            spent[f"{days} days, {name}"] = min(times)[0]
    return spent | {"bytes a day": float(len(stored[0]))}


def alone(work: Callable[..., Any], *args: object, **named: object) -> Any:
    """What a function gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *args, **named).result()


@click.command()
@click.option("--rows", multiple=True, type=int, default=(1_000_000, 10_000_000), show_default=True)
@click.option("--layout", multiple=True, type=click.Choice(["raw", "own"]), default=("raw", "own"))
@click.option("--repeats", type=int, default=3, show_default=True)
def main(rows: Sequence[int], layout: Sequence[str], repeats: int) -> None:
    """Print the tables; the files lie in a temporary folder, about 45 MB a million rows, ten million at most."""
    click.echo("layout  rows         pairs  decode s  tally s  all s  ratio  MB peak")
    with tempfile.TemporaryDirectory() as folder:
        for each in layout:
            for number in rows:
                files = stream.write(Path(folder) / f"{each}-{number}", each, number)
                for pairs in (False, True):
                    row, peak = alone(counting, files, repeats, pairs=pairs), alone(memory, files, pairs=pairs)
                    seconds = f"{row['decode']:8.2f} {row['tally']:8.2f} {row['tally_and_measurements']:6.2f}"
                    click.echo(f"{each:7} {number:<12,} {pairs!s:5} {seconds}  {row['ratio']:5.2f}  {peak:7.0f}")
        first = stream.write(Path(folder) / "window", "own", 3_000_000)
        for name, value in alone(window, first).items():
            click.echo(f"window: {name}: {value:,.3f}")


if __name__ == "__main__":
    main()
