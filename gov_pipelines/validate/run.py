"""Suites run over measurements: one judgement for every expectation, and no pass out of ignorance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gov_pipelines.errors import WrongUse
from gov_pipelines.measure import Judgement, Measurement
from gov_pipelines.validate import native
from gov_pipelines.validate.outcome import PASSED
from gov_pipelines.validate.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gov_pipelines.validate.expectations import Answer


def run_suite(
    suite: Mapping[str, Any], measurements: Mapping[str, Sequence[Measurement]], presence: Mapping[str, tuple[int, int]]
) -> dict[str, Judgement]:
    """Run a compiled suite with Great Expectations and bring back one judgement for every expectation in it.

    Great Expectations fails open: it succeeds on empty tables, on nulls, on conditions that match nothing and on an
    empty suite, and drops what it does not know. Here whatever is not a judgement is `missing` or `insufficient`.

    Args:
        suite: a suite as `compile_suites` writes it, parsed.
        measurements: control key to the measurements of that control's window.
        presence: control key to partitions present and expected in that window.

    Returns:
        Control key to judgement, in the order of the suite. An expectation without a control key stands under
        `<suite>#<position>` and is `missing`; two with the same key are one `missing`.

    Raises:
        WrongUse: the document is not a suite at all.
    """
    expectations = suite.get("expectations")
    if not isinstance(expectations, list) or not all(isinstance(each, dict) for each in expectations):
        raise WrongUse(
            f"The suite {suite.get('name')!r} has no list of expectations. Run `gov compile` to write it again."
        )
    judgements: dict[str, Judgement] = {}
    judged: dict[str, dict[str, Any]] = {}
    for position, expectation in enumerate(expectations):
        meta = expectation.get("meta") or {}
        key = meta.get("control")
        if not isinstance(key, str):
            judgements[f"{suite.get('name')}#{position}"] = _missing("the expectation names no control")
        elif key in judgements:
            judgements[key] = _missing("the suite holds two expectations for this control")
            judged.pop(key, None)
        elif key not in presence:
            judgements[key] = _missing("which partitions of its window are present was not said")
        elif not measurements.get(key):
            judgements[key] = _missing("nothing was measured for it")
        elif meta.get("kind") == "expectation":
            judgements[key] = native.judge(expectation, measurements[key], presence[key])
        else:
            judgements[key] = _missing("it was not run")
            judged[key] = expectation
    return judgements | _run_judged(judged, measurements, presence)


def _run_judged(
    expectations: Mapping[str, Mapping[str, Any]],
    measurements: Mapping[str, Sequence[Measurement]],
    presence: Mapping[str, tuple[int, int]],
) -> dict[str, Judgement]:
    """Run the controls that `measure.judge` judges: all of them in one table, each on its own rows."""
    if not expectations:
        return {}
    from gov_pipelines.validate.expectations import ask  # noqa: PLC0415  (seconds of import)

    questions = {}
    for key, expectation in expectations.items():
        present, expected = presence[key]
        given = {"control": key, "partitions_present": present, "partitions_expected": expected}
        kwargs = {**(expectation.get("kwargs") or {}), **given}  # its own rows, whatever a suite was edited to say
        questions[key] = {"type": expectation.get("type"), "kwargs": kwargs}
    answers = ask(questions, [row_of(each, key) for key in questions for each in measurements[key]])
    return {key: _judgement(answers[key]) for key in questions}


def _judgement(answer: Answer) -> Judgement:
    if answer.error is not None:
        return _missing(answer.error)
    judgement = answer.result.get("observed_value")
    if not isinstance(judgement, Judgement):
        return _missing(f"Great Expectations answered success={answer.success} without a judgement")
    if answer.success != (judgement.verdict in PASSED):
        return _missing(f"Great Expectations answered success={answer.success} beside the verdict {judgement.verdict}")
    return judgement


def _missing(reason: str) -> Judgement:
    return Judgement("missing", f"Not judged: {reason}.")
