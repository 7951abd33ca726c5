"""Days whose pending decisions have run out of time: they are audited again, as a new revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import polars as pl

from gov_pipelines.decisions import judge_decisions
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force
from gov_pipelines.store import Home, read_frame


def overdue(
    home: Home, declaration: SystemDeclaration, policies: Sequence[Policy], *, before: date, as_of: datetime
) -> Iterator[date]:
    """Find audited days before one day that hold a decision pending then, whose clock has run out by `as_of`.

    What the source says of them now is not looked at: the audit of that day will.
    """
    for folder in sorted((home.root / "artifacts" / declaration.system).glob("????-??-??")):
        day, file = date.fromisoformat(folder.name), folder / "decision_verdicts.parquet"
        if day >= before or not file.is_file():
            continue
        pending = read_frame(file).filter(pl.col("verdict") == "pending").select("decision_id", "control")
        if pending.is_empty():
            continue
        log = read_frame(folder / "decision_log.parquet").join(pending, on="decision_id", how="semi")
        bound = controls_in_force(policies, declaration, day)
        now = judge_decisions(log, bound, declaration, partition=day, as_of=as_of)
        ran_out = now.filter(pl.col("verdict") == "outside").join(pending, on=["decision_id", "control"], how="semi")
        if not ran_out.is_empty():
            yield day
