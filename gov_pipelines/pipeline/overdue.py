"""Days whose pending decisions have run out of time: they are audited again, as a new revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import polars as pl

from gov_pipelines.decisions import judge_decisions, judged_controls
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force
from gov_pipelines.store import Home


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
        verdicts = pl.scan_parquet(file, glob=False)
        waits = [pl.col(key) == "pending" for key in judged_controls(verdicts)]
        pending = verdicts.filter(pl.any_horizontal(pl.lit(value=False), *waits)).collect(engine="streaming")
        if pending.is_empty():
            continue
        log = pl.scan_parquet(folder / "decision_log.parquet", glob=False)
        asked = log.join(pending.lazy().select("decision_id"), on="decision_id", how="semi")
        bound = controls_in_force(policies, declaration, day)
        now = judge_decisions(asked, bound, declaration, partition=day, as_of=as_of).verdicts
        keys = set(judged_controls(now)) & set(judged_controls(pending))
        both = pending.join(now, on="decision_id", suffix=" now")
        ran_out = ((pl.col(key) == "pending") & (pl.col(f"{key} now") == "outside") for key in keys)
        if both.select(pl.any_horizontal(pl.lit(value=False), *ran_out).any()).item():
            yield day
