"""What the pages show, as plain data: anyone can build a `Report` without a store, and `render` needs nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from operator import add, attrgetter
from typing import Literal

from gov_pipelines.decisions import RowAccounting
from gov_pipelines.measure.measurement import Measurement, Verdict
from gov_pipelines.people import Finding, Owed
from gov_pipelines.policy import CoverageCell, Orphan, SystemDeclaration, partition_of
from gov_pipelines.report.charts.overlay import Share
from gov_pipelines.store import SnapshotRow

Side = Literal["at_least", "at_most"]
RED = frozenset({"fail", "missing"})


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """The verdict of one control for one partition, of the latest signed revision.

    Attributes:
        partition: the day, or the hour.
        verdict: one of the seven.
        breaches: decisions outside.
        number: the measurement that decided, None where none could.
    """

    partition: date
    verdict: Verdict
    breaches: int = 0
    number: Measurement | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many decisions of a day went on and how many wait; `by` says how many each control holds."""

    partition: date
    cleared: int
    held: int
    by: Mapping[str, int]

    def __add__(self, other: Cleared) -> Cleared:
        """Of both."""
        return Cleared(
            self.partition, self.cleared + other.cleared, self.held + other.held, Counter(self.by) + Counter(other.by)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView(CoverageCell):
    """A cell of the coverage matrix, with what its page adds.

    Attributes:
        owner: who owns the policy.
        document: title of the document the policy encodes.
        version, in_force_from, in_force_until: the version in force; `until` is exclusive, None while it goes on.
        on_fail, severity, window, threshold: of the control, in words.
        metric, limit, limit_is: what the limit is on and the limit itself, for charts.
        reason: why the newest verdict is what it is, with the numbers.
        days_open, gap_days_open: days it has been red, and a gap.
        n: rows the deciding number rests on.
        measurements: numbers of the newest partition, as the artifacts hold them.
        shares: what the distance that decided is of, by its name in words; of controls that compare distributions.
        history: verdicts by partition, oldest first.
        synthetic: made-up columns (or `access log`) that feed the control.
        source: where the clause comes from and how sure that is, in words; empty where nothing is said.
        tags: items of control catalogues it matches, by catalogue.
    """

    owner: str
    document: str
    version: int
    in_force_from: date
    in_force_until: date | None = None
    on_fail: str | None = None
    severity: str | None = None
    window: str | None = None
    threshold: str | None = None
    metric: str | None = None
    limit: float | None = None
    limit_is: Side = "at_least"
    reason: str = ""
    days_open: int | None = None
    gap_days_open: int | None = None
    n: int | None = None
    measurements: tuple[Measurement, ...] = ()
    shares: Mapping[str, Sequence[Share]] = field(default_factory=dict)
    history: tuple[PastVerdict, ...] = ()
    synthetic: tuple[str, ...] = ()
    source: str = ""
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The control key, `policy/clause`."""
        return f"{self.policy}/{self.clause}"

    @property
    def anchor(self) -> str:
        """Where the clause stands on its system's page."""
        return plain_name(f"{self.policy}.{self.clause}")

    @property
    def enforcement(self) -> str:
        """Who or what stands in the way of the outcome the clause is about: a key of `ENFORCEMENT_WORDS`."""
        return self.acts or ("people" if self.obligation else "nothing")

    @property
    def standing(self) -> str:
        """How the clause stands, without its name: why it is a gap, or how and until when it is waived."""
        return self.sentence.removeprefix(f"{self.clause} in {self.system}: ")

    @property
    def changed(self) -> date | None:
        """The partition with which, says the alarm of the number that decided last, a change began; None without an alarm."""
        number, of = self.history[-1].number if self.history else None, attrgetter("metric", "attribute", "group")
        notes = (each.note or "" for each in self.measurements if number and of(each) == of(number))
        found = re.search(r"changed about (\S+) \(", "; ".join(notes))
        return partition_of(found[1]) if found else None

    @property
    def red(self) -> bool:
        """A failing control, or one whose result was due and is absent, unless that is waived."""
        return self.state == "failing"

    @property
    def earlier_red(self) -> tuple[PastVerdict, ...]:
        """Red partitions among the newest 30 of a control that is not red now: what happened then is not undone."""
        return () if self.verdict in RED else tuple(past for past in self.history[-30:] if past.verdict in RED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """One audited system: what was declared of it, its clauses, its row accounting and its snapshots.

    `synthetic` are its made-up columns, `partitions` those with a signed snapshot; `missed` those that were due and have
    none. `findings` are all that were ever opened, `cleared` what was let through and held on each partition that was
    cleared, `reviewing` how people review, of all and by group, `proxies` what features told of attributes on the newest day.
    """

    declaration: SystemDeclaration
    synthetic: tuple[str, ...] = ()
    controls: tuple[ControlView, ...] = ()
    partitions: tuple[date, ...] = ()
    missed: tuple[date, ...] = ()
    rows: Mapping[date, RowAccounting] = field(default_factory=dict)
    snapshots: tuple[SnapshotRow, ...] = ()
    key_names: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    cleared: tuple[Cleared, ...] = ()
    reviewing: tuple[Measurement, ...] = ()
    proxies: tuple[Measurement, ...] = ()

    @property
    def name(self) -> str:
        """The system's name."""
        return self.declaration.system

    @property
    def totals(self) -> RowAccounting:
        """Row accounting summed over all partitions."""
        return reduce(add, self.rows.values())

    @property
    def paired_findings(self) -> tuple[tuple[SystemPage, Finding], ...]:
        """The findings, each beside its system; open ones first, those due first among them."""
        ordered = sorted(self.findings, key=lambda each: (each.state != "open", each.due))
        return tuple((self, each) for each in ordered)

    @property
    def page(self) -> str:
        """File name of the system's page. Letter case and the fixed pages' names never collide with it."""
        name = plain_name(self.name)
        return f"{name}_system.html" if name.lower() in {"index", "verify"} else f"{name}.html"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the keys that signed the snapshots, each once."""
        return tuple(dict.fromkeys(self.key_of(snapshot) for snapshot in self.snapshots))

    def key_of(self, snapshot: SnapshotRow) -> str:
        """The name of the key that signed a snapshot, or the start of its id."""
        return self.key_names.get(snapshot.key_id, snapshot.key_id[:12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All pages.

    Attributes:
        as_of: when the report was drawn up, given by the caller.
        systems: one page each.
        mistakes: files left out.
        orphans: what serves no clause.
        obligations: what people owe, clause by clause and person by person.
    """

    as_of: datetime
    systems: tuple[SystemPage, ...] = ()
    mistakes: tuple[str, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    obligations: tuple[Owed, ...] = ()

    @property
    def cells(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Every clause of every system."""
        return tuple((system, view) for system in self.systems for view in system.controls)

    @property
    def red(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Failing and missing cells, the riskiest and oldest first."""
        return self._ranked(cell for cell in self.cells if cell[1].red)

    @property
    def earlier(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Cells that are not red now and were among their newest 30 partitions."""
        return tuple(cell for cell in self.cells if cell[1].earlier_red)

    @property
    def gaps(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Cells that count as gaps, the riskiest first."""
        return self._ranked(cell for cell in self.cells if cell[1].gap)

    @property
    def waived(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Cells under a waiver, the riskiest first."""
        return self._ranked(cell for cell in self.cells if cell[1].waiver)

    @staticmethod
    def _ranked(cells: Iterable[tuple[SystemPage, ControlView]]) -> tuple[tuple[SystemPage, ControlView], ...]:
        return tuple(sorted(cells, key=lambda cell: (-cell[1].risk, -(cell[1].days_open or 0))))

    @property
    def findings(self) -> tuple[tuple[SystemPage, Finding], ...]:
        """Every finding, by system."""
        return tuple(pair for system in self.systems for pair in system.paired_findings)

    @property
    def clauses(self) -> tuple[tuple[ControlView, tuple[ControlView | None, ...]], ...]:
        """The matrix by rows, the riskiest first: a clause, and its cell in each system, None where it is not bound."""
        by_system = [{view.key: view for view in system.controls} for system in self.systems]
        keys = dict.fromkeys(key for views in by_system for key in views)
        rows = (tuple(views.get(key) for views in by_system) for key in keys)
        ranked = sorted(rows, key=lambda row: -max(cell.risk for cell in row if cell))
        return tuple((next(cell for cell in row if cell), row) for row in ranked)


def plain_name(text: str) -> str:
    """A name as a file or anchor: letters, digits, `.`, `-` and `_`; anything else becomes its code point."""
    return re.sub(r"[^A-Za-z0-9._-]", lambda found: f"_{ord(found[0]):x}_", text)
