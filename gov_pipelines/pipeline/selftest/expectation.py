"""Native expectations: measurements of a real night, changed until the expectation fails and until it holds.

Nobody here knows what an expectation of somebody else's looks for. So the columns it names are given values that it
names, their neighbours, extremes and nothing; rows are taken away and doubled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from gov_pipelines.measure import Measurement
from gov_pipelines.pipeline.measuring import measurements_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.selftest.setting import MadeUp, Setting
from gov_pipelines.policy import Policy
from gov_pipelines.policy.kinds import Expectation
from gov_pipelines.validate import compile_suites, run_suite

_NUMBERS = {
    "value", "lower", "upper", "confidence", "n", "p_value", "p_adjusted", "e_value", "minimum_detectable", "n_needed",
}  # fmt: skip
_GROUPS = {"group", "reference_group", "stratum"}
_COLUMNS = {each.name for each in fields(Measurement)} - {"tested", "recomputable", "window_start", "window_end"}
_MOST_ROWS = 10_000
_LARGEST = 1e9
"""No measurement is believed to be larger."""
_EXTREMES = (0.0, 1.0, 0.5, -1.0, _LARGEST, -_LARGEST)

Tried = Callable[[Sequence[Measurement]], list[Measurement]]


def some_of_everything(setting: Setting) -> MadeUp:
    """A night on which every control measures something: two groups of each attribute, with both outcomes."""
    outcomes = setting.declaration.outcomes
    names = dict.fromkeys([*setting.declaration.protected_attributes, *setting.declaration.strata])
    rows = []
    for place in (0, 1):
        values = {name: setting.values(name) or ["group a", "group b"] for name in names}
        group = {name: known[min(place, len(known) - 1)] for name, known in values.items()}
        rows += [({**group, "decision": each[0]}, 25) for each in (outcomes.favorable, outcomes.unfavorable)]
    return setting.every_day(*rows)


def verdicts_tried(setting: Setting, night: Night, narrowed: Policy) -> Iterator[tuple[str, str]]:
    """The verdict and reason of the expectation over each change of the night's measurements, as they come."""
    control = setting.bound.control
    assert isinstance(control, Expectation)
    key = setting.bound.key
    measured = measurements_of(night).get(key, [])
    (suite,) = compile_suites([narrowed]).values()
    days = len(night.window(setting.bound))
    for changed in _changes(control.arguments):
        judgement = run_suite(json.loads(suite), {key: changed(measured)}, {key: (days, days)})[key]
        yield judgement.verdict, judgement.reason


def _changes(arguments: Mapping[str, Any]) -> Iterator[Tried]:
    yield list
    named = [*_named(arguments)]
    condition = [*_named(arguments.get("row_condition", {}))]
    columns = dict.fromkeys([*(name for name in named if name in _COLUMNS and name not in condition), "value"])
    numbers = [float(each) for each in named if isinstance(each, int | float) and abs(each) < _LARGEST]
    texts = [each for each in named if isinstance(each, str) and each not in _COLUMNS]
    for column in columns:
        for number in (*(n + step for n in numbers for step in (0.0, 1.0, -1.0)), *_EXTREMES):
            if column in _NUMBERS:
                yield _all(column, int(number) if column == "n" else number)
        for text in (*texts, "something else"):
            if column not in _NUMBERS:
                yield _all(column, _shaped(column, text))
        if column in _NUMBERS:
            yield lambda rows, column=column: [replace(row, **{column: place}) for place, row in enumerate(rows)]  # type: ignore[misc]
        if column != "metric":
            yield _all(column, None)
    yield lambda rows: list(rows[:1])
    most = max([each for each in numbers if each < _MOST_ROWS], default=1)
    yield lambda rows: [*rows] * int(most / max(len(rows), 1) + 2)


def _all(column: str, value: object) -> Tried:
    changed: dict[str, Any] = {column: value}
    return lambda rows: [replace(row, **changed) for row in rows]


def _shaped(column: str, text: str) -> object:
    if column == "attribute":
        return (text,)
    return {"something": text} if column in _GROUPS else text


def _named(arguments: object) -> Iterator[object]:
    """Every text and number anywhere in an expectation's arguments."""
    if isinstance(arguments, Mapping):
        for value in arguments.values():
            yield from _named(value)
    elif isinstance(arguments, list | tuple):
        for value in arguments:
            yield from _named(value)
    else:
        yield arguments
