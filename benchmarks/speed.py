"""Speed beside peers: CPU seconds of their part of the work over those of all of ours, one after the other in one run.

A peer does what it does best: fairlearn, Aequitas, AIF360 and jurity metrics of groups; Evidently and NannyML drift between
two files; DuckDB the same counts without metrics. We do all of it: two tallies with cells and scores by group, every metric of
every intersection with 1,000 draws, and every distance of drift with its test and interval. So each ratio is a part of the work over the whole.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import polars as pl

from benchmarks import stream
from benchmarks.limit import alone, measured
from gov_pipelines.measure import count
from gov_pipelines.measure.distributions.distances import DISTANCES
from gov_pipelines.measure.distributions.drift import compare
from gov_pipelines.measure.distributions.drift import measured as distances

PEERS = ("fairlearn", "Evidently", "NannyML", "jurity", "Aequitas", "AIF360", "DuckDB")


def everything(current: list[Path], reference: list[Path]) -> None:
    """All of our work, each log counted once: every distance of thirteen columns, every metric of groups, and draws."""
    columns = replace(stream.columns(pairs=False), attributes=(), label=None, score=None)
    then, now = count(pl.scan_parquet(reference), columns), count(pl.scan_parquet(current), stream.columns(pairs=False))
    compared = compare(now, then, [*stream.NUMBERS, "score", "product", "region"])
    for metric in DISTANCES:
        distances([each for each in compared if each.of(metric)], metric)
    measured(now)


def groups(current: list[Path]) -> None:
    """Metrics of groups alone, with draws."""
    columns = replace(stream.columns(pairs=False), numbers=(), categories=(), score=None)
    measured(count(pl.scan_parquet(current), columns))


def draws(small: list[Path], current: list[Path]) -> float:
    """CPU seconds of 1,000 draws of everything."""
    measured(count(pl.scan_parquet(small), stream.columns(pairs=False)))
    tally = count(pl.scan_parquet(current), stream.columns(pairs=False))
    cpu = time.process_time()
    measured(tally)
    return time.process_time() - cpu


@click.command()
@click.option("--rows", type=int, default=1_000_000, show_default=True)
@click.option("--repeats", type=int, default=1, show_default=True)
@click.option("--peer", multiple=True, type=click.Choice(PEERS), default=PEERS)
@click.option("--peers", default=".venv-peers/bin/python", help="The interpreter that `make peers` made.")
def main(rows: int, repeats: int, peer: Sequence[str], peers: str) -> None:
    """Print each peer's CPU seconds beside ours, and their ratio: to all of our work, and to metrics of groups alone."""
    with tempfile.TemporaryDirectory() as folder:
        days = [stream.write(Path(folder) / name, "raw", rows) for name in ("reference", "current")]
        reference, current = days
        small = stream.write(Path(folder) / "small", "raw", 1_000)
        whole: list[float] = []
        tables: list[float] = []
        click.echo(f"{rows:,} rows; 1,000 draws of everything: {alone(draws, small, current):.3f} CPU s")
        for each in peer:
            theirs = []
            for _ in range(repeats):
                whole.append(alone(_cpu_of, everything, small, current, reference))
                tables.append(alone(_cpu_of, groups, small, current))
                command = [peers, "-W", "ignore", "-m", "benchmarks.speed_peers", each]
                folders = (str(current[0].parent), str(reference[0].parent))
                told = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)  # noqa: S603
                if told.returncode:
                    raise click.ClickException(f"{peers} failed; make it with `make peers`.\n{told.stderr[-2000:]}")
                theirs.append(json.loads(told.stdout.splitlines()[-1])["cpu"])
            cpu, ours, ours_of_groups = (statistics.median(some[-repeats:]) for some in (theirs, whole, tables))
            beside = f"{cpu / ours:6.1f} times all of ours, {cpu / ours_of_groups:6.1f} times our metrics of groups"
            click.echo(f"{each:10} {cpu:8.2f} CPU s beside {ours:6.2f} and {ours_of_groups:6.2f}: {beside}")


def _cpu_of(work: Callable[..., object], small: list[Path], *args: list[Path]) -> float:
    work(*[small] * len(args))  # importing is not timed, nor is theirs
    cpu = time.process_time()
    work(*args)
    return time.process_time() - cpu


if __name__ == "__main__":
    main()
