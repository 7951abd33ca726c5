"""Days to audit again, as a new revision, and why: other policies govern them now, a clock ran out, or a run ended before signing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import polars as pl

from gov_pipelines.decisions import judge_decisions, judged_controls
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force, in_force, partition_key
from gov_pipelines.store import Connection, Home, all_snapshots, as_written


def overdue(
    home: Home, declaration: SystemDeclaration, policies: Sequence[Policy], *, before: date, as_of: datetime
) -> dict[date, str]:
    """Find the audited days before one day that must be judged again, each with why.

    Those are days that were read again and never signed; days whose signed snapshot names other versions of policies than are in force on them now (a version that
    begins in the past, a closed or removed one); days with a review or label that was dated ahead and has come by `as_of`;
    and days that hold a decision pending then, whose clock has run out by then. What the source says of them now is for the look-back. A version edited under its number is no such case:
    signing refuses it.
    """
    found: dict[date, str] = {}
    for day, log in home.audited(declaration.system, "decision_log.parquet").items():
        if not declaration.calendar.has(day) or day >= before:
            continue
        if _never_signed(home, declaration, day):
            found[day] = "read again and not signed"
        elif _happened_since(log.with_name("reading.json"), as_of):
            found[day] = "a review or label dated ahead has come"
        elif new := _governed_anew(home, declaration, policies, day):
            found[day] = f"policy changed: {new}"
        elif _ran_out(log.parent, declaration, policies, day=day, as_of=as_of):
            found[day] = "a clock ran out"
    return found


def unrecorded(home: Home, system: str, connection: Connection) -> list[Path]:
    """Packages that were signed and that the ledger lacks: a process died in between."""
    recorded = {row.path for row in all_snapshots(connection, system)}
    folders = sorted(home.evidence_dir(system).glob("????-??-??*/r*"))
    return [folder for folder in folders if str(folder.relative_to(home.root)) not in recorded]


def _newest_package(home: Home, declaration: SystemDeclaration, day: date) -> Path | None:
    revisions = (home.evidence_dir(declaration.system) / partition_key(day)).glob("r[0-9]*")
    numbered = (each for each in revisions if each.name[1:].isdecimal())  # no copy that somebody made
    return max(numbered, key=lambda each: int(each.name[1:]), default=None)


def _never_signed(home: Home, declaration: SystemDeclaration, day: date) -> bool:
    """Whether a day was signed, and what was read of it last is something else: a run ended in between."""
    latest = _newest_package(home, declaration, day)
    files = [folder / "rows.json" for folder in (latest, home.partition_dir(declaration.system, day)) if folder]
    if len(files) < 2 or not all(file.is_file() for file in files):
        return False  # not signed, or signed as missed
    signed, read = (file.read_bytes() for file in files)
    return signed != read


def _happened_since(reading: Path, as_of: datetime) -> bool:
    """Whether a review or label has come that the source had when the day was last read, dated after its audit's moment."""
    if not reading.is_file():
        return False
    with as_written(reading):
        ahead = json.loads(reading.read_bytes())["ahead"]
        return ahead is not None and datetime.fromisoformat(ahead) <= as_of


def _governed_anew(home: Home, declaration: SystemDeclaration, policies: Sequence[Policy], day: date) -> str:
    """The policies now in force on a day, where the package of its latest revision holds others; else empty."""
    latest = _newest_package(home, declaration, day)
    if latest is None or not (latest / "tally.json").is_file():
        return ""  # not signed, or signed as missed: nothing was judged under any text
    used = {file.stem.removeprefix("policy.") for file in latest.glob("policy.*.json")}
    found = (in_force(policies, name, declaration.calendar.day(day)) for name in declaration.policies)
    now = {f"{each.policy}@{each.version}" for each in found if each is not None}
    new, gone = sorted(now - used), sorted(used - now)
    return ", ".join(new or [f"{each} no longer in force" for each in gone])


def _ran_out(
    folder: Path, declaration: SystemDeclaration, policies: Sequence[Policy], *, day: date, as_of: datetime
) -> bool:
    """Whether a decision that was pending is outside by now."""
    file = folder / "decision_verdicts.parquet"
    if not file.is_file():
        return False
    verdicts = pl.scan_parquet(file, glob=False)
    waits = [pl.col(key) == "pending" for key in judged_controls(verdicts)]
    pending = verdicts.filter(pl.any_horizontal(pl.lit(value=False), *waits)).collect(engine="streaming")
    if pending.is_empty():
        return False
    log = pl.scan_parquet(folder / "decision_log.parquet", glob=False)
    asked = log.join(pending.lazy().select("decision_id"), on="decision_id", how="semi")
    bound = controls_in_force(policies, declaration, day)
    now = judge_decisions(asked, bound, declaration, partition=day, as_of=as_of).verdicts
    keys = set(judged_controls(now)) & set(judged_controls(pending))
    both = pending.join(now, on="decision_id", suffix=" now")
    ran_out = ((pl.col(key) == "pending") & (pl.col(f"{key} now") == "outside") for key in keys)
    return bool(both.select(pl.any_horizontal(pl.lit(value=False), *ran_out).any()).item())
