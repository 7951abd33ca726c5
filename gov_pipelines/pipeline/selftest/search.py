"""A decision that meets some rules and breaks another, found among the values that could make a difference to them.

Between the values that rules name their answers do not change, so a few values a column stand for all. What is found is
a true example; where rules do arithmetic on several columns, not finding one is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl
from sqlglot import expressions as sql
from sqlglot import parse_one

from gov_pipelines.decisions import as_text
from gov_pipelines.pipeline.selftest.setting import Row, Setting
from gov_pipelines.policy import Predicate, parse_predicate
from gov_pipelines.policy.reasoning import Space, cells_of, combined, space_of


def find_decision(
    setting: Setting, fixed: Row, *, meets: Sequence[str], breaks: str | None = None
) -> dict[str, object] | None:
    """A decision with the `fixed` values that meets every rule of `meets` and, where given, breaks the rule `breaks`.

    Returns:
        Canonical columns to values, `fixed` among them; None where none was found.
    """
    space = space_of(setting.declaration)
    space = replace(space, values={name: frozenset(setting.values(name)) for name in space.schema})
    texts = [*meets, *([breaks] if breaks else [])]
    rules = [parse_predicate(text, space.schema, zone=space.zone) for text in texts]
    if not rules:
        return dict(fixed)
    # Decided in the partition, on no other day. What one column must be by itself is asked first: it leaves fewer to combine.
    cells = {each.name: each for each in cells_of(rules, space, {"decided_at": setting.noon(), **fixed})}
    for part, wanted in _parts(meets, breaks, space):
        (name,) = part.columns
        holds = part.expression() if wanted else ~part.expression()
        cells[name] = cells[name].to_frame().filter(holds)[name]
    if any(each.is_empty() for each in cells.values()):
        return None
    tried = combined([*cells.values()])
    met = [rule.expression() for rule in rules]
    if breaks:
        met[-1] = ~met[-1]
    # What would be read otherwise than it is written cannot stand in a log.
    kept = [
        pl.col(name).eq_missing(as_text(pl.col(name), pl.String())) for name in tried.select(pl.col(pl.String)).columns
    ]
    found = tried.filter(*met, *kept).head(1).to_dicts()
    return {**fixed, **found[0]} if found else None


def _parts(meets: Sequence[str], breaks: str | None, space: Space) -> Iterator[tuple[Predicate, bool]]:
    """The parts about one column that must be true, of rules that all hold, or false, of the rule that is broken."""
    rules = [(parse_one(text), True) for text in meets] + ([(parse_one(breaks), False)] if breaks else [])
    while rules:
        node, wanted = rules.pop()
        node = node.unnest()
        if isinstance(node, sql.Not):
            rules.append((node.this, not wanted))
        elif isinstance(node, sql.And if wanted else sql.Or):
            rules += [(node.this, wanted), (node.expression, wanted)]
        elif len({column.name for column in node.find_all(sql.Column)}) == 1:
            yield parse_predicate(node.sql(), space.schema, zone=space.zone), wanted


def in_words(decision: Mapping[str, object]) -> str:
    """`amount 250001, decision denied`; a missing value is `none`."""
    return ", ".join(f"{name} {told(value)}" for name, value in sorted(decision.items()))


def told(value: object) -> str:
    """A value as a person would write it."""
    return "none" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value).replace("\0", "\\0")
