"""What Dagster is told of a verdict. Dagster's gate fails open; this mapping does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from gov_pipelines.measure import Verdict
    from gov_pipelines.policy.kinds import Severity

PASSED: frozenset[str] = frozenset({"pass", "report_only", "not_applicable"})
"""The verdicts under which an expectation succeeds and a check is passed. The description says which it was."""


class Outcome(NamedTuple):
    """The two fields of an asset check result.

    Attributes:
        passed: whether the check is shown as passed.
        severity: Dagster's severity of a check that is not passed.
    """

    passed: bool
    severity: Literal["ERROR", "WARN"]


def outcome(verdict: Verdict, severity: Severity) -> Outcome:
    """Say a control's verdict in Dagster's two words.

    Args:
        verdict: one of the seven verdicts of a control.
        severity: how bad the clause calls a failure: critical, warning or info.

    Returns:
        `fail` is not passed, ERROR if critical else WARN; `warn` and `insufficient` are not passed, WARN; `missing`
        is not passed, ERROR; the rest are passed. A word that is none of the seven is taken for `missing`.
    """
    if verdict in PASSED:
        return Outcome(passed=True, severity="WARN")
    if verdict in {"warn", "insufficient"} or (verdict == "fail" and severity != "critical"):
        return Outcome(passed=False, severity="WARN")
    return Outcome(passed=False, severity="ERROR")
