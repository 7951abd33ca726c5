"""The control kind `expectation`: an expectation of Great Expectations' own, guarded against passing on nothing.

Row-wise expectations succeed on an empty table, on nulls and on a `row_condition` that matches no row; aggregates
leave nulls out. So each is asked together with guards: one `expect_column_values_to_not_be_null` under the same
condition for every column it looks at, which counts the rows it saw and the nulls among them.
"""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any

from gov_pipelines.measure import Judgement, Measurement
from gov_pipelines.validate.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gov_pipelines.validate.expectations import Answer

ABOUT_NULLS = frozenset(
    {
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_values_to_be_null",
        "expect_column_values_to_not_be_null",
    }
)
"""Nulls are the subject of these: they count as seen, not as unknown."""

_ITSELF = "the expectation"
_COUNTS = {"element_count", "unexpected_count"}
_NEVER_NULL = "metric"  # what an expectation about the whole table is guarded by: its rows are counted


def judge(expectation: Mapping[str, Any], measurements: Sequence[Measurement], presence: tuple[int, int]) -> Judgement:
    """Run one native expectation over the measurements of its control's window.

    The table has the columns of a `Measurement`; `attribute` and the groups are JSON text such as `{"sex": "F"}`,
    names in the order of `attribute`. A `row_condition` is Great Expectations' condition object; lint refuses its text form.

    Args:
        expectation: one entry of a suite: `type`, `kwargs`, `meta`.
        measurements: the measurements given for this control.
        presence: partitions present and expected in the window.

    Returns:
        `missing` where the expectation did not run; `insufficient` where the window has a hole, where it saw no row,
        or where a null stands among what it would have passed; `fail` where it found what it forbids; else `pass`.
    """
    from gov_pipelines.validate.expectations import ask  # noqa: PLC0415  (seconds of import)

    name, kwargs = str(expectation.get("type")), dict(expectation.get("kwargs") or {})
    condition = {"row_condition": kwargs["row_condition"]} if "row_condition" in kwargs else {}
    guards = {
        f"nulls of {column}": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column, **condition}}
        for column in _columns(name, kwargs)
    }
    rows = [row_of(each, str(expectation["meta"]["control"])) for each in measurements]
    answers = ask({_ITSELF: {"type": name, "kwargs": kwargs}, **guards}, rows)
    return _verdict(name, answers.pop(_ITSELF), answers, presence)


def _verdict(name: str, answer: Answer, guards: Mapping[str, Answer], presence: tuple[int, int]) -> Judgement:
    errors = [each.error for each in (answer, *guards.values()) if each.error is not None]
    counted = [each.result.keys() >= _COUNTS for each in guards.values()]
    if errors or not all(counted):
        return Judgement("missing", f"Not judged: {[*errors, 'the rows it saw were not counted'][0]}.")
    seen = min(int(each.result["element_count"]) for each in guards.values())
    nulls = {column: int(each.result["unexpected_count"]) for column, each in guards.items()}
    unknown = {} if name in ABOUT_NULLS else {column: count for column, count in nulls.items() if count}
    present, expected = presence
    if present < expected:
        return Judgement("insufficient", f"{present} of {expected} partitions of the window are present.")
    if seen == 0:
        return Judgement("insufficient", f"{name} met no row: nothing was tested.")
    if not answer.success and seen not in unknown.values():  # where all are null, nothing was tested
        return Judgement("fail", f"{name} does not hold: {_found(answer, seen)}.")
    if unknown:
        nulls_in = ", ".join(f"{column}: {count} of {seen}" for column, count in unknown.items())
        return Judgement("insufficient", f"{name} leaves values untested: {nulls_in}.")
    return Judgement("pass", f"{name} holds: {_found(answer, seen)}.")


def _columns(name: str, kwargs: Mapping[str, Any]) -> list[str]:
    """The columns whose values an expectation looks at, as its keywords name them."""
    if name.startswith("expect_table_") or name == "expect_column_to_exist":
        return [_NEVER_NULL]
    single = [kwargs[key] for key in ("column", "column_A", "column_B") if kwargs.get(key)]
    several = [column for key in ("column_list", "column_set") for column in kwargs.get(key) or []]
    return [str(column) for column in dict.fromkeys([*single, *several])] or [_NEVER_NULL]


def _found(answer: Answer, seen: int) -> str:
    if "observed_value" in answer.result:
        value = answer.result["observed_value"]
        words = f"{value:.6g}" if isinstance(value, float) else shorten(str(value), 120, placeholder=" ...")
        return f"observed {words} over {seen} measurements"
    return f"{answer.result.get('unexpected_count', 0)} of {seen} measurements are outside"
