"""Measurements of any table of decisions, without set-up: every metric of its groups, and what the law compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import narwhals as nw

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.adhoc.asked import all_occur, present, weighed, written
from gov_pipelines.measure.adhoc.counted import catalogue_rows
from gov_pipelines.measure.adhoc.gaps import equivalence_row, gap_rows, ratio_rows
from gov_pipelines.measure.adhoc.missing import bounds_rows
from gov_pipelines.measure.adhoc.overridden import override_rows
from gov_pipelines.measure.adhoc.scored import score_rows, scored_above, scoring_rows
from gov_pipelines.measure.adhoc.tables import Table, rate_rows, tables
from gov_pipelines.measure.adhoc.within import within_rows
from gov_pipelines.measure.adhoc.worst import worst_rows
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.engines import as_lazy
from gov_pipelines.measure.counting.scan import count
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.rates.catalogue import OF_GROUPS
from gov_pipelines.measure.rates.confusion import RATES
from gov_pipelines.policy.kinds.rates import SHAPES


def metrics(
    frame: Any,
    *,
    decision: str,
    favorable: Iterable[str],
    protected: Sequence[str],
    undecided: Iterable[str] = (),
    intersections: bool = False,
    label: str | None = None,
    label_positive: Iterable[str] = (),
    score: str | None = None,
    stratify: Sequence[str] = (),
    reference: Mapping[str, str] | None = None,
    proposed: str | None = None,
    min_group_size: int = 1,
    equivalence: float | None = None,
    weight: str | None = None,
    confidence: float = 0.95,
) -> list[Measurement]:
    """Measure the decisions in a table.

    Values compare as text. A missing or undecided decision is left out everywhere, a missing label only where one is
    needed; notes count both. A missing group is measured, and never the best group, the reference or part of an
    aggregate. What is undefined is None, and its note says why.

    Args:
        frame: one row a decision, in any frame that `as_lazy` takes.
        decision: the column of the decision.
        favorable: its values that a person wants; other values are unfavorable.
        protected: the columns whose groups are compared.
        undecided: values of the decision that are none yet.
        intersections: also the groups of every combination of protected columns.
        label: the column of the outcome that matured later.
        label_positive: its values that are positive; others are negative. Where one is missing, each rate is told once
            more with the range that leaves open (`<rate>_bounds`).
        score: the column of a number; rates above its median are compared too.
        stratify: columns within whose values the groups are compared too.
        reference: the group of a protected column that others are compared with, besides the best one.
        proposed: the column of what the system proposed, in the words of the decision.
        min_group_size: rows that a group needs to be compared; smaller ones are measured, and part of no aggregate. Above
            1 the worst slice of all attributes and intersections is told too.
        equivalence: a ratio below 1 within which rates are to be shown alike.
        weight: the column of how many a row stands for; what is missing or infinite weighs nothing.
        confidence: of intervals, above 0.5 and below 1.

    Returns:
        For each attribute and intersection one row a group and metric, and one a gap between groups (`group` None); then
        the same of each stratum, and over strata.

    Raises:
        WrongUse: a column is not there, a weight is negative, a value occurs nowhere, or a number is out of range.
    """
    if not 0.5 < confidence < 1:
        raise WrongUse(f"A confidence of {confidence:g} says nothing. Give one above 0.5 and below 1, such as 0.95.")
    if equivalence is not None and not 0 < equivalence < 1:
        raise WrongUse(f"An equivalence of {equivalence:g} is no margin. Give a ratio between 0 and 1, such as 0.8.")
    if min_group_size < 1:
        raise WrongUse(f"No group has {min_group_size} rows. Give a least size of 1 or more.")
    lazy = nw.from_native(as_lazy(frame))
    schema = lazy.collect_schema()
    by, strata, base = tuple(dict.fromkeys(protected)), tuple(dict.fromkeys(stratify)), dict(reference or {})
    used = [decision, *by, *strata, *filter(None, (label, score, weight, proposed)), *base]
    present(used, schema)
    if overlapping := {*by} & {*strata} or {*base} - {*by}:
        raise WrongUse(
            f"{', '.join(sorted(overlapping))}: strata are other columns than the protected ones, references are of these."
        )
    texts = dict.fromkeys([decision, *by, *strata, *filter(None, [label, proposed])])
    missing = (
        nw.when(~nw.col(name).is_nan()).then(nw.col(name)).alias(name) for name in texts if schema[name].is_float()
    )
    lazy, weight, unit = weighed(lazy.with_columns(missing), weight)
    columns = Columns(
        decision=decision, attributes=by, strata=strata, label=label, weight=weight, categories=(label,) if label else (),
        favorable=written(favorable, schema[decision]), undecided=written(undecided, schema[decision]), proposed=proposed,
        label_positive=written(label_positive, schema[label]) if label else frozenset(),
    )  # fmt: skip
    tally = count(lazy.to_native(), columns)
    named = {name: next(iter(written([value], schema[name]))) for name, value in base.items()}
    all_occur(tally, columns, named)
    scored = None if score is None else scored_above(lazy, replace(columns, proposed=None), score)
    rates = [name for name in RATES if label or not (RATES[name].labelled or name == "labelled_rate")]
    rows: list[Measurement] = []
    everywhere: list[Table] = []
    for each in (names for depth in range(1, len(by) + 1 if intersections else 2) for names in combinations(by, depth)):
        beside = named if {*each} <= {*named} else None
        own = None if beside is None else {name: beside[name] for name in each}
        for table in tables(tally, each, (), unit, min_group_size):
            everywhere.append(table)
            rows += _core(table, rates, confidence, beside)
            rows += catalogue_rows(table, confidence, beside, labelled=label is not None)
            rows += bounds_rows(table, labelled=label is not None)
            rows += [] if equivalence is None else [equivalence_row(table, equivalence, confidence, beside)]
        for table in tables(scored, each, (), unit, min_group_size, "a score or decision") if scored else ():
            rows += scoring_rows(table, confidence)
        for table in tables(tally, each, strata, unit, min_group_size) if strata else ():
            rows += _core(table, rates, confidence, beside)
        rows += within_rows(tally, each, strata, confidence, beside, min_group_size) if strata else []
        rows += override_rows(tally, each, confidence, own, min_group_size) if proposed else []
    rows += worst_rows(everywhere, rates, min_group_size, confidence) if min_group_size > 1 else []
    return rows + (score_rows(scored, by, named, confidence, min_group_size) if scored else [])


def _core(
    table: Table, rates: Sequence[str], confidence: float, base: Mapping[str, str] | None
) -> Iterator[Measurement]:
    """The rates of the groups, their gaps with intervals and tests, and the ratios that the law names."""
    for name in rates:
        yield from rate_rows(table, name, confidence)
    shapes = {metric: shape for metric, shape in SHAPES.items() if metric in OF_GROUPS and {*shape.rates} <= {*rates}}
    gaps = gap_rows(table, [*dict.fromkeys(shapes.values())], confidence)
    yield from (replace(gaps[shape], metric=metric) for metric, shape in shapes.items())
    yield from ratio_rows(table, "impact_ratio", confidence)
    if base is not None:
        yield from ratio_rows(table, "adverse_impact_ratio", confidence, base)
