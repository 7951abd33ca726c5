"""A policy as people write it in `expectations/*.yaml`: clauses, each with a control, an obligation, or neither."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds import Control
from gov_pipelines.policy.strict import Strict

Level = Literal["intake", "runtime", "output", "people"]


class InForce(Strict):
    """Local dates: `from` inclusive, `until` exclusive."""

    from_: date = Field(alias="from", examples=["2026-10-01"])
    until: date | None = None

    @model_validator(mode="after")
    def _forward(self) -> InForce:
        if self.until is not None and self.until <= self.from_:
            raise ValueError(f"until ({self.until}) is not after from ({self.from_}); exchange them")
        return self

    def covers(self, day: date) -> bool:
        """Whether a local date lies in the interval."""
        return self.from_ <= day and (self.until is None or day < self.until)


class Escalation(Strict):
    """Whom an overdue obligation goes to, and when."""

    to: str = Field(examples=["manager"])
    after: DurationField = Field(examples=["5 working days"])


class Obligation(Strict):
    """What a person owes. Never counted as a control of the system."""

    who: str = Field(min_length=1, examples=["underwriters"])
    every: DurationField | None = None
    evidence: Literal["attestation", "record"] = "attestation"
    escalate: list[Escalation] = []


class Applies(Strict):
    """A condition on the decisions a clause speaks of; where none meets it the verdict is `not_applicable`."""

    when: str = Field(examples=["\"product = 'home_loan'\""])


class Clause(Strict):
    """One sentence of the policy and what stands behind it. No control and no obligation is a gap, and shown."""

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9.-]*$", examples=["FL-1"])
    text: str = Field(min_length=1, examples=["What the clause asks, in one sentence."])
    level: Level = Field(examples=["runtime"])
    control: Annotated[Control, Field(discriminator="kind")] | None = None
    obligation: Obligation | None = None
    applies: Applies | None = None


class SourceDocument(Strict):
    """The document the policy encodes."""

    title: str = Field(examples=["Acceptable use of AI"])
    citation: str | None = None
    status: str | None = None
    confidence: str | None = None
    last_verified: date | None = None


class Policy(Strict):
    """One version of a policy."""

    policy: str = Field(pattern=r"^[a-z][a-z0-9-]*$", examples=["house-fair-lending"])
    version: int = Field(ge=1, le=1_000_000, examples=["1"])
    in_force: InForce = Field(examples=["{from: 2026-10-01}"])
    owner: str = Field(min_length=1, examples=["credit-risk"])
    document: SourceDocument = Field(examples=['{title: "Acceptable use of AI"}'])
    clauses: list[Clause] = Field(min_length=1, examples=["[{id: A-1, text: What it asks., level: runtime}]"])

    @model_validator(mode="after")
    def _clause_ids_once(self) -> Policy:
        ids = [clause.id for clause in self.clauses]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"clause id {', '.join(twice)} stands more than once; give each clause its own")
        return self
