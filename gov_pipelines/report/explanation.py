"""One decision in words: judged by which clauses, which judge only the population, people, or nothing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from gov_pipelines import policy
from gov_pipelines.decisions import judge_decisions, judged_controls
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import BoundClause, Policy, SystemDeclaration
from gov_pipelines.store import Connection, Home, read_frame, snapshot_of, verdicts_of


@dataclass(frozen=True, slots=True)
class Said:
    """What one clause says.

    Attributes:
        clause: `<policy>/<clause id>`.
        version: of the policy in force when the decision was made.
        text: of the clause.
        verdict: of this decision, or of the window that holds it; None where nothing judges.
        reason: one sentence.
        waiver: until when, why and by whom the clause is waived now; None where it is not.
    """

    clause: str
    version: int
    text: str
    verdict: str | None = None
    reason: str = ""
    waiver: str | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where the decision stands in signed evidence."""

    sequence: int
    revision: int
    package: str
    index: int
    tree_size: int


_SECTIONS = {
    "judged": "Judged this decision",
    "not_concerned": "Does not concern this decision",
    "population": "Judges only the population it is part of",
    "people": "Binds only people",
    "nothing": "Nothing enforces",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """All clauses in force for one decision.

    Attributes:
        decision: its id, as asked for.
        system: the system.
        partition: the local day it was made.
        clauses: by what they do about it: `judged` this decision; `not_concerned`, whose condition it does not meet;
            judge the `population` it is part of; bind only `people`; `nothing` enforces them.
        leaf: its place in the signed snapshot; None while none is signed.
        held: why it waits, a sentence for each control that holds it; empty where it was cleared; None where clearing has
            not run.
    """

    decision: str
    system: str
    partition: date
    clauses: Mapping[str, Sequence[Said]]
    leaf: Leaf | None
    held: Sequence[str] | None

    def to_json(self) -> dict[str, Any]:
        """Plain data, dates as text."""
        said = asdict(self) | {"partition": policy.partition_key(self.partition)}
        return {**said.pop("clauses"), **said}

    def to_text(self) -> str:
        """The explanation for a terminal."""
        lines = [
            f"Decision {self.decision} of {self.system}, made {'in' if policy.unit_of(self.partition) == 'hour' else 'on'} {self.partition}."
        ]
        for name, title in _SECTIONS.items():
            lines += ["", f"{title}:"] if self.clauses[name] else []
            for each in self.clauses[name]:
                lines.append(f"  {each.clause} (version {each.version}): {each.text}")
                lines += [f"    -> {each.verdict}: {each.reason}"] if each.verdict else []
                lines += [f"    waived {each.waiver}"] if each.waiver else []
        if self.held is not None:
            lines += ["", *([f"Held: {why}." for why in self.held] or ["Cleared: it may go downstream."])]
        if self.leaf is None:
            return "\n".join([*lines, "", "Not in a signed snapshot yet."])
        place = f"leaf {self.leaf.index} of {self.leaf.tree_size} in snapshot {self.leaf.sequence}, revision {self.leaf.revision}"
        proof = f"Proof: gov prove {shlex.quote(self.decision)} --system {self.system} --out FILE"
        return "\n".join([*lines, "", f"Signed: {place} ({self.leaf.package}).", proof])


def explain(
    decision: str,
    declaration: SystemDeclaration,
    policies: Sequence[Policy],
    home: Home,
    connection: Connection,
    waivers: Mapping[tuple[str, str], str],
) -> Explanation:
    """Explain one decision by what was audited; `waivers` are those that stand now, by system and control.

    Raises:
        WrongUse: no audited day of the system holds it, or it was quarantined.
    """
    day, index, size = find_decision(decision, declaration.system, home)
    rows = {row.control: row for row in verdicts_of(connection, declaration.system, day)}
    bound = policy.controls_in_force(policies, declaration, day)
    as_of = max((row.as_of for row in rows.values()), default=None)
    said = _judged(decision, declaration, bound, home.partition_dir(declaration.system, day), as_of)
    clauses: dict[str, list[Said]] = {name: [] for name in _SECTIONS}
    judging = {each.key: each.control.judges for each in bound}
    for name in declaration.policies:
        version = policy.in_force(policies, name, declaration.calendar.day(day))
        if version is None:
            continue
        for each in version.clauses:
            key, reason = f"{name}/{each.id}", ""
            verdict: str | None = None
            if key not in judging:
                section = "people" if each.obligation else "nothing"
            elif judging[key] != "decision":
                section, row = "population", rows.get(key)
                verdict, reason = (row.verdict, row.reason) if row else ("missing", "Nothing was judged.")
            else:
                section = "judged" if key in said else "not_concerned"
                verdict, reason = said.get(key, (None, ""))
            waiver = waivers.get((declaration.system, key))
            clauses[section].append(Said(key, version.version, each.text, verdict, reason, waiver))
    signed = snapshot_of(connection, declaration.system, day)
    leaf = Leaf(signed.sequence, signed.revision, signed.path, index, size) if signed else None
    held = _held(decision, home.partition_dir(declaration.system, day) / "held_decisions.parquet")
    return Explanation(decision, declaration.system, day, clauses, leaf, held)


def _held(decision: str, file: Path) -> list[str] | None:
    if not file.is_file():
        return None
    mine = read_frame(file).filter(pl.col("decision_id") == decision).select("control", "reason")
    return [f"{control}: {reason}" if control else reason for control, reason in mine.iter_rows()]


def _judged(
    decision: str, declaration: SystemDeclaration, bound: Sequence[BoundClause], folder: Path, as_of: datetime | None
) -> dict[str, tuple[str, str]]:
    """Verdict and reason by control, as stored; only the reasons of `within` are not, and are found again."""
    mine = pl.col("decision_id") == decision
    names = ("decision_verdicts", "decision_reasons", "decision_log")
    verdicts, reasons, log = (read_frame(folder / f"{name}.parquet").filter(mine) for name in names)
    if as_of is not None:
        day = policy.partition_of(folder.name)
        again = judge_decisions(log, bound, declaration, partition=day, as_of=as_of, explain_within=True).reasons
        reasons = pl.concat([again, reasons])  # what was stored comes last, and so stands
    why = {tuple(said): reason for *said, reason in reasons.select("control", "verdict", "reason").iter_rows()}
    found = {key: verdicts[key].item() for key in judged_controls(verdicts)}
    return {key: (verdict, why.get((key, verdict), "")) for key, verdict in found.items() if verdict is not None}


def find_decision(decision: str, system: str, home: Home) -> tuple[date, int, int]:
    """Find the day whose log holds a decision, its place in that log, and the log's length.

    Raises:
        WrongUse: no audited day of the system holds it, or it was quarantined.
    """
    logs = home.audited(system, "decision_log.parquet")
    for day, file in logs.items():
        ids = pl.scan_parquet(file).select("decision_id").collect()["decision_id"]
        found = ids.index_of(decision)
        if found is not None:
            return day, found, len(ids)
    for day, file in home.audited(system, "quarantine.parquet").items():
        rows = read_frame(file).filter(pl.col("decision_id") == decision)
        if rows.height:
            raise WrongUse(f"{decision} was quarantined on {day}: {rows['reason'][0]}. Mend the row, then audit again.")
    raise WrongUse(f"No decision {decision} of {system} is in the {len(logs)} days audited in this home.")
