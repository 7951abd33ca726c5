"""One decision in words: judged by which clauses, which judge only the population, people, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force, in_force
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
    """

    clause: str
    version: int
    text: str
    verdict: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where the decision stands in signed evidence."""

    sequence: int
    revision: int
    package: str
    index: int
    tree_size: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """All clauses in force for one decision.

    Attributes:
        decision: its id, as asked for.
        system: the system.
        partition: the local day it was made.
        judged: clauses that judged this decision.
        not_concerned: clauses that judge decisions, but whose condition this one does not meet.
        population: clauses that judge the window it is part of, never the one decision.
        people: clauses that bind only people.
        nothing: clauses that nothing enforces.
        leaf: its place in the signed snapshot; None while none is signed.
    """

    decision: str
    system: str
    partition: date
    judged: tuple[Said, ...]
    not_concerned: tuple[Said, ...]
    population: tuple[Said, ...]
    people: tuple[Said, ...]
    nothing: tuple[Said, ...]
    leaf: Leaf | None

    def to_json(self) -> dict[str, Any]:
        """Plain data, dates as text."""
        return asdict(self) | {"partition": self.partition.isoformat()}

    def to_text(self) -> str:
        """The explanation for a terminal."""
        lines = [f"Decision {self.decision} of {self.system}, made on {self.partition}."]
        lines += _section("Judged this decision", self.judged)
        lines += _section("Does not concern this decision", self.not_concerned)
        lines += _section("Judges only the population it is part of", self.population)
        lines += _section("Binds only people", self.people)
        lines += _section("Nothing enforces", self.nothing)
        if self.leaf is None:
            lines += ["", "Not in a signed snapshot yet."]
        else:
            place = f"leaf {self.leaf.index} of {self.leaf.tree_size} in snapshot {self.leaf.sequence}, revision {self.leaf.revision}"
            lines += ["", f"Signed: {place} ({self.leaf.package})."]
        return "\n".join(lines)


def explain(
    decision: str, declaration: SystemDeclaration, policies: Sequence[Policy], home: Home, connection: Connection
) -> Explanation:
    """Explain one decision by what was audited.

    Raises:
        WrongUse: no audited day of the system holds it, or it was quarantined.
    """
    day, index, size = _find(decision, declaration.system, home)
    said = _verdicts(decision, home.partition_dir(declaration.system, day) / "decision_verdicts.parquet")
    rows = {row.control: row for row in verdicts_of(connection, declaration.system, day)}
    judged: list[Said] = []
    idle: list[Said] = []
    population: list[Said] = []
    people: list[Said] = []
    nothing: list[Said] = []
    for bound in controls_in_force(policies, declaration, day):
        clause = Said(bound.key, bound.policy.version, bound.clause.text)
        if bound.control.judges != "decision":
            row = rows.get(bound.key)
            population.append(
                _with(clause, row.verdict if row else "missing", row.reason if row else "Nothing was judged.")
            )
        elif bound.key in said:
            judged.append(_with(clause, *said[bound.key]))
        else:
            idle.append(clause)
    for name in declaration.policies:
        policy = in_force(policies, name, day)
        for each in policy.clauses if policy else ():
            if each.control is None and policy is not None:
                clause = Said(f"{name}/{each.id}", policy.version, each.text)
                (people if each.obligation else nothing).append(clause)
    signed = snapshot_of(connection, declaration.system, day)
    leaf = Leaf(signed.sequence, signed.revision, signed.path, index, size) if signed else None
    return Explanation(
        decision=decision,
        system=declaration.system,
        partition=day,
        judged=tuple(judged),
        not_concerned=tuple(idle),
        population=tuple(population),
        people=tuple(people),
        nothing=tuple(nothing),
        leaf=leaf,
    )


def _find(decision: str, system: str, home: Home) -> tuple[date, int, int]:
    """The day whose log holds a decision, its place in that log, and the log's length."""
    folder = home.root / "artifacts" / system
    days = 0
    for file in sorted(folder.glob("*/decision_log.parquet")):
        days += 1
        ids = pl.scan_parquet(file).select("decision_id").collect()["decision_id"]
        found = ids.index_of(decision)
        if found is not None:
            return date.fromisoformat(file.parent.name), found, len(ids)
    for file in sorted(folder.glob("*/quarantine.parquet")):
        rows = read_frame(file).filter(pl.col("decision_id") == decision)
        if rows.height:
            raise WrongUse(
                f"Decision {decision} was quarantined on {file.parent.name} and judged by nothing: {rows['reason'][0]}. "
                "Mend the source row and audit the day again."
            )
    raise WrongUse(f"No decision {decision} of {system} is in the {days} days audited in this home.")


def _verdicts(decision: str, file: Path) -> dict[str, tuple[str, str]]:
    rows = read_frame(file).filter(pl.col("decision_id") == decision)
    return {
        control: (verdict, reason)
        for control, verdict, reason in rows.select("control", "verdict", "reason").iter_rows()
    }


def _with(clause: Said, verdict: str, reason: str) -> Said:
    return Said(clause.clause, clause.version, clause.text, verdict, reason)


def _section(title: str, clauses: Sequence[Said]) -> list[str]:
    lines = []
    for each in clauses:
        said = f"{each.verdict}: {each.reason}" if each.verdict else ""
        lines += [f"  {each.clause} (version {each.version}): {each.text}", *([f"    -> {said}"] if said else [])]
    return ["", f"{title}:", *lines] if lines else []
