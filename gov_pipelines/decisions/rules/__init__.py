"""The rules that judge each decision: one module per kind of control, found here by the kind."""

from __future__ import annotations

from gov_pipelines.decisions.rules import approved_model, deadline, decision_rule, decision_scope, human_review
from gov_pipelines.decisions.rules.ruling import Hearing, Rule, Ruling

RULES: dict[str, Rule] = {
    "approved_model": approved_model.judge,
    "deadline": deadline.judge,
    "decision_rule": decision_rule.judge,
    "decision_scope": decision_scope.judge,
    "human_review": human_review.judge,
}

__all__ = ["RULES", "Hearing", "Rule", "Ruling"]
