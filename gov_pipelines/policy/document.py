"""A policy as people write it in `expectations/*.yaml`: clauses, each with a control, an obligation, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from gov_pipelines.policy.durations import Duration, DurationField, on_calendar
from gov_pipelines.policy.kinds import Control
from gov_pipelines.policy.strict import Strict

Level = Literal["intake", "runtime", "output", "people"]


class InForce(Strict):
    """Local dates: `from` inclusive, `until` exclusive."""

    from_: date = Field(alias="from", examples=["2026-10-01"])
    until: date | None = None

    def wrong(self) -> Iterator[str]:
        """Dates that run backward."""
        if self.until is not None and self.until <= self.from_:
            yield f"until ({self.until}) is not after from ({self.from_}); exchange them"

    def covers(self, day: date) -> bool:
        """Whether a local date lies in the interval."""
        return self.from_ <= day and (self.until is None or day < self.until)


class Escalation(Strict):
    """Whom an overdue obligation goes to, and when."""

    to: str = Field(examples=["manager"])
    after: DurationField = Field(examples=["5 working days"])


class ApprovedTool(Strict):
    """A tool people may use: from inclusive, until exclusive, local dates; `for_` says for what."""

    name: str = Field(min_length=1, examples=["Example Assistant, enterprise plan"])
    for_: str | None = Field(default=None, alias="for", examples=["drafting letters without customer data"])
    approved_from: date | None = None
    approved_until: date | None = None


class Obligation(Strict):
    """What a person owes. Never counted as a control of the system.

    `who` is a role or a person. It has three shapes: a periodic duty (`every`), a list of approved tools (`tools`: others
    may not be used), and a prohibited use (`never`). The last two may be attested `every` so often as well. `first_due`
    is the local date of the first attestation; without it, one period after the policy comes into force.
    """

    who: str = Field(min_length=1, examples=["underwriters"])
    every: DurationField | None = None
    first_due: date | None = None
    evidence: Literal["attestation", "record"] = "attestation"
    escalate: list[Escalation] = []
    tools: list[ApprovedTool] = []
    never: list[Annotated[str, Field(min_length=1)]] = []

    def wrong(self) -> Iterator[str]:
        """Two shapes at once."""
        if self.tools and self.never:
            yield "lists approved `tools` and what is `never` done; write two clauses, one for each"

    @property
    def shape(self) -> Literal["periodic duty", "approved tools", "prohibited use"]:
        """Which of the three it is."""
        if self.tools:
            return "approved tools"
        return "prohibited use" if self.never else "periodic duty"


class Retention(Strict):
    """How long single decisions are kept: at least `keep`, and no longer than `delete_after`, counted from a moment.

    Both count calendar days, months or years from the local date of `from`. A day's rows are kept or deleted together: the
    clock of the last of them counts, and one whose moment has not come has not begun.
    """

    of: Literal["decisions"]
    keep: DurationField | None = Field(default=None, examples=["25 months"])
    from_: Literal["decided_at", "completed_at", "notice_sent_at", "reviewed_at", "label_at"] = Field(
        default="decided_at", alias="from"
    )
    delete_after: DurationField | None = Field(default=None, examples=["7 years"])

    def wrong(self) -> Iterator[str]:
        """No span at all, one that is no span of dates, or more time than there is."""
        spans = [span for span in (self.keep, self.delete_after) if span]
        if not spans:
            yield "says neither how long to `keep` nor when to delete; write `keep: 25 months`, or `delete_after`"
        for span in spans:
            if span.unit in {"hours", "working days"}:
                yield f"`{span}` is no span of dates; write days, months or years"
        if self.keep and self.delete_after and exceeds(self.keep, self.delete_after):
            yield f"keeps for {self.keep} what it deletes after {self.delete_after}; make `delete_after` the longer one"


def exceeds(one: Duration, other: Duration) -> bool:
    """Whether a span of dates ends after another that begins on the same day, in any four years."""
    days = (date(2026, 1, 1) + timedelta(days=n) for n in range(1461))
    return any(on_calendar(day, one) > on_calendar(day, other) for day in days)


class Applies(Strict):
    """A condition on the decisions a clause speaks of; where none meets it the verdict is `not_applicable`."""

    when: str = Field(examples=["\"product = 'home_loan'\""])


Status = Literal[
    "in_force", "enacted_not_effective", "enjoined", "withdrawn", "draft", "guidance", "voluntary", "internal", "expired",
]  # fmt: skip


class Source(Strict):
    """Where a document or a clause comes from, and how sure that is.

    `confidence` is `official` (the official text was read), `secondary` (reports of it were), `computed` (worked out, or
    simulated), `memory` (unconfirmed) or `memory+computed` (unconfirmed, but its arithmetic closes).
    """

    citation: str | None = None
    status: Status | None = None
    confidence: Literal["official", "secondary", "computed", "memory", "memory+computed"] | None = None
    last_verified: date | None = None
    litigation_note: str | None = None


class Clause(Strict):
    """One sentence of the policy and what stands behind it. No control and no obligation is a gap, and shown.

    `tags` names the matching items of control catalogues, such as `{nist-ai-rmf-1.0: [MEASURE 2.11]}`.
    """

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9.-]*$", examples=["FL-1"])
    text: str = Field(min_length=1, examples=["What the clause asks, in one sentence."])
    level: Level = Field(examples=["runtime"])
    control: Annotated[Control, Field(discriminator="kind")] | None = None
    obligation: Obligation | None = None
    retention: Retention | None = None
    applies: Applies | None = None
    source: Source | None = None
    tags: dict[str, list[str]] = {}


class SourceDocument(Source):
    """The document the policy encodes."""

    title: str = Field(examples=["Acceptable use of AI"])


class Policy(Strict):
    """One version of a policy. `holidays` are the days its working-day clocks leave out, besides Saturdays and Sundays."""

    policy: str = Field(pattern=r"^[a-z][a-z0-9-]*$", examples=["house-fair-lending"])
    version: int = Field(ge=1, le=1_000_000, examples=["1"])
    in_force: InForce = Field(examples=["{from: 2026-10-01}"])
    owner: str = Field(min_length=1, examples=["credit-risk"])
    document: SourceDocument = Field(examples=['{title: "Acceptable use of AI"}'])
    holidays: list[date] = []
    clauses: list[Clause] = Field(min_length=1, examples=["[{id: A-1, text: What it asks., level: runtime}]"])

    def wrong(self) -> Iterator[str]:
        """Two clauses of one id."""
        ids = [clause.id for clause in self.clauses]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            yield f"clause id {', '.join(twice)} stands more than once; give each clause its own"
