"""Whether one rule overlooks a decision that another one meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

import polars as pl

from gov_pipelines.policy.columns import TEXT
from gov_pipelines.policy.predicates import Predicate

_OTHER = "something else"
_MOST = 20_000


def overlooked(
    strict: Predicate, lax: Predicate, schema: Mapping[str, pl.DataType], known: Mapping[str, frozenset[str]]
) -> dict[str, object] | None:
    """A decision that meets `strict` and not `lax`; None where none was found.

    Tried are the values that the two rules name and their neighbours, so what is returned is a true counterexample,
    while None is no proof: rules that do arithmetic or compare moments are not searched through. `known` are the
    values that a column can only have.
    """
    numbers = sorted({0.0, *(value + step for value in strict.numbers | lax.numbers for step in (-1.0, 0.0, 1.0))})
    tried: dict[str, Sequence[object]] = {}
    for name in sorted(strict.columns | lax.columns):
        if schema[name] == TEXT:
            named = strict.compared.get(name, frozenset()) | lax.compared.get(name, frozenset())
            tried[name] = sorted(known.get(name, named | {_OTHER}))
        elif schema[name].is_numeric():
            tried[name] = [*numbers]
        else:
            return None
    if prod(len(values) for values in tried.values()) > _MOST:
        return None
    decisions = pl.DataFrame(
        list(product(*tried.values())), schema={name: schema[name] for name in tried}, orient="row"
    )
    found = decisions.filter(strict.expression() & ~lax.expression().fill_null(value=False))
    return found.row(0, named=True) if found.height else None
