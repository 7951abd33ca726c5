"""A decision that meets some rules and breaks another, found among the values that could make a difference to them.

Between the values that rules name their answers do not change, so a few values a column stand for all. What is found is
a true example; where rules do arithmetic on several columns, not finding one is no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from gov_pipelines.decisions import as_text
from gov_pipelines.pipeline.selftest.setting import Row, Setting
from gov_pipelines.policy import parse_predicate
from gov_pipelines.policy.reasoning import cells_of, combined, space_of


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
    tried = combined(
        cells_of(rules, space, {"decided_at": setting.noon(), **fixed})
    )  # of the partition, and no other day
    met = [rule.expression() for rule in rules]
    if breaks:
        met[-1] = ~met[-1]
    # What would be read otherwise than it is written cannot stand in a log.
    kept = [
        pl.col(name).eq_missing(as_text(pl.col(name), pl.String())) for name in tried.select(pl.col(pl.String)).columns
    ]
    found = tried.filter(*met, *kept).head(1).to_dicts()
    return {**fixed, **found[0]} if found else None


def in_words(decision: Mapping[str, object]) -> str:
    """`amount 250001, decision denied`; a missing value is `none`."""
    return ", ".join(f"{name} {told(value)}" for name, value in sorted(decision.items()))


def told(value: object) -> str:
    """A value as a person would write it."""
    return "none" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
