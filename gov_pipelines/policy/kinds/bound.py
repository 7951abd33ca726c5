"""What every control has: how it acts, how bad a failure is, whom it tells, which window it looks at."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.durations import Window, WindowField
from gov_pipelines.policy.strict import Strict

Acts = Literal["prevents", "holds", "detects"]
OnFail = Literal["alert", "hold_decision", "hold_all", "suspend"]
Severity = Literal["critical", "warning", "info"]
Judges = Literal["decision", "population", "access"]


class BoundControl(Strict):
    """Fields shared by all kinds.

    `judges` says what the control looks at: each decision, the population of a window, or the access log.
    `approver` is the person or role that releases what `on_fail: hold_all` holds.
    """

    judges: ClassVar[Judges]
    default_on_fail: ClassVar[OnFail] = "alert"

    acts: Acts | None = None
    on_fail: OnFail | None = None
    approver: str | None = None
    severity: Severity = "warning"
    notify: list[str] = []
    window: WindowField = Window("partition")
