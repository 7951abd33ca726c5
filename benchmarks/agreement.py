"""Whether our metrics are those of the libraries people use: the same tables, every metric both have, equal to 1e-9.

The tables are the two demo data sets, by each attribute, and 500 random ones, a third of them with empty cells. The demo data
have no label that matures; another column stands for it, which is all the same to the arithmetic. Where a library says
something else on purpose or by mistake, the reason is printed; any other difference ends in exit code 1.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.cli.demo.arrests import read_arrests
from gov_pipelines.cli.demo.loanapp import read_loanapp
from gov_pipelines.measure import Columns, count
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, OF_PAIR, Together, bases
from gov_pipelines.measure.rates.conditional import demographic_disparity
from gov_pipelines.measure.rates.confusion import confusion
from gov_pipelines.measure.statistics import comparisons
from gov_pipelines.measure.statistics.strata import common_odds

Counts = NDArray[np.int64]
TOLERANCE = 1e-9
_UNDEFINED = {
    "fairlearn": "0 of 0 is 0 for fairlearn, and so a group's; one group alone has a difference of 0 and a ratio of 1",
    "scikit-learn": "0 over 0 is 0 for scikit-learn",
    "scipy": "SciPy gives infinity, or divides by nothing",
    "statsmodels": "statsmodels divides by nothing",
    "aif360": "AIF360 divides by nothing, and says 0 for a predictive value of 0 of 0",
    "aequitas": "Aequitas divides by nothing, and writes 10 for infinity",
}


@dataclass(slots=True)
class Line:
    """How one metric of one peer compares."""

    equal: int = 0
    largest: float = 0.0
    other: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def random_tables(size: int, most: int = 200, seed: int = 5) -> list[Counts]:
    """Tables `[G, 4]` of one to six groups, each with somebody; a third have empty cells, none reaches `most`."""
    rng = np.random.default_rng(seed)
    tables = []
    for at in range(size):
        groups = int(rng.integers(1, 7))
        table = rng.integers(1, most, (groups, 4))
        if at % 3 == 0:
            table *= rng.random((groups, 4)) < 0.6
            table[table.sum(1) == 0, 3] = 1
        tables.append(table)
    return tables


def demo_tables() -> list[Counts]:
    """The demo's decisions by each attribute and by all of them; unknown groups left out."""
    loans, arrests = read_loanapp(), read_arrests()
    found = []
    for frame, columns in (
        (
            loans,
            Columns(
                "approve", frozenset({"1"}), ("black", "hispan", "male"), label="gdlin", label_positive=frozenset({"1"})
            ),
        ),
        (
            arrests,
            Columns(
                "released", frozenset({"Yes"}), ("colour", "sex"), label="employed", label_positive=frozenset({"Yes"})
            ),
        ),
    ):
        tally = count(frame.with_columns(pl.all().cast(pl.String)), columns)
        for by in [*((name,) for name in columns.attributes), columns.attributes]:
            counts = confusion(tally, by)
            table = counts.counts[counts.known, :4]
            found.append(table[table.sum(1) > 0])
    return found


def ours(table: Counts, about: str, metric: str, group: int | None) -> float:
    """Our value; not a number where undefined."""
    counts = np.pad(table, ((0, 0), (0, 2)))
    x, n = table[:, :2].sum(1), table.sum(1)
    if about in {"group", "everyone"}:
        value = OF_GROUP[metric].compute(counts.sum(0) if group is None else counts[group])
    elif metric == "weighed_demographic_disparity":
        value = (demographic_disparity(counts) * n).sum() / n.sum()
    elif about == "groups":
        value = OF_GROUPS[metric].compute(Together(counts))
    elif about == "strata":
        (x1, n1), (x0, n0) = ((table[at, :2], table[at, :2] + table[at, 2:]) for at in (1, 0))
        value = getattr(common_odds(list(zip(*(each.tolist() for each in (x1, n1, x0, n0)), strict=True))), metric)
    elif metric == "fisher_p":
        value = comparisons.fisher(x[group], n[group], x[0], n[0])[0]
    else:
        own, base = counts[group], bases(counts, "rest" if about == "rest" else 0)[group]
        value = OF_PAIR[metric].compute(*((base, own) if about == "reversed" else (own, base)))
    return math.nan if value is None else float(value)


def compare(tables: Sequence[Counts], values: Iterable[Sequence[Any]]) -> Mapping[tuple[str, str, str], Line]:
    """Each value of a peer beside ours."""
    lines: dict[tuple[str, str, str], Line] = {}
    for at, peer, about, metric, group, theirs in values:
        line = lines.setdefault((peer, about, metric), Line())
        own = ours(tables[at], about, metric, group)
        apart = abs(own - theirs) / max(1.0, abs(theirs))
        if apart <= TOLERANCE:
            line.equal += 1
            line.largest = max(line.largest, apart)
        elif reason := _reason(tables[at], peer, about, metric, own, theirs):
            line.other[reason] = line.other.get(reason, 0) + 1
        else:
            line.wrong.append(f"table {at}, group {group}: {own!r} of ours, {theirs!r} of theirs")
    return lines


def _reason(table: Counts, peer: str, about: str, metric: str, own: float, theirs: float) -> str | None:
    """Why a peer says something else; None where nothing explains it."""
    if math.isnan(own) or not math.isfinite(theirs):
        return f"undefined: {_UNDEFINED[peer]}"
    if peer == "aif360" and metric == "mean_log_deviation":
        return "AIF360 divides by the mean once more than its own formula does"
    if peer == "fairlearn" and about == "groups" and (table.reshape(len(table), 2, 2).sum((1, 2)) > 0).all():
        labels, decisions = table[:, [0, 1]] + table[:, [2, 3]], table[:, [0, 2]] + table[:, [1, 3]]
        if (labels == 0).any() or (decisions == 0).any():
            return "a group without a rate counts as one of 0 for fairlearn; it is left out of ours"
    return None


@click.command()
@click.option("--peers", default=".venv-peers/bin/python", help="The interpreter that `make peers` made.")
@click.option("--tables", default=500, help="How many random tables.")
def main(peers: str, tables: int) -> None:
    """Compare, and print a line a metric."""
    made = [*demo_tables(), *random_tables(tables)]
    command = [peers, "-W", "ignore", "-m", "benchmarks.agreement_peers"]
    told = subprocess.run(  # noqa: S603  (the interpreter that was named)
        command, input=json.dumps([each.tolist() for each in made]), capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise click.ClickException(f"{peers} failed; make it with `make peers`.\n{told.stderr[-2000:]}")
    answer = json.loads(told.stdout[told.stdout.index('{"versions"') :])
    lines = compare(made, answer["values"])
    click.echo(
        f"{len(made):,} tables, {len(made) - tables} of them of the demo data; {_versions(answer['versions'])}\n"
    )
    click.echo(
        "| peer | metric | of | equal | largest difference | otherwise |\n| --- | --- | --- | ---: | ---: | ---: |"
    )
    for (peer, about, metric), line in sorted(lines.items()):
        otherwise = sum(line.other.values())
        click.echo(f"| {peer} | {metric} | {about} | {line.equal:,} | {line.largest:.0e} | {otherwise:,} |")
    click.echo("\nOtherwise, on purpose:")
    reasons: dict[str, int] = {}
    for line in lines.values():
        for reason, times in line.other.items():
            reasons[reason] = reasons.get(reason, 0) + times
    for reason, times in sorted(reasons.items()):
        click.echo(f"- {times:,} times {reason}")
    wrong = [f"{' '.join(key)}: {found}" for key, line in lines.items() for found in line.wrong]
    equal = sum(line.equal for line in lines.values())
    click.echo(f"\n{equal:,} values of {len(lines)} metrics equal to {TOLERANCE:g}; {len(wrong)} disagree.")
    click.echo("\n".join(wrong[:20]))
    sys.exit(bool(wrong))


def _versions(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


if __name__ == "__main__":
    main()
