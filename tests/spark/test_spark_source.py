"""A table of Spark as a source: what the others give, typed, dated, fingerprinted, and in words where it refuses."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from gov_pipelines.decisions import read_partition
from gov_pipelines.decisions.fingerprints import Digest
from gov_pipelines.decisions.places import Columns, During, Keys, Place, Query, Related, open_sources
from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.declaration import Source

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

DAY = date(2026, 11, 1)  # 25 hours in New York
START = datetime(2026, 10, 31, 4, tzinfo=UTC)
SPANS = [
    During("decided_on", first, last, "America/New_York")
    for first, last in [
        (START, START + timedelta(days=1)),
        (START + timedelta(days=1), START + timedelta(days=2, hours=1)),
    ]
]
LOG, PEOPLE = Place(table="bank.log"), Place(table="bank.people")
COLUMNS = Columns(["id", "decided_on", "action", "amount"])
TIMES = [datetime(2026, 10, 31) + timedelta(minutes=30 * n) for n in range(96)]
ROWS = pl.DataFrame(
    {
        "id": [f"D{n:02}" for n in range(96)],
        "decided_on": TIMES,
        "action": ["approved" if n % 3 else "denied" for n in range(96)],
        "amount": [n / 7 for n in range(96)],
        "number": [n + (n > 60) for n in range(96)],
        "updated_at": [datetime(2026, 11, 5) + timedelta(hours=n) for n in range(96)],
    }
)


@pytest.fixture(scope="module")
def bank(session, cluster, tmp_path_factory):
    """Tables in Spark's catalog, and the environment that names the cluster."""
    session.sql("CREATE DATABASE IF NOT EXISTS bank")

    def table(name, frame):
        folder = tmp_path_factory.mktemp(name)
        frame.write_parquet(folder / "part.parquet")
        session.read.parquet(str(folder)).write.mode("overwrite").saveAsTable(f"bank.{name}")

    table("log", ROWS)
    table("people", ROWS.select(key="id", sex=pl.when(pl.col("number") % 2 == 0).then(pl.lit("f")).otherwise(None)))
    table("changed", ROWS.with_columns(amount=pl.when(pl.col("id") == "D50").then(0.5).otherwise("amount")))
    return {"SPARK": cluster.url}


def asked(environ, folder, **source):
    return open_sources(Source(url_env="SPARK", table="bank.log", **source), project=folder, environ=environ)


def test_digests_of_spans_are_those_of_the_rows_read(bank, tmp_path):
    with asked(bank, tmp_path) as sources:
        digests = sources.digests(Query(LOG, COLUMNS, id_column="id"), SPANS)
        for span, digest in zip(SPANS, digests, strict=True):
            read = sources.read(Query(LOG, COLUMNS, span)).frame
            assert Digest.of(sources.fingerprints(Query(LOG, COLUMNS, span, id_column="id"))) == digest
            assert read.height == digest.rows == sources.at(LOG).count(span) == 48
            assert set(read.rows()) == set(
                ROWS.filter(pl.col("decided_on").dt.date() == read["decided_on"][0].date()).select(read.columns).rows()
            )
        other = sources.digests(Query(Place(table="bank.changed"), COLUMNS, id_column="id"), SPANS)
    assert [one == two for one, two in zip(digests, other, strict=True)] == [True, False]


def test_rows_are_found_by_their_ids_and_by_their_decisions(bank, tmp_path):
    related = Related("key", LOG, "id", SPANS[1])
    query = Query(PEOPLE, Columns(["key", "sex"]), related=related, id_column="key")
    with asked(bank, tmp_path) as sources:
        assert sources.read(query).frame.height == 48
        (digest,) = sources.digests(query, SPANS[1:])
        assert digest == Digest.of(sources.fingerprints(query))
        ids = Keys("id", pl.Series(["D07", "D50", "' OR 1=1 --", "none", None]))
        assert set(sources.read(Query(LOG, COLUMNS, ids=ids)).frame["id"]) == {"D07", "D50"}


def test_what_was_written_since_and_what_is_missing_is_found(bank, tmp_path):
    wide = During("decided_on", START, START + timedelta(days=3), "America/New_York")
    with asked(bank, tmp_path) as sources:
        everything = sources.at(LOG).touched("updated_at", None, wide)
        assert {moment.date().day for moment in everything.moments} == {31, 1, 2}  # in UTC
        newer = sources.at(LOG).touched("updated_at", "2026-11-08T20:00:00", wide)
        assert {moment.replace(minute=0, second=0) for moment in newer.moments} == {
            datetime(2026, 11, 2, hour, tzinfo=UTC) for hour in (3, 4)
        }
        assert sources.at(LOG).gaps("number", wide).within == 1
        assert sources.at(LOG).gaps("nowhere", wide) is None


def test_every_type_comes_as_it_is(bank, session, tmp_path):
    session.sql(
        "CREATE OR REPLACE TEMP VIEW made AS SELECT 'é \"q\\'' AS text, CAST(NULL AS STRING) AS nothing, 9007199254740993 AS whole, "
        "0.1D + 0.2D AS fraction, double('NaN') AS nan, CAST(10.50 AS DECIMAL(12, 2)) AS money, true AS flag, "
        "TIMESTAMP '2026-09-08 12:00:00.123456+02:00' AS moment, TIMESTAMP_NTZ '2026-09-08 12:00:00' AS naive, "
        "DATE '2026-09-08' AS day, array('R1', 'R2') AS codes"
    )
    session.sql("DROP TABLE IF EXISTS bank.types")
    session.table("made").write.saveAsTable("bank.types")
    names = ["text", "nothing", "whole", "fraction", "nan", "money", "flag", "moment", "naive", "day", "codes"]
    with asked(bank, tmp_path) as sources:
        query = Query(Place(table="bank.types"), Columns(names), id_column="text")
        (row,) = sources.read(query).frame.rows(named=True)
        assert sources.fingerprints(query).height == 1
    assert row.pop("nan") != 0
    assert str(row.pop("money")) == "10.50"
    assert row == {
        "text": "é \"q'", "nothing": None, "whole": 9007199254740993, "fraction": 0.1 + 0.2, "flag": True,
        "moment": datetime(2026, 9, 8, 10, 0, 0, 123456, tzinfo=UTC), "naive": datetime(2026, 9, 8, 12),
        "day": date(2026, 9, 8), "codes": '["R1","R2"]',
    }  # fmt: skip


def test_a_partition_is_read_as_from_a_file(bank, tmp_path):
    ROWS.with_columns(sex=pl.when(pl.col("number") % 2 == 0).then(pl.lit("f"))).write_parquet(tmp_path / "log.parquet")
    declared = {
        "system": "loans", "owner": "team:credit", "purpose": "Decide.", "risk": "high", "zone": "America/New_York",
        "starts": "2026-10-01", "policies": ["house"],
        "columns": {"decision_id": "id", "decided_at": "decided_on", "decision": "action", "amount": "amount"},
        "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
    }  # fmt: skip
    sources = [
        ({"url_env": "SPARK", "table": "bank.log"}, {"table": "bank.people", "key": "key"}),
        ({"path": "log.parquet"}, {}),
    ]
    found = [
        read_partition(
            SystemDeclaration.model_validate(declared | {"source": source, "protected_attributes": {"sex": sex}}),
            DAY,
            project=tmp_path,
            environ=bank,
        )
        for source, sex in sources
    ]
    assert found[0].log.height == 48
    assert found[0].log.equals(found[1].log)


def test_what_goes_wrong_is_told(bank, session, tmp_path):
    with asked(bank, tmp_path) as sources:
        with pytest.raises(WrongUse, match=r"no table `bank.lug`. Did you mean .*log"):
            sources.read(Query(Place(table="bank.lug"), COLUMNS))
        with pytest.raises(WrongUse, match="`acton`: Did you mean `action`"):
            sources.read(Query(LOG, Columns(["acton"])))
    elsewhere = Source(url_env="OTHER", table="log")
    with (
        pytest.raises(WrongUse, match="this process reads another Spark than that of OTHER"),
        open_sources(elsewhere, project=tmp_path, environ={"OTHER": "spark://hunter2:7077"}) as sources,
    ):
        sources.read(Query(Place(table="log"), COLUMNS))
    session.sql("DROP VIEW IF EXISTS bank.slow")
    session.sql("CREATE VIEW bank.slow AS SELECT id FROM range(100000000000) WHERE hash(id) % 7 = -9")
    with (
        pytest.raises(SourceUnreachable, match=r"took longer than `source.timeout` \(3 s\)"),
        asked(bank, tmp_path, timeout=3) as sources,
    ):
        sources.read(Query(Place(table="bank.slow"), Columns(["id"])))
