"""Does each control catch a breach: for every kind one function that plants it, and the real night that must find it.

`PLANTS` names each: `decisions.py` (one for decision_rule, decision_scope and approved_model, which are rules; deadline,
human_review), `access.py` (data_access, access_pattern), `fairness.py`, `drift.py`, `quality.py`
(log_quality, operating_range, freshness); native expectations are tried by `expectation.py`.
"""

from __future__ import annotations

from gov_pipelines.pipeline.selftest.run import PLANTS, Finding, selftest, values_seen
from gov_pipelines.pipeline.selftest.suites import SuiteFinding, suites_as_compiled

__all__ = ["PLANTS", "Finding", "SuiteFinding", "selftest", "suites_as_compiled", "values_seen"]
