"""Connecting to a database for reading only, with every refusal in words that hold no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from gov_pipelines.errors import GovError, SourceUnreachable, WrongUse

_CONNECT_SECONDS = 10
_DRIVERS = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite", "duckdb": "duckdb"}
_SPARK = r"(spark|sc|k8s)://|local(\[|$)|yarn$"


_LATE = "took longer than `source.timeout` ({seconds} s). Index the moment column, or raise it"
_SIGNS = {  # of what happened: the SQLSTATE, the class or the words of the driver
    "^42501": (
        WrongUse,
        "does not let this login read a declared table or column. Grant SELECT on it, or declare less",
    ),
    "^57014|interrupted|InterruptException|[Cc]ancell?ed|CANCELED": (SourceUnreachable, _LATE),
    "FATAL:.* authentication failed": (SourceUnreachable, "refused the login. Check user and password in {url_env}"),
    "JAVA_GATEWAY_EXITED|spark-submit": (
        SourceUnreachable,
        "is Spark, which needs Java 17 on the PATH or in JAVA_HOME, and SPARK_HOME unset rather than empty",
    ),
    "maxResultSize": (
        SourceUnreachable,
        "has more rows in a partition than spark.driver.maxResultSize lets through. Raise it",
    ),
    "FATAL:.* does not exist": (SourceUnreachable, "has no such database or user. Check {url_env}"),
}


@dataclass(frozen=True, slots=True)
class Database:
    """The database that an environment variable names.

    Attributes:
        url_env: the variable, which holds a SQLAlchemy URL. Its value never reaches an error text.
        project: the folder that a relative file starts from.
        environ: the environment.
        seconds: how long a statement may take.
    """

    url_env: str
    project: Path
    environ: Mapping[str, str]
    seconds: int = 600

    @property
    def url(self) -> sa.URL:
        """Its URL, with relative files found from the project.

        Raises:
            WrongUse: the variable is not set, or is no URL of a database that can be read.
        """
        said = self.environ.get(self.url_env)
        if not said:
            raise WrongUse(
                f"The environment variable {self.url_env} is not set. "
                "Set it to the source's SQLAlchemy URL, such as sqlite:///file.db."
            )
        if re.match(_SPARK, said):
            return sa.URL.create("spark")  # of use to Spark alone, which reads it itself
        try:
            url = sa.make_url(said)
        except ArgumentError:
            raise WrongUse(
                f"{self.url_env} is not a SQLAlchemy URL. Write it like postgresql+psycopg://user:password@host/database."
            ) from None
        backend = url.get_backend_name()
        if backend not in _DRIVERS:
            raise WrongUse(
                f"{self.url_env} names a database that is none of {', '.join(_DRIVERS)}. "
                "Export it to files, and declare `path`."
            )
        if backend == "sqlite" and url.database and not url.database.startswith((":", "file:")):
            # mode=ro: SQLite would otherwise create a missing file and audit an empty database.
            file = (self.project / url.database).absolute().as_uri()
            return url.set(database=file).update_query_dict({"mode": "ro", "uri": "true"})
        return url.set(drivername=_DRIVERS[backend])

    def without(self, driver: str) -> WrongUse:
        """What to say where its driver is not installed."""
        extra = {"psycopg": "postgres", "pyspark": "spark"}.get(driver, driver)
        return WrongUse(
            f"{self.url_env} names a database whose driver {driver} is not installed. Install `gov-pipelines[{extra}]`."
        )

    def in_words(self, error: BaseException | None) -> GovError:
        """What a driver's error means. Its own text may hold the address, the login or values of rows, and is not told."""
        told = f"{getattr(error, 'sqlstate', None)} {type(error).__name__} {error}"
        for sign, (kind, words) in _SIGNS.items():
            if re.search(sign, told):
                said = words.format(url_env=self.url_env, seconds=self.seconds)
                return kind(f"The database that {self.url_env} names {said}.")
        return SourceUnreachable(
            f"The database that {self.url_env} names did not answer ({type(error).__name__}). "
            f"Check that it is up, and the address and the login in {self.url_env}."
        )


@contextmanager
def connected(database: Database) -> Iterator[sa.Connection]:
    """Connect to PostgreSQL or SQLite: one transaction that the database is told never to write in.

    Raises:
        WrongUse: the variable is not set, is no URL of a database that can be read, or needs a driver that is not installed.
        SourceUnreachable: the database did not answer, or not in time.
    """
    url = database.url
    postgres = url.get_backend_name() == "postgresql"
    wait = {"connect_timeout": _CONNECT_SECONDS} if postgres and "connect_timeout" not in url.query else {}
    try:
        engine = sa.create_engine(url, poolclass=NullPool, connect_args=wait, hide_parameters=True)
    except ImportError as error:
        raise database.without(str(error.name)) from None
    if postgres:
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        with engine.connect() as connection:
            if postgres:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{database.seconds}s'")
            else:
                connection.exec_driver_sql("BEGIN")  # the driver begins none for reads: one state for all tables
            yield connection
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise database.in_words(error.orig if isinstance(error, DBAPIError) else error) from None
    finally:
        engine.dispose()
