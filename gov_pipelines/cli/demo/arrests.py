"""Toronto's release decisions, laid on ten dates of each year and loaded into a database.

Real: 5,226 arrests for simple possession of marijuana, 1997 to 2002, as in `arrests` of the package scikit-lego. Only the
dates within a year and the bands of age are ours, by rule; nothing is synthetic.
"""

from __future__ import annotations

import importlib.util
import zipfile
from datetime import date
from pathlib import Path

import polars as pl

from gov_pipelines.cli.demo.show import Show
from gov_pipelines.cli.simulate.sinks import database
from gov_pipelines.errors import WrongUse

SYSTEM = "release_decisions"
URL_VARIABLE = "RELEASE_DECISIONS_URL"
DATES = 10
"""Partitions of a year: the fifteenths of January to October, as the declaration says."""


def read_arrests() -> pl.DataFrame:
    """The public file as it is: released, colour, year, age, sex, employed, citizen, checks.

    Raises:
        WrongUse: scikit-lego is not installed.
    """
    package = importlib.util.find_spec("sklego")  # found, not imported: importing it would import scikit-learn
    if package is None or package.origin is None:
        raise WrongUse(
            "The demo's arrests are in the package scikit-lego, which is not installed. Run: pip install 'gov-pipelines[demo]'"
        )
    with zipfile.ZipFile(Path(package.origin).parent / "data" / "arrests.zip") as archive:
        return pl.read_csv(archive.read(archive.namelist()[0]))


def arrests() -> pl.DataFrame:
    """Arrest i of a year (from 0, in file order) lies on date i mod 10 of the year, from nine o'clock, seven minutes apart."""
    number = pl.int_range(pl.len()).over("year")
    month, minutes = number % DATES + 1, (number // DATES) * 7
    bands = pl.when(pl.col("age") < 18).then(pl.lit("under 18")).when(pl.col("age") < 25).then(pl.lit("18 to 24"))
    made = read_arrests().with_columns(
        arrest_id=pl.format("TO-{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(4)),
        decided_on=pl.datetime("year", month, 15, 9) + pl.duration(minutes=minutes),
        age_band=bands.otherwise(pl.lit("25 and over")),
    )
    return made.select(
        "arrest_id", "decided_on", "released", "colour", "sex", "age", "age_band", "citizen", "employed", "checks"
    )


def build_database(path: Path) -> int:
    """Write the table of decisions, replacing an earlier one; returns the number of arrests."""
    rows, draft = arrests(), path.with_suffix(".draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    with database(f"sqlite:///{draft}", URL_VARIABLE, path.parent) as put:
        put("arrests", "", rows)
    draft.replace(path)
    return rows.height


def _dates(first: tuple[int, int], last: tuple[int, int]) -> list[date]:
    """The partitions from one year and month to another."""
    months = [(year, month) for year in range(first[0], last[0] + 1) for month in range(1, DATES + 1)]
    return [date(*each, 15) for each in months if first <= each <= last]


SHOW = Show(
    system=SYSTEM,
    url_variable=URL_VARIABLE,
    build=build_database,
    known={
        "house-police-oversight/PO-1": [*_dates((1997, 6), (1997, 7)), *_dates((1998, 2), (1998, 10))],
        "house-police-oversight/PO-2": _dates((1997, 6), (2002, 10)),
        "house-police-oversight/PO-4": _dates((1997, 10), (1997, 10)),
    },
    planted=(),
    held=None,
    rows="none was left out",
)
