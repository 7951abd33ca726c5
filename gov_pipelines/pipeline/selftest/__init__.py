"""Does each control catch a breach: for every kind one function that plants it, and the real night that must find it.

A plant of a kind is the function of that name in `PLANTS`: `decisions.py` (decision_rule, deadline, human_review,
decision_scope, approved_model), `access.py` (data_access, access_pattern), `fairness.py`, `drift.py`, `quality.py`
(log_quality, operating_range, freshness); native expectations are tried by `expectation.py`.
"""

from __future__ import annotations

from gov_pipelines.pipeline.selftest.run import PLANTS, Finding, selftest, values_seen
from gov_pipelines.pipeline.selftest.suites import SuiteFinding, suites_as_compiled

__all__ = ["PLANTS", "Finding", "SuiteFinding", "selftest", "suites_as_compiled", "values_seen"]
