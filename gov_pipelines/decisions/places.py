"""Where rows are read from, and how a reader is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import did_you_mean
from gov_pipelines.policy.declaration import AccessLog, ProtectedAttribute, Reviews

if TYPE_CHECKING:
    from gov_pipelines.decisions.sql import SqlDatabase


@dataclass(frozen=True, slots=True)
class Place:
    """A database table (`table`, with its schema before a dot) or files (`path`, a file or a glob)."""

    table: str | None = None
    path: str | None = None

    @property
    def name(self) -> str:
        """As declared; what error texts and input digests call it."""
        return self.table or self.path or ""

    @classmethod
    def of(cls, declared: ProtectedAttribute | Reviews | AccessLog | None) -> Place | None:
        """Where something lies that is declared with a table or path of its own; None where it has none."""
        return cls(declared.table, declared.path) if declared and (declared.table or declared.path) else None


@dataclass(frozen=True, slots=True)
class During:
    """Rows whose moment lies in a half-open UTC window.

    Attributes:
        column: the source column that holds the moment.
        start: first instant, inclusive.
        end: last instant, exclusive.
        zone: the zone in which naive times of the source are read.
    """

    column: str
    start: datetime
    end: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Related:
    """Rows that belong to the decisions of a window: `key` is one of the `id_column` of `place` during it.

    A hint that lets a database read less; files are read whole. The caller keeps the rows it asked for.
    """

    key: str
    place: Place
    id_column: str
    during: During


@dataclass(frozen=True, slots=True)
class Columns:
    """Source columns to read: `required` must exist, `optional` are read where they do."""

    required: Sequence[str]
    optional: Sequence[str] = ()

    def found_in(self, known: Sequence[str], place: Place) -> list[str]:
        """The columns to read, each once.

        Raises:
            WrongUse: a required column does not exist, with the nearest name that does.
        """
        missing = [name for name in dict.fromkeys(self.required) if name not in known]
        if missing:
            remedies = "; ".join(f"`{name}`: {did_you_mean(name, known)}" for name in missing)
            raise WrongUse(f"{place.name} lacks declared columns. {remedies} Correct `columns` in defs.yaml.")
        return list(dict.fromkeys([*self.required, *(name for name in self.optional if name in known)]))


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read: rows in source order under their source names, and how many had no readable moment."""

    frame: pl.DataFrame
    undated: int = 0


class Sources:
    """The tables and files of one declaration; the database is opened when the first table is asked for."""

    def __init__(self, stack: ExitStack, url_env: str | None, project: Path, environ: Mapping[str, str]) -> None:
        self._stack, self._url_env, self._project, self._environ = stack, url_env, project, environ
        self._database: SqlDatabase | None = None

    def read(
        self, place: Place, columns: Columns, during: During | None = None, related: Related | None = None
    ) -> Rows:
        """Read rows of a place, those of a window where `during` is given.

        Raises:
            WrongUse: the table, a required column or the environment variable does not exist.
            SourceUnreachable: the database or file did not answer.
        """
        if place.path is not None:
            from gov_pipelines.decisions.files import read_files  # noqa: PLC0415  (only what the place needs)

            return read_files(place, columns, during, self._project)
        if self._database is None:
            if self._url_env is None:
                raise WrongUse(
                    f"`table: {place.name}` names a database table, but the source is files. Declare `path` instead."
                )
            from gov_pipelines.decisions.sql import SqlDatabase, connected  # noqa: PLC0415  (SQLAlchemy only for tables)

            opened = connected(self._url_env, self._project, self._environ)
            self._database = SqlDatabase(self._stack.enter_context(opened))
        return self._database.read(place, columns, during, related)


@contextmanager
def open_sources(url_env: str | None, *, project: Path, environ: Mapping[str, str]) -> Iterator[Sources]:
    """Open the sources of a declaration for reading; one database transaction, so that all tables show one state.

    Args:
        url_env: the environment variable that holds the SQLAlchemy URL; None where there are only files.
        project: the folder that relative paths start from.
        environ: the environment, read for `url_env` alone.
    """
    with ExitStack() as stack:
        yield Sources(stack, url_env, project, environ)
