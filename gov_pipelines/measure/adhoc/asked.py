"""What is asked of a table, checked: its columns, the values named, and the weights."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.statistics.means import UNIT

_FEW = 10  # values of a column that a message lists


def weighed(lazy: nw.LazyFrame[Any], weight: str | None) -> tuple[nw.LazyFrame[Any], str | None, float]:
    """Weights scaled by a power of two, so that whole millionths of them are exact to 15 digits, and what one then is.

    No weight is left where each row weighs one: the exact tests of counts are of those rows too.
    """
    if weight is None:
        return lazy, None, 1.0
    number = nw.col(weight).cast(nw.Float64)
    number = nw.when(number.is_finite()).then(number).otherwise(nw.lit(0.0))
    least, most = lazy.select(least=number.min(), most=number.max()).collect("polars").to_native().row(0)
    if (least or 0) < 0:
        raise WrongUse(f"{weight} holds {least:g}, and no row stands for fewer than none. Give weights from 0 on.")
    if least == most == 1:
        return lazy, None, 1.0
    scale = math.ldexp(1.0, min(29 - math.frexp(most or 1.0)[1], 1000))  # the largest below 2^29, so below `LARGEST`
    told = 1e-100 < (most or 1.0) < 1e100  # beyond, their squares are no numbers: they then are told in their own scale
    return lazy.with_columns((number * scale).alias(weight)), weight, scale * UNIT if told else UNIT


def present(names: Iterable[str], schema: Mapping[str, Any]) -> None:
    """Refuse a column that is not there, or whose values have no text.

    Raises:
        WrongUse: as said, with the nearest name.
    """
    there = [*schema]
    for name in names:
        if isinstance(schema.get(name), nw.Object | nw.List | nw.Array | nw.Struct):
            raise WrongUse(
                f"`{name}` holds {schema[name]}, which does not compare as text. Give text, numbers or dates."
            )
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = (
                f"Did you mean `{near[0]}`?" if near else f"It has {', '.join(there[:30])}{' ...' * (len(there) > 30)}."
            )
            raise WrongUse(f"There is no column `{name}`. {hint}")


def written(values: Iterable[str], dtype: nw.dtypes.DType) -> frozenset[str]:
    """Given values as a column of this type writes them: 1 as 1.0 among floats, True as true."""
    texts = pl.Series([*values], dtype=pl.String)
    if isinstance(dtype, nw.Boolean):
        texts = texts.str.to_lowercase()
    elif dtype.is_numeric():
        kind = pl.Float64 if dtype.is_float() else pl.Int64
        texts = texts.cast(kind, strict=False).cast(pl.String).fill_null(texts)
    return frozenset(texts)


def all_occur(tally: Tally, columns: Columns, named: Mapping[str, str]) -> None:
    """Refuse a value named that no row has.

    Raises:
        WrongUse: as said, with the values there are.
    """
    if both := sorted(columns.favorable & columns.undecided):
        raise WrongUse(f"{', '.join(both)} cannot be both favorable and undecided. Say which it is.")
    held = tally.cells["decision"].unique()
    _occurs(columns.decision, columns.favorable, held, columns.undecided)
    _occurs(columns.decision, columns.undecided, held, columns.favorable, least=math.inf)
    if columns.label:
        _occurs(columns.label, columns.label_positive, tally.categories.filter(column=columns.label)["value"])
    for name, value in named.items():
        _occurs(name, {value}, tally.cells[name].unique(), least=1)


def _occurs(name: str, values: Iterable[str], held: pl.Series, apart: Iterable[str] = (), least: float = 2) -> None:
    """Refuse values none of which a column holds, unless it holds so few that they may well be absent; and near misses."""
    wanted, known = {*values}, {*held.drop_nulls()} - {*apart}
    unseen, others = wanted - known, sorted(known - wanted)
    missed = {text.strip().casefold() for text in unseen} & {text.strip().casefold() for text in others}
    if missed or (unseen == wanted and len(known) >= least):
        told = f"It holds {', '.join(others)}." if len(others) <= _FEW else f"It holds {len(others):,} other values."
        raise WrongUse(f"`{name}` never holds {' or '.join(sorted(unseen))}. {told}")
