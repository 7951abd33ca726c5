"""`approved_model`: which versions of a model may decide."""

from __future__ import annotations

from typing import ClassVar, Literal

from gov_pipelines.policy.declaration import ApprovedModel as ModelApproval
from gov_pipelines.policy.kinds.bound import BoundControl, Judges, OnFail


class ApprovedModel(BoundControl):
    """Each decision was made by a version approved on that date; default: the declaration's `intake.models`."""

    judges: ClassVar[Judges] = "decision"
    default_on_fail: ClassVar[OnFail] = "hold_decision"

    kind: Literal["approved_model"]
    models: list[ModelApproval] = []
