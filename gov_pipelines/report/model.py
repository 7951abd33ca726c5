"""What the pages show, as plain data: anyone can build a `Report` without a store, and `render` needs nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from gov_pipelines.measure.measurement import WORST_FIRST, Measurement, Verdict

Enforcement = Literal["prevents", "holds", "detects", "people", "nothing"]
RED: frozenset[Verdict] = frozenset({"fail", "missing"})


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """The verdict of one control for one partition, of the latest signed revision; breaches are decisions outside."""

    partition: date
    verdict: Verdict
    breaches: int = 0


@dataclass(frozen=True, slots=True)
class RowTotals:
    """What became of one partition's source rows. Undated rows belong to no partition and are counted apart."""

    partition: date
    source: int
    accepted: int
    quarantined: int
    duplicate: int
    undated: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether accepted, quarantined and duplicate rows make up the source."""
        return self.source == self.accepted + self.quarantined + self.duplicate


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """One signed snapshot as a page names it; digests are hex."""

    partition: date
    sequence: int
    revision: int
    payload_sha256: str
    content_digest: str
    key: str
    signed_at: datetime
    retroactive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """One clause on one system, with what enforces it and what it last said.

    Attributes:
        policy, clause, text, level: the clause.
        owner: who owns the policy.
        document: title of the document the policy encodes.
        version, in_force_from, in_force_until: the version in force; `until` is exclusive, None while it goes on.
        kind: of the control; None where the clause has none.
        acts: what the control does when it fires; None without a control.
        on_fail, severity, window, threshold: of the control, in words.
        metric, limit, limit_is: what the limit is on and the limit itself, for charts.
        obligation: what persons owe, in words.
        verdict: of the newest signed partition; None where the control never ran or does not exist.
        sentence: why, with the numbers.
        gap, gap_sentence: why the clause counts as a gap, in two words and in a sentence; None where it does not.
        since: first day of the present verdict.
        days_open, gap_days_open: days it has been red, and a gap.
        last_partition, age_days: the newest judged partition, and days from it to the newest one due.
        breaches: decisions outside the rule in that partition.
        n: rows the deciding number rests on.
        measurements: numbers of the newest partition, as the artifacts hold them.
        history: verdicts by partition, oldest first.
        synthetic: made-up columns (or `access log`) that feed the control.
    """

    policy: str
    clause: str
    text: str
    level: str
    owner: str
    version: int
    in_force_from: date
    in_force_until: date | None = None
    document: str = ""
    kind: str | None = None
    acts: Literal["prevents", "holds", "detects"] | None = None
    on_fail: str | None = None
    severity: str | None = None
    window: str | None = None
    threshold: str | None = None
    metric: str | None = None
    limit: float | None = None
    limit_is: Literal["at_least", "at_most"] = "at_least"
    obligation: str | None = None
    verdict: Verdict | None = None
    sentence: str = ""
    gap: str | None = None
    gap_sentence: str | None = None
    since: date | None = None
    days_open: int | None = None
    gap_days_open: int | None = None
    last_partition: date | None = None
    age_days: int | None = None
    breaches: int = 0
    n: int | None = None
    measurements: tuple[Measurement, ...] = ()
    history: tuple[PastVerdict, ...] = ()
    synthetic: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The control key, `policy/clause`."""
        return f"{self.policy}/{self.clause}"

    @property
    def anchor(self) -> str:
        """Where the clause stands on its system's page."""
        return plain_name(f"{self.policy}.{self.clause}")

    @property
    def enforcement(self) -> Enforcement:
        """Who or what stands in the way of the outcome the clause is about."""
        if self.kind is not None:
            return self.acts or "detects"
        return "people" if self.obligation else "nothing"

    @property
    def red(self) -> bool:
        """A failing control, or one whose result was due and is absent."""
        return self.verdict in RED

    @property
    def earlier_red(self) -> tuple[PastVerdict, ...]:
        """Red partitions among the newest 30 of a control that is not red now: what happened then is not undone."""
        return () if self.red else tuple(past for past in self.history[-30:] if past.verdict in RED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """One audited system: what was declared of it, its clauses, its row accounting and its snapshots.

    `partitions` are those with a signed snapshot; `missed` those that were due and have none.
    """

    name: str
    owner: str
    purpose: str
    risk: str
    zone: str
    jurisdictions: tuple[str, ...] = ()
    about_data: str | None = None
    synthetic_note: str | None = None
    synthetic: tuple[str, ...] = ()
    controls: tuple[ControlView, ...] = ()
    partitions: tuple[date, ...] = ()
    missed: tuple[date, ...] = ()
    rows: tuple[RowTotals, ...] = ()
    snapshots: tuple[SnapshotView, ...] = ()

    @property
    def totals(self) -> RowTotals:
        """Row accounting summed over all partitions, dated by the last."""
        columns = ((row.source, row.accepted, row.quarantined, row.duplicate, row.undated) for row in self.rows)
        return RowTotals(self.rows[-1].partition, *map(sum, zip(*columns, strict=True)))

    @property
    def page(self) -> str:
        """File name of the system's page. Letter case and the fixed pages' names never collide with it."""
        name = plain_name(self.name)
        return f"{name}_system.html" if name.lower() in {"index", "verify"} else f"{name}.html"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the keys that signed the snapshots, each once."""
        return tuple(dict.fromkeys(snapshot.key for snapshot in self.snapshots))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All pages. `as_of` is when the report was drawn up, given by the caller; `mistakes` are files left out."""

    as_of: datetime
    systems: tuple[SystemPage, ...] = ()
    mistakes: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Every clause of every system."""
        return tuple((system, view) for system in self.systems for view in system.controls)

    @property
    def red(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Failing and missing cells, worst and oldest first."""
        cells = [cell for cell in self.cells if cell[1].red]
        return tuple(sorted(cells, key=lambda cell: (_rank(cell[1].verdict), -(cell[1].days_open or 0))))

    @property
    def earlier(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Cells that are not red now and were among their newest 30 partitions."""
        return tuple(cell for cell in self.cells if cell[1].earlier_red)

    @property
    def gaps(self) -> tuple[tuple[SystemPage, ControlView], ...]:
        """Cells that count as gaps; those with nothing at all behind them first."""
        order = ("nothing", "people", "detects", "holds", "prevents")
        return tuple(
            sorted((cell for cell in self.cells if cell[1].gap), key=lambda cell: order.index(cell[1].enforcement))
        )

    @property
    def clauses(self) -> tuple[tuple[ControlView, tuple[ControlView | None, ...]], ...]:
        """The matrix by rows: a clause, and its cell in each system (None where the policy does not bind it)."""
        by_system = [{view.key: view for view in system.controls} for system in self.systems]
        keys = dict.fromkeys(key for views in by_system for key in views)
        rows = (tuple(views.get(key) for views in by_system) for key in keys)
        return tuple((next(cell for cell in row if cell), row) for row in rows)


def plain_name(text: str) -> str:
    """A name as a file or anchor: letters, digits, `.`, `-` and `_`; anything else becomes its code point."""
    return re.sub(r"[^A-Za-z0-9._-]", lambda found: f"_{ord(found[0]):x}_", text)


def _rank(verdict: Verdict | None) -> int:
    return len(WORST_FIRST) if verdict is None else WORST_FIRST.index(verdict)
