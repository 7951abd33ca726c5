"""One system with every kind of control, whose policy a test changes one clause of."""

from __future__ import annotations

from datetime import date

import pytest

from gov_pipelines.pipeline.selftest import Finding, selftest
from gov_pipelines.policy import Policy, SystemDeclaration

DAY = date(2026, 9, 20)

DECLARED = {
    "system": "hiring",
    "owner": "team:people",
    "purpose": "Rank applications for interviews.",
    "risk": "high",
    "zone": "Europe/Berlin",
    "starts": date(2026, 9, 1),
    "source": {"url_env": "HIRING_URL", "table": "applications", "zone": "America/New_York"},
    "reviews": {"table": "reviews", "key": "id", "columns": {"reviewer_role": "role"}},
    "access_log": {"table": "reads", "columns": {"field": "what", "principal": "who"}},
    "columns": {"decision_id": "id", "decided_at": "on", "requester": "asked_by", "score": "points", "region": "area"},
    "fields": {
        "grade": {"type": "category", "values": ["1", "2"]},
        "years": {"type": "number", "range": [0, 60]},
        "region": {"type": "category"},
    },
    "outcomes": {"favorable": ["invited"], "unfavorable": ["rejected"], "undecided": ["open"]},
    "protected_attributes": {
        "sex": {"table": "people", "key": "person", "column": "s"},
        "age_band": {"table": "people", "key": "person", "unknown": ["?"]},
        "race": {},
    },
    "strata": ["grade", "region"],
    "intake": {
        "may_read": ["years", "grade"],
        "may_decide": {"products": ["clerk"], "amount": {"up_to": 100}},
        "needs_review": "decision = 'rejected' AND years > 10",
        "models": [{"version": "v1", "approved_from": date(2026, 8, 1)}],
        "database_role": "ranker",
        "database_url_env": "HIRING_URL",
    },
    "operating_range": {"rows_per_day": [2, 200], "score": [0, 1]},
    "documents": {"bias_audit": date(2026, 3, 1)},
    "policies": ["house"],
}
BEFORE = {"from": date(2026, 9, 1), "until": date(2026, 9, 6)}

KINDS = {
    "decision_rule": {"must": "amount <= 500", "when": "decision = 'invited'"},
    "deadline": {"from": "completed_at", "to": "notice_sent_at", "within": "5 working days"},
    "human_review": {"role": "recruiter", "before": "notice_sent_at"},
    "decision_scope": {},
    "approved_model": {},
    "data_access": {"never": ["race", "sex"]},
    "access_pattern": {"watch": ["principal", "field", "hour"], "reference": BEFORE, "reads": [0.5, 3]},
    "fairness": {"metric": "impact_ratio", "by": ["sex", ["sex", "age_band"]], "at_least": 0.8, "window": "30 days"},
    "drift": {"of": ["years", "decision", "race"], "at_most": 0.25, "reference": BEFORE, "window": "7 days"},
    "operating_range": {"ranges": {"years": [18, 50], "rows_per_day": [10, 100]}},
    "log_quality": {"metric": "missing_share", "of": ["sex", "years"], "at_most": 0.05, "window": "calendar month"},
    "freshness": {"within": "6 hours"},
    "expectation": {
        "expect": "expect_column_values_to_be_between",
        "arguments": {
            "column": "value",
            "max_value": 0.25,
            "row_condition": {"type": "comparison", "column": {"name": "metric"}, "operator": "==", "parameter": "psi"},
        },
    },
}


def declared(**changes) -> SystemDeclaration:
    return SystemDeclaration.model_validate(DECLARED | changes)


def policy_of(*controls: dict, **clause) -> Policy:
    return Policy.model_validate(
        {
            "policy": "house",
            "version": 1,
            "in_force": {"from": date(2026, 9, 1)},
            "owner": "people",
            "document": {"title": "House rules"},
            "clauses": [
                {"id": f"H-{place}", "text": "As it says.", "level": "runtime", "control": control, **clause}
                for place, control in enumerate(controls, 1)
            ],
        }
    )


def control(kind: str, **changes) -> dict:
    kept = {name: value for name, value in (KINDS[kind] | changes).items() if value is not None}
    return {"kind": kind, **kept}


def finding(*controls: dict, declaration=None, seen=None, day=DAY, **clause) -> Finding:
    """Of the first control."""
    return next(selftest([policy_of(*controls, **clause)], declaration or declared(), day, seen))


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path_factory, monkeypatch):
    """Made-up nights are thrown away."""
    folder = tmp_path_factory.mktemp("thrown-away")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []
