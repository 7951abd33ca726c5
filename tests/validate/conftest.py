from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gov_pipelines.measure import Judgement, Measurement
from gov_pipelines.policy import Policy

ROOT = Path(__file__).resolve().parents[2]


def _policy(document: dict) -> Policy:
    base = {
        "policy": "house",
        "version": 1,
        "in_force": {"from": dt.date(2026, 9, 1)},
        "owner": "risk",
        "document": {"title": "Acceptable use"},
    }
    return Policy.model_validate(base | document)


@pytest.fixture
def policy_of():
    """A policy of the given controls, clause ids A-1, A-2 ... in order."""

    def build(*controls: dict, **more: object) -> Policy:
        clauses = [
            {"id": f"A-{number}", "text": f"Sentence {number}.", "level": "runtime", "control": control}
            for number, control in enumerate(controls, 1)
        ]
        return _policy({"clauses": clauses, **more})

    return build


@pytest.fixture(scope="session")
def house_policy() -> Policy:
    text = (ROOT / "expectations" / "house-fair-lending.yaml").read_text(encoding="utf-8")
    return Policy.model_validate(YAML(typ="safe").load(text))


@pytest.fixture
def measured():
    """One measurement with every field set, so that a lost field shows."""
    return Measurement(
        metric="impact_ratio",
        attribute=("race", "sex"),
        group={"race": "black", "sex": "F"},
        reference_group={"race": "white", "sex": None},
        stratum={"credit_history_meets_guidelines": "1"},
        value=0.1 + 0.2,
        lower=0.67,
        upper=None,
        confidence=0.95,
        n=197,
        method="Wald on the log scale",
        p_value=4e-17,
        p_adjusted=1.2e-16,
        minimum_detectable=None,
        n_needed=250,
        tested=False,
        note='the "best" group is small: é',
        system="mortgage_underwriting",
        window_start=dt.datetime(2026, 9, 1, 4, tzinfo=dt.UTC),
        window_end=dt.datetime(2026, 10, 1, 4, 0, 0, 1, tzinfo=dt.UTC),
        recomputable=False,
    )


@pytest.fixture
def judged_as(monkeypatch):
    """Make `measure.judge` answer as told, and remember what it was asked."""

    def install(answer):
        calls = []

        def judge(control, measurements, *, partitions_present, partitions_expected):
            calls.append((control, measurements, partitions_present, partitions_expected))
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Judgement) else Judgement(answer, "as told", measurements[0])

        monkeypatch.setattr("gov_pipelines.measure.judge", judge, raising=False)
        return calls

    return install
