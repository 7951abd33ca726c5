"""A decision that meets some rules and breaks another, found among the values that could make a difference to them.

Between the values that rules name their answers do not change, so a few values a column stand for all. What is found is
a true example; where rules do arithmetic on several columns, not finding one is no proof.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations, product
from math import prod
from zoneinfo import ZoneInfo

import polars as pl

from gov_pipelines.pipeline.selftest.setting import Row, Setting
from gov_pipelines.policy import Predicate, log_schema, parse_predicate

MOST_TRIED = 100_000
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DAY = timedelta(days=1)
_MOST_PATTERNS = 4
_NEVER_NULL = {"decision", "decision_id", "decided_at"}


def find_decision(
    setting: Setting, fixed: Row, *, meets: Sequence[str], breaks: str | None = None
) -> dict[str, object] | None:
    """A decision with the `fixed` values that meets every rule of `meets` and, where given, breaks the rule `breaks`.

    Returns:
        Canonical columns to values, `fixed` among them; None where none was found.
    """
    schema = log_schema(setting.declaration)
    texts = [*meets, *([breaks] if breaks else [])]
    rules = [parse_predicate(text, schema, zone=setting.declaration.zone) for text in texts]
    if not rules:
        return dict(fixed)
    columns = sorted(frozenset[str]().union(*(rule.columns for rule in rules)))
    tried = [[fixed[name]] if name in fixed else [*_tried(name, setting, rules)] for name in columns]
    rows: Iterator[Sequence[object]] = product(*tried)
    if prod(map(len, tried)) > MOST_TRIED:
        draw = random.Random(0)  # noqa: S311  (the same decisions each time, not secrets)
        rows = iter([[draw.choice(values) for values in tried] for _ in range(MOST_TRIED)])
    decisions = pl.DataFrame(list(rows), schema={name: schema[name] for name in columns}, orient="row")
    met = [rule.expression() for rule in rules]
    if breaks:
        met[-1] = ~met[-1]
    found = decisions.filter(pl.all_horizontal(*met)).head(1).to_dicts()
    return {**fixed, **found[0]} if found else None


def in_words(decision: Mapping[str, object]) -> str:
    """`amount 250001, decision denied`; a missing value is `none`."""
    return ", ".join(f"{name} {told(value)}" for name, value in sorted(decision.items()))


def told(value: object) -> str:
    """A value as a person would write it."""
    return "none" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def _tried(column: str, setting: Setting, rules: Sequence[Predicate]) -> Iterator[object]:
    """Values of a column: those the rules name, their neighbours, others, and none at all."""
    dtype = log_schema(setting.declaration)[column]
    quoted = sorted({text.replace("''", "'") for rule in rules for text in _QUOTED.findall(rule.text)})
    if dtype.is_temporal():
        yield from _moments(column, setting, quoted)
    elif dtype.is_numeric():
        low, high = setting.limits(column)
        bare = [_QUOTED.sub("", rule.text) for rule in rules]
        found = {float(number) for text in bare for number in _NUMBER.findall(text)}
        named = sorted(found | ({-number for number in found} if any("-" in text for text in bare) else set()))
        beside = {number + step for number in named for step in (-1.0, 0.0, 1.0)} | {-number for number in named}
        between = {(one + other) / 2 for one, other in pairwise(named)}
        far = max(1e6, 2 * max(found, default=0.0))
        numbers = {*beside, *between, 0.0, 0.5, -far, far, *(end for end in (low, high) if end is not None)}
        within = [n for n in sorted(numbers) if (low is None or n >= low) and (high is None or n <= high)]
        yield from within if dtype.is_float() else sorted({int(number) for number in within})
    else:
        like = [text.replace("%", "").replace("_", "x") for text in quoted]
        patterns = [text for text, pattern in zip(like, quoted, strict=True) if text != pattern][:_MOST_PATTERNS]
        both = ["".join(pair) for pair in permutations(patterns, 2)]  # what two patterns match, one text has
        beyond = ["0", *(f"{text} or so" for text in quoted)]  # before and after those named; two others, to be unlike
        # A text is stripped when it is read, and a blank one is none.
        texts = dict.fromkeys(text.strip() for text in (*quoted, "something else", *like, *both, *beyond))
        yield from setting.values(column) or [text for text in texts if text]
    if column not in _NEVER_NULL:
        yield None


def _moments(column: str, setting: Setting, quoted: Sequence[str]) -> Iterator[datetime]:
    noon = setting.noon()
    yield noon
    if column == "decided_at":
        return  # of the partition, and of no other day
    yield from (noon - _DAY, noon + _DAY)
    for text in quoted:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue  # a text of another column
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(setting.declaration.zone))
        yield from (aware.astimezone(UTC) + step for step in (-_DAY, timedelta(), _DAY))
