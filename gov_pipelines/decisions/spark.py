"""Tables of Spark as a source. Statements are written as for PostgreSQL and put into Spark's language by sqlglot.

Spark reads each statement's rows as they then are: it has no transaction over several.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import polars as pl
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import postgresql

from gov_pipelines.decisions.casts import plain
from gov_pipelines.decisions.connecting import Database
from gov_pipelines.decisions.duck import Duckdb
from gov_pipelines.decisions.fingerprints import PART
from gov_pipelines.decisions.places import Place
from gov_pipelines.decisions.reflection import no_table
from gov_pipelines.decisions.sql import within_exact
from gov_pipelines.errors import WrongUse

_DIALECT: sa.Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy's
_TYPES: dict[str, Any] = {
    "timestamp": sa.DateTime(timezone=True),
    "timestamp_ntz": sa.DateTime(),
    "date": sa.Date(),
    "string": sa.String(),
    "boolean": sa.Boolean(),
    "binary": sa.LargeBinary(),
    **dict.fromkeys(("double", "float"), sa.Float()),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), sa.BigInteger()),
    **dict.fromkeys(("char", "varchar"), sa.String()),
    "decimal": sa.Numeric(),
    **dict.fromkeys(("array", "map", "struct", "variant"), sa.JSON()),
}


@contextmanager
def opened_session(database: Database) -> Iterator[Spark]:
    """Open a session of a Spark master (`spark://`, `k8s://`, `yarn`, `local`) or a Spark Connect server (`sc://`).

    A process has one Spark, which it keeps until it ends.

    Raises:
        WrongUse: PySpark is not installed, or the process has another Spark.
        SourceUnreachable: Spark did not answer, or not in time.
    """
    try:
        from py4j.protocol import Py4JError  # noqa: PLC0415  (an extra)
        from pyspark.errors import PySparkException  # noqa: PLC0415  (as above)
        from pyspark.sql import SparkSession  # noqa: PLC0415  (as above)
    except ImportError:
        raise database.without("pyspark") from None
    try:
        session = _session(SparkSession.builder, database)
        session.conf.set("spark.sql.session.timeZone", "UTC")
        done = Event()
        Thread(target=_interrupt, args=(session, database.seconds, done), daemon=True).start()
        try:
            yield Spark(session)
        finally:
            done.set()
    except (PySparkException, Py4JError, OSError) as error:
        raise database.in_words(error) from None


def _interrupt(session: Any, seconds: int, done: Event) -> None:
    """End what runs after so many seconds; again and again, since a statement that is still planned is not ended."""
    while not done.wait(seconds):
        session.interruptAll()
        seconds = 1


def _session(builder: Any, database: Database) -> Any:
    url = database.environ[database.url_env]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySpark says of pandas what is no concern here
        if url.startswith("sc://"):
            return builder.remote(url).getOrCreate()
        session = builder.master(url).getOrCreate()
    if session.sparkContext.master != url:
        raise WrongUse(
            f"this process reads another Spark than that of {database.url_env}. Audit the two in processes of their own."
        )
    session.sparkContext.setLogLevel("OFF")  # it writes values of rows
    return session.newSession()


class Spark:
    """An open session."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._known: dict[str, sa.Table] = {}

    def table(self, place: Place) -> sa.Table:
        """A table or view by its name, with schema and catalog before it where they are not the session's."""
        if place.name not in self._known:
            schema, _, name = place.name.rpartition(".")
            if not self._session.catalog.tableExists(place.name):
                named = [table.name for table in self._session.catalog.listTables(schema or None)]
                raise WrongUse(no_table(place, named))
            columns = (sa.Column(column, _type(kind)) for column, kind in self._session.table(place.name).dtypes)
            within = sa.sql.quoted_name(schema, quote=False) if schema else None
            self._known[place.name] = sa.Table(name, sa.MetaData(), *columns, schema=within)
        return self._known[place.name]

    def order(self, table: sa.Table) -> list[sa.ColumnElement[Any]]:  # noqa: ARG002
        """Spark keeps no order of writing."""
        return []

    def fetch(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[pl.DataFrame]:
        """One frame, through Arrow."""
        compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        (statement,) = sqlglot.transpile(str(compiled), read="postgres", write="spark", identify=True)
        values = {name: _moment(value) for name, value in (compiled.params or {}).items()}
        frame = pl.DataFrame(self._session.sql(statement, args=values).toArrow())
        yield frame.select(plain(pl.col(name), frame.schema[name]) for name in frame.columns)

    @staticmethod
    def part(fingerprint: sa.ColumnElement[str], start: int) -> sa.ColumnElement[int]:
        """Some digits as a number."""
        return sa.cast(sa.func.conv(sa.func.substr(fingerprint, start, PART), 16, 10), sa.BigInteger)

    @staticmethod
    def moment(column: sa.Column[Any], zone: str) -> sa.ColumnElement[Any]:  # noqa: ARG004  (moments have a type here)
        """The column."""
        return column

    @staticmethod
    def hour(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The full hour, by the clock of the source."""
        if isinstance(moment.type, sa.Date):
            return moment
        hour = sa.func.date_trunc(sa.literal_column("'hour'"), moment)  # of a naive time an instant of UTC
        return hour if getattr(moment.type, "timezone", False) else sa.func.to_timestamp_ntz(hour)

    within = staticmethod(within_exact)
    value = staticmethod(Duckdb.value)
    fingerprint = staticmethod(Duckdb.fingerprint)


def _type(kind: str) -> Any:
    return _TYPES.get(kind.partition("(")[0].partition("<")[0])


def _moment(value: Any) -> Any:
    """A naive time is one of UTC, as the session reads it; PySpark would read it in this machine's zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
