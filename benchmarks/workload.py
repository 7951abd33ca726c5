"""The workload of the benchmarks: one day of made-up decisions under twelve rules of all five kinds that judge decisions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from gov_pipelines.policy import Policy, SystemDeclaration, log_schema

SEED = 20261123
DAY = date(2026, 9, 8)
ZONE = "America/New_York"
AS_OF = datetime(2026, 9, 9, 16, tzinfo=UTC)
MORNING = datetime(2026, 9, 8, 4, tzinfo=UTC)
_DENIED = "decision = 'denied'"
_NOTICE = {"kind": "deadline", "to": "notice_sent_at"}
_REVIEW = {"kind": "human_review", "before": "notice_sent_at"}

RULES: list[dict[str, Any]] = [
    {"kind": "decision_rule", "must": "amount <= 500000", "when": "product = 'home_loan'"},
    {"kind": "decision_rule", "must": "reason_codes IS NOT NULL", "when": _DENIED},
    {"kind": "decision_rule", "must": "score >= 0.2", "when": "decision = 'approved'"},
    {"kind": "decision_rule", "must": f"NOT ({_DENIED} AND score > 0.995)"},
    {"kind": "decision_rule", "must": "reason_codes NOT LIKE '%R9%'", "when": _DENIED},
    {"kind": "deadline", "from": "completed_at", "to": "decided_at", "within": "30 days"},
    {**_NOTICE, "from": "completed_at", "within": "20 working days", "when": _DENIED},
    {**_NOTICE, "from": "decided_at", "within": "12 hours"},
    {**_REVIEW, "role": "senior_underwriter", "when": f"{_DENIED} AND amount > 400000"},
    {**_REVIEW, "role": "underwriter", "when": "score BETWEEN 0.49 AND 0.51"},
    {"kind": "decision_scope"},
    {"kind": "approved_model"},
]  # fmt: skip

DECLARATION = SystemDeclaration.model_validate_json("""{
  "system": "bench", "owner": "team:bench", "purpose": "Decide.", "risk": "high", "zone": "America/New_York",
  "starts": "2026-09-08", "source": {"path": "decisions.parquet"},
  "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]}, "protected_attributes": {"sex": {}},
  "intake": {
    "may_decide": {"products": ["home_loan", "car_loan"], "amount": {"up_to": 595000}},
    "models": [{"version": "v3", "approved_from": "2026-01-01"}, {"version": "v4", "approved_from": "2026-09-01"}]
  },
  "policies": ["bench"]
}""")

POLICY = Policy.model_validate(
    {
        "policy": "bench",
        "version": 1,
        "in_force": {"from": date(2026, 1, 1)},
        "owner": "bench",
        "document": {"title": "Twelve rules"},
        "holidays": [date(2026, 9, 7)],
        "clauses": [
            {"id": f"B-{number:02}", "text": "A rule.", "level": "output", "control": control}
            for number, control in enumerate(RULES, 1)
        ],
    }
)


def decisions(rows: int) -> pl.DataFrame:
    """A canonical log of one local day, always the same for a number of rows. Every rule finds something."""
    draw = np.random.default_rng(SEED)

    def text(values: list[str | None], shares: list[float]) -> pl.Series:
        return pl.Series(draw.choice(len(values), rows, p=shares).astype(np.uint32)).replace_strict(
            range(len(values)), values, return_dtype=pl.String
        )

    def moment(base: pl.Series, low: timedelta, high: timedelta, missing: float) -> pl.Series:
        seconds = draw.integers(int(low.total_seconds()), int(high.total_seconds()), rows)
        later = base + pl.Series(seconds * 1_000_000).cast(pl.Duration("us"))
        return later.set(pl.Series(draw.random(rows) < missing), None)

    hour, day = timedelta(hours=1), timedelta(days=1)
    decided = pl.Series(draw.integers(0, 86_400, rows) * 1_000_000).cast(pl.Duration("us"))
    decided = pl.Series([MORNING], dtype=pl.Datetime("us", "UTC")).new_from_index(0, rows) + decided
    columns = {
        "decision_id": pl.select(pl.format("A-{}", pl.int_range(10**9, 10**9 + rows, eager=True))).to_series(),
        "decided_at": decided,
        "decision": text(["approved", "denied"], [0.7, 0.3]),
        "score": pl.Series(draw.beta(4, 3, rows)),
        "model_version": text(["v3", "v4", "v2", None], [0.5, 0.494, 0.003, 0.003]),
        "product": text(["home_loan", "car_loan", "boat_loan"], [0.6, 0.397, 0.003]),
        "amount": pl.Series(1_000 + 599_000 * draw.beta(2, 5, rows)).round(2),
        "reviewer": text(["rita", "omar", "ines", None], [0.49, 0.01, 0.49, 0.01]),
        "reviewer_role": text(["senior_underwriter", "underwriter", None], [0.5, 0.49, 0.01]),
        "reviewed_at": moment(decided, hour, 3 * hour, 0.01),
        "requester": text(["omar", "paul", None], [0.49, 0.5, 0.01]),
        "reason_codes": text(["R1", "R1,R2", "R3", "R9", None], [0.4, 0.3, 0.294, 0.003, 0.003]),
        "completed_at": moment(decided, -30.2 * day, -hour, 0.002),
        "notice_sent_at": moment(decided, 3 * hour, 12.1 * hour, 0.005),
        "sex": text(["f", "m"], [0.5, 0.5]),
    }
    schema = log_schema(DECLARATION)
    return pl.DataFrame(
        {name: columns.get(name, pl.Series([None] * 1).new_from_index(0, rows)) for name in schema}
    ).cast(schema)  # type: ignore[arg-type]  # a schema
