"""Which tables and columns a database has, through SQLAlchemy."""

from __future__ import annotations

import warnings

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SAWarning

from gov_pipelines.decisions.places import Place
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy import did_you_mean


class Tables:
    """Tables by name, each reflected once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._known: dict[str, sa.Table] = {}

    def of(self, place: Place) -> sa.Table:
        """The table of a place.

        Raises:
            WrongUse: there is none, with the nearest name that there is.
        """
        if place.name not in self._known:
            schema, _, name = place.name.rpartition(".")
            with warnings.catch_warnings():
                # A type that SQLAlchemy does not know is read as the database writes it: nothing to warn of.
                warnings.simplefilter("ignore", SAWarning)
                try:
                    self._known[place.name] = sa.Table(
                        name, sa.MetaData(), schema=schema or None, autoload_with=self._connection, resolve_fks=False
                    )
                except NoSuchTableError:
                    raise WrongUse(no_table(place, self._named(schema or None))) from None
        return self._known[place.name]

    def _named(self, schema: str | None) -> list[str]:
        found = sa.inspect(self._connection)
        return [*found.get_table_names(schema), *found.get_view_names(schema)]

    def is_view(self, table: sa.Table) -> bool:
        """Whether it is a view."""
        return table.name in sa.inspect(self._connection).get_view_names()


def no_table(place: Place, known: list[str]) -> str:
    """What to say of a table that is not there."""
    return f"The database has no table `{place.name}`. {did_you_mean(place.name.rpartition('.')[2], known)}"


def numbered(table: sa.Table) -> list[sa.ColumnElement[object]]:
    """The table's key where that is one whole number, which rises as rows are written."""
    key = list(table.primary_key)
    return [key[0]] if len(key) == 1 and isinstance(key[0].type, sa.Integer) else []
