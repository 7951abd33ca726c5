"""The one module that imports Great Expectations: the expectation of a control, and questions put to the library.

Great Expectations drops an expectation it does not know, returns results in its own order, keys an exception by a
metric's id and succeeds on what it never looked at. `ask` gives one answer to every question, whatever happens.
Imported only when a suite runs: the import takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import great_expectations as gx
import pandas as pd
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from gov_pipelines import measure
from gov_pipelines.validate.outcome import PASSED
from gov_pipelines.validate.rows import INSTANTS, NUMBERS, OBJECTS, TEXTS
from gov_pipelines.validate.suites import control_of

_JUDGEMENT = "gov_pipelines.control.judgement"
_TYPES = {
    **dict.fromkeys(("control", "measurement", *TEXTS, *OBJECTS, *INSTANTS), "object"),
    **dict.fromkeys(NUMBERS, "float64"),
    "n": "int64",
    "tested": "bool",
}


class ControlJudgement(TableMetricProvider):
    """Computes the judgement of one control from its rows of the table, by `gov_pipelines.measure.judge`."""

    metric_name = _JUDGEMENT
    value_keys = ("control", "parameters", "partitions_present", "partitions_expected")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805  (the decorator calls it as a class method)
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> measure.Judgement:
        frame, _compute, _accessor = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type="table")
        return measure.judge(
            control_of(metric_value_kwargs["parameters"]),
            frame.loc[frame["control"] == metric_value_kwargs["control"], "measurement"].to_list(),
            partitions_present=metric_value_kwargs["partitions_present"],
            partitions_expected=metric_value_kwargs["partitions_expected"],
        )


class ExpectControlToHold(BatchExpectation):
    """Expect a control's verdict over its measurements to be pass, report_only or not_applicable.

    The table holds one row a measurement (`rows.row_of`). `parameters` are the control's, as its policy states them.
    Unless a run says how many partitions of the window are present and expected, the window has a hole.
    """

    control: str
    parameters: dict[str, Any]
    partitions_present: int = 0
    partitions_expected: int = 1

    metric_dependencies: ClassVar[tuple[str, ...]] = (_JUDGEMENT,)
    success_keys: ClassVar[tuple[str, ...]] = ControlJudgement.value_keys
    args_keys: ClassVar[tuple[str, ...]] = ControlJudgement.value_keys

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002  (Great Expectations passes it)
        execution_engine: ExecutionEngine[Any] | None = None,  # noqa: ARG002  (Great Expectations' signature)
    ) -> dict[str, Any]:
        judgement = metrics[_JUDGEMENT]
        return {"success": judgement.verdict in PASSED, "result": {"observed_value": judgement}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What Great Expectations said to one question.

    Attributes:
        success: its word, to be believed only together with `result`.
        result: counts or the observed value; empty where there was an error.
        error: why there is no result, in words; None where there is one.
    """

    success: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


def ask(questions: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Answer]:
    """Put expectations to Great Expectations over one small table.

    Args:
        questions: name of the question to an expectation (`type` and `kwargs`, as in a suite).
        rows: the table, rows of `rows.row_of`.

    Returns:
        One answer to every question, under its name: never fewer, never by position.
    """
    try:
        answers = _answers(questions, rows)
    except Exception as error:  # noqa: BLE001  (fail closed: none of the questions has a result to rely on)
        answers = dict.fromkeys(questions, Answer(error=f"the suite raised: {_brief(error)}"))
    unanswered = Answer(error="Great Expectations gave no result for it")
    return {name: answers.get(name, unanswered) for name in questions}


def _answers(questions: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> dict[str, Answer]:
    """What Great Expectations has to say, of which questions it may."""
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": _frame(rows)})
    answers: dict[str, Answer] = {}
    expectations = []
    for name, question in questions.items():
        try:
            configuration = ExpectationConfiguration(
                type=question["type"], kwargs=deepcopy(question["kwargs"]), meta={"question": name}
            )
            expectations.append(configuration.to_domain_obj())
        except Exception as error:  # noqa: BLE001  (fail closed: this question has no result, the others may)
            answers[name] = Answer(error=f"the expectation cannot be built: {_brief(error)}")
    suite = gx.ExpectationSuite(name="questions", expectations=expectations)
    for each in batch.validate(suite, result_format="BASIC").results:
        assert each.expectation_config is not None
        name = each.expectation_config.meta["question"]
        if name in answers:
            answers[name] = Answer(error="Great Expectations gave two results for it")
        elif errors := [*_raised(each.exception_info)]:
            answers[name] = Answer(error=f"the expectation raised: {_brief(errors[0])}")
        else:
            answers[name] = Answer(success=each.success is True, result=each.result or {})
    return answers


@cache
def _batch_definition() -> BatchDefinition[Any]:
    """One ephemeral context a process, which writes nothing; a second data source of the same name is an error."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("measurements").add_dataframe_asset("measurements")
    return asset.add_batch_definition_whole_dataframe("window")


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table with its types set: an empty one has all its columns, and a column of nulls is still a number."""
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in _TYPES.items()})


def _raised(info: Mapping[str, Any] | None) -> Iterator[str]:
    """Exceptions of one result: flat where the expectation raised, keyed by a metric's id where a metric did."""
    for entry in (info, *(info or {}).values()):
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            yield str(entry.get("exception_message"))


def _brief(error: object) -> str:
    """The first lines of a message that can run to pages."""
    text = " ".join(str(error).split())
    named = f"{type(error).__name__}: {text}" if isinstance(error, Exception) else text
    return named if len(named) <= 300 else f"{named[:297]}..."
