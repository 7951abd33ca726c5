"""What a person declares of one audited system: the `attributes` of `assets/<system>/defs.yaml`."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from gov_pipelines.policy.calendar import Calendar
from gov_pipelines.policy.durations import Duration, DurationField
from gov_pipelines.policy.strict import Strict


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # unknown; no file name; a folder of zones, or too long
        raise ValueError(f"{name!r} is not a time zone; write an IANA name such as `America/New_York`") from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", examples=["mortgage_underwriting"])]


def _variable(text: str) -> str:
    if not text.isidentifier():  # whatever it is, an address perhaps, is not repeated
        raise ValueError(
            "names no environment variable; write its name, such as DECISIONS_URL, and put the URL into it"
        )
    return text


Variable = Annotated[str, AfterValidator(_variable)]


def _day_of_year(text: str) -> str:
    try:
        datetime.strptime(f"2000-{text}", "%Y-%m-%d").replace(tzinfo=UTC)  # a leap year: 02-29 is a day
    except ValueError as error:
        raise ValueError(f"{text!r} is no day of a year; write month and day, such as `01-15`") from error
    return text


DayOfYear = Annotated[str, Field(pattern=r"^\d\d-\d\d$", examples=["01-15"]), AfterValidator(_day_of_year)]


def _owner(name: str) -> str:
    if not re.fullmatch(r"team:\S.*|[^@\s]+@[^@\s]+\.[^@\s]+", name):
        raise ValueError(f"{name!r} is neither a team nor an e-mail address; write `team:<name>` or an address")
    return name


def _within_project(path: str) -> str:
    if Path(os.path.normpath(path)).parts[:1] == (os.pardir,):
        raise ValueError(f"{path!r} leaves the project; write a path within it, or an absolute one")
    return path


FilePath = Annotated[str, AfterValidator(_within_project)]


def _lowest_first(ends: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    if ends == (None, None):
        raise ValueError("both ends are open, so nothing lies outside; write at least one of them")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise ValueError(f"{ends[0]:g} is above {ends[1]:g}; write the lower end first")
    return ends


ROWS = ("rows_per_day", "rows_per_hour")
"""Names of ranges that are about the rows of a partition, not about a column."""

Range = Annotated[tuple[float | None, float | None], AfterValidator(_lowest_first), Field(examples=["[0, 100]"])]


def rows_range(ranges: Mapping[str, Range]) -> Range:
    """How many rows a partition may have: of a day `rows_per_day`, of an hour `rows_per_hour`; open where neither is said."""
    return next((limits for name, limits in ranges.items() if name in ROWS), (None, None))


class Source(Strict):
    """Where decisions are read from: a database table (`url_env` and `table`) or files (`path`).

    `url_env` names the environment variable that holds the URL of a PostgreSQL, SQLite or DuckDB database, or of Spark. `path`
    is a file or a glob of CSV, Parquet or JSON-lines files, relative to the project or in a bucket (`s3://`). `zone` is the
    zone of naive times in the source. `timeout` is how many seconds a statement may take. `cursor` is a column of rising
    moments or numbers that every write raises, `overlap` how far behind it a row may still arrive.
    """

    url_env: Variable | None = None
    table: str | None = None
    path: FilePath | None = None
    zone: Zone | None = None
    timeout: int = Field(default=600, ge=1, le=86_400)
    cursor: str | None = None
    overlap: DurationField = Duration(1, "days")

    def wrong(self) -> Iterator[str]:
        """No place, or two; an overlap that clocks do not count."""
        if self.overlap.unit not in {"hours", "days"}:
            yield f"`overlap` is {self.overlap}; write a count of hours or days"
        database, files = (self.url_env, self.table), self.path
        if files is None and None in database:
            yield "no source is named; name either `url_env` and `table` (a database) or `path` (CSV or Parquet files)"
        if files is not None and database != (None, None):
            yield "`path` stands beside `url_env` or `table`; remove one of the two"


def _misplaced(declared: Joined | AccessLog) -> Iterator[str]:
    if declared.url_env is not None and declared.table is None:
        yield "`url_env` names a database without a `table` in it; name the table"
    if declared.table is not None and declared.path is not None:
        yield "`path` stands beside `table`; remove one of the two"


class Joined(Strict):
    """A table or file whose rows belong to decisions by `key`, the column that holds the decision's id.

    `url_env` names another database than the source's.
    """

    url_env: Variable | None = None
    table: str | None = None
    path: FilePath | None = None
    key: str | None = None

    def wrong(self) -> Iterator[str]:
        """Half a place, or two."""
        return _misplaced(self)


class ProtectedAttribute(Joined):
    """A protected attribute: joined by `key`, or a column of the decisions where no table is named.

    `column` defaults to the attribute's name. `unknown` lists the values that mean nobody knows. `in_log` says whether the
    log keeps it; if not, it is joined when groups are counted and stored in no row. Absent: it is kept where it comes
    from the decisions' own database, or files beside files.
    """

    column: str | None = None
    unknown: list[str] = []
    in_log: bool | None = None

    def wrong(self) -> Iterator[str]:
        """Half a place, or two; none where it is not kept."""
        yield from _misplaced(self)
        if self.in_log is False and not (self.table or self.path):
            yield "`in_log: false` is of an attribute beside the decisions; name its `table` or `path`"


class Reviews(Joined):
    """Human reviews. `columns` maps reviewer, reviewer_role, reviewed_at, review_outcome to the table's columns."""

    columns: dict[str, str] = {}


class AccessLog(Strict):
    """Reads of data. `columns` maps read_at, principal, role, field, table, purpose, rows to the log's columns."""

    url_env: Variable | None = None
    table: str | None = None
    path: FilePath | None = None
    columns: dict[str, str] = {}
    zone: Zone | None = None

    def wrong(self) -> Iterator[str]:
        """Half a place, or two."""
        return _misplaced(self)


class LogField(Strict):
    """A column beyond the canonical ones. A row outside `values` or `range` is quarantined.

    A category is kept as text: 1.0, 1 and "1" all become "1".
    """

    type: Literal["number", "category"]
    values: list[str] | None = None
    range: Range | None = None

    def wrong(self) -> Iterator[str]:
        """A limit of the other type."""
        if self.type == "number" and self.values is not None:
            yield "a number has no `values`; write `range`, or `type: category`"
        if self.type == "category" and self.range is not None:
            yield "a category has no `range`; write `values`, or `type: number`"


class Outcomes(Strict):
    """Which decisions the person wants. Named by the user, never guessed; a value in none of them is quarantined."""

    favorable: list[str] = Field(min_length=1, examples=["[approved]"])
    unfavorable: list[str] = Field(min_length=1, examples=["[denied]"])
    undecided: list[str] = []

    def wrong(self) -> Iterator[str]:
        """A value with two meanings."""
        values = [*self.favorable, *self.unfavorable, *self.undecided]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            yield f"{', '.join(twice)} stands more than once; give each decision value one meaning"


class UpTo(Strict):
    """An upper bound, inclusive."""

    up_to: float = Field(examples=["1000000"])


class MayDecide(Strict):
    """What the system may decide on, and whether it decides or only recommends."""

    products: list[str] | None = None
    amount: UpTo | None = None
    role: Literal["decides", "recommends"] = "decides"

    @property
    def boundless(self) -> bool:
        """Whether nothing lies outside it."""
        return self.products is None and self.amount is None


class ApprovedModel(Strict):
    """A model version and the local dates it is approved for: from inclusive, until exclusive."""

    version: str = Field(examples=["v3"])
    approved_from: date = Field(examples=["2026-09-01"])
    approved_until: date | None = None

    def wrong(self) -> Iterator[str]:
        """Dates that run backward."""
        if self.approved_until is not None and self.approved_until <= self.approved_from:
            yield f"approved_until ({self.approved_until}) is not after approved_from ({self.approved_from}); exchange them"


class Intake(Strict):
    """What the system may read and decide, and which outputs need a human.

    `database_role` is the role the system reads with, `database_url_env` the PostgreSQL database whose grants to it are
    compared with `may_read` each night; without it the source's, where that is PostgreSQL.
    """

    may_read: list[str] = []
    may_decide: MayDecide | None = None
    needs_review: str | None = None
    models: list[ApprovedModel] = []
    database_role: str | None = None
    database_url_env: Variable | None = None

    @property
    def enforced(self) -> bool:
        """Whether a database is named that refuses what is not granted."""
        return bool(self.database_role and self.database_url_env)


class Label(Joined):
    """The outcome that matures later: a column of the decisions, or joined by `key` where a table or path is named.

    `at` is the column of the moment it became known; of several rows of one key the last one known by then counts.
    """

    column: str = Field(examples=["repaid"])
    at: str | None = None
    positive: bool | int | str = Field(examples=["true"])
    matures_after: DurationField = Field(examples=["540 days"])


def _in_days(span: Duration) -> Duration:
    if span.unit != "days":
        raise ValueError(f"{str(span)!r} is no count of days; write one, such as `30 days`")
    return span


class AuditSchedule(Strict):
    """When the audit of a partition that is over runs.

    A day is audited at `at` of the next, in the system's zone; an hour at `minute` of the next. With `on_arrival` the
    source is also asked every few minutes, and what has arrived or changed is audited at once.
    """

    at: time = time(2, 0)
    minute: int = Field(default=10, ge=0, le=59)
    on_arrival: bool = False
    enabled: bool = True


class Synthetic(Strict):
    """What in this system's data is made up. Every page and message that shows it says so."""

    columns: list[str] = []
    access_log: bool = False
    note: str = Field(examples=["Synthetic: made up for the demo."])


class SystemDeclaration(Strict):
    """One AI system under audit.

    `starts` is the first day, `ends` the day after the last one (absent: it goes on). `partitions` says whether each day
    or each hour of it is audited for itself; where decisions fall on a few days of the year only, `only_on` names them,
    and no other day is expected. `look_back` is for how many days a partition is audited again where its decisions have
    changed at the source. `columns` maps canonical names to the source's; the rest keep their names. `about_data` is printed wherever results are shown.
    `state` is what the owner says of the system; only a `live` one that passes the gate has its decisions cleared.
    `approver` is the role or person who signs it off beside the owner. `documents` are the dates of what a clause may ask
    to be fresh, such as an independent audit.
    """

    system: Name
    state: Literal["draft", "approved", "live", "suspended", "retired"] = "draft"
    owner: Annotated[str, Field(min_length=1, examples=["team:credit-risk"]), AfterValidator(_owner)]
    approver: str | None = Field(default=None, examples=["head_of_credit"])
    purpose: str = Field(min_length=1, examples=["Decide on home-loan applications."])
    risk: Literal["minimal", "limited", "high"]
    jurisdictions: list[str] = []
    zone: Zone = Field(examples=["America/New_York"])
    starts: date = Field(examples=["2026-09-01"])
    ends: date | None = None
    partitions: Literal["daily", "hourly"] = "daily"
    only_on: list[DayOfYear] = []
    source: Source = Field(examples=["{url_env: DECISIONS_URL, table: decisions}"])
    reviews: Reviews | None = None
    access_log: AccessLog | None = None
    columns: dict[str, str] = {}
    fields: dict[str, LogField] = {}
    outcomes: Outcomes = Field(examples=["{favorable: [approved], unfavorable: [denied]}"])
    protected_attributes: dict[Name, ProtectedAttribute] = Field(
        min_length=1, examples=["{sex: {table: applicants, key: application_id}}"]
    )
    strata: list[str] = []
    intake: Intake = Intake()
    operating_range: dict[str, Range] = {}
    label: Label | None = None
    look_back: Annotated[DurationField, AfterValidator(_in_days)] = Duration(30, "days")
    documents: dict[Name, date] = {}
    schedule: AuditSchedule = AuditSchedule()
    policies: list[str] = Field(min_length=1, examples=["[house-fair-lending]"])
    about_data: str | None = None
    synthetic: Synthetic | None = None

    def wrong(self) -> Iterator[str]:
        """No partitions, or such as are of no one day."""
        hourly = self.partitions == "hourly"
        if self.ends is not None and self.ends <= self.starts:
            yield f"ends ({self.ends}) is not after starts ({self.starts}); write the day after the last partition"
        if hourly and self.only_on:
            yield "`only_on` names days, and `partitions` are hourly; remove one of the two"
        other = "at" if hourly else "minute"
        if other in self.schedule.model_fields_set:
            unit, mine = ("hourly", "minute") if hourly else ("daily", "at")
            yield f"schedule.{other} says nothing where `partitions` are {unit}; write schedule.{mine}"
        noons = (
            datetime(self.starts.year + month // 12, month % 12 + 1, 1, 12, tzinfo=ZoneInfo(self.zone))
            for month in range(24)
        )
        if hourly and any((noon.utcoffset() or timedelta()) % timedelta(hours=1) for noon in noons):
            yield (
                f"a day of {self.zone} does not begin at a full hour of UTC, so no hour lies in one day; write a zone that does, "
                "such as `UTC`, or `partitions: daily`"
            )
        if self.calendar.first is None:
            yield "no day of `only_on` lies between `starts` and `ends`; write one that does"

    @property
    def attributes_in_log(self) -> list[str]:
        """The protected attributes that rows of the log have."""
        return [name for name in self.protected_attributes if name not in self.attributes_apart]

    @property
    def attributes_apart(self) -> list[str]:
        """Those that are joined when groups are counted, and stored in no row."""
        source, apart = self.source, []
        for name, each in self.protected_attributes.items():
            other = each.url_env not in {None, source.url_env} or bool(each.path and source.table)
            if other if each.in_log is None else not each.in_log:
                apart.append(name)
        return apart

    @property
    def calendar(self) -> Calendar:
        """The system's partitions."""
        return Calendar(self.starts, self.zone, self.ends, self.partitions == "hourly", frozenset(self.only_on))
