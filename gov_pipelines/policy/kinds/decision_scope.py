"""`decision_scope`: what the system may decide on."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.declaration import MayDecide
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, OnFail


class DecisionScope(BoundControl):
    """Products and amounts the system may decide on; default: the declaration's `intake.may_decide`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["decision_scope"]
    may_decide: MayDecide | None = None
