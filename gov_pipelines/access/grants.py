"""What a role can really read in a PostgreSQL database, from its catalogs.

Whether a column can be read is asked of PostgreSQL itself (`has_column_privilege` and its kin) for every role that the
role can act as; the access control lists only explain by which route. The catalogs are open to every account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from gov_pipelines.access import catalogs
from gov_pipelines.access.privileges import Grant, Privileges
from gov_pipelines.access.roles import Membership, identities, joined
from gov_pipelines.decisions.connecting import Database, connected  # apart: files are read without SQLAlchemy

_READS_FILES = ("pg_read_server_files", "pg_execute_server_program")
_VIEWS = ("v", "m")


def read_privileges(
    url_env: str, role: str, *, project: Path, environ: Mapping[str, str], named: Collection[str] = ()
) -> Privileges | None:
    """Everything that a role can read, with the routes; None where the database is no PostgreSQL.

    Args:
        url_env: the environment variable that holds the SQLAlchemy URL; any account that may connect will do.
        role: the role, as PostgreSQL spells it.
        project: the folder that a relative SQLite path starts from.
        environ: the environment.
        named: declared tables, `table` or `schema.table`. One that is a view is taken at its word, not seen through.

    Raises:
        WrongUse: the variable is not set, is no SQLAlchemy URL, or needs a driver that is not installed.
        SourceUnreachable: the database did not answer.
    """
    database = Database(url_env, project, environ)
    if database.url.get_backend_name() != "postgresql":
        return None
    with connected(database) as connection:
        return _privileges(_Catalog(connection), role, named)


class _Catalog:
    """Rows of the catalogs, by the queries in `catalogs`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.version = int(str(connection.scalar(sa.text("SELECT current_setting('server_version_num')"))))

    def rows(self, query: str, **values: Any) -> Sequence[Any]:
        return self._connection.execute(sa.text(query), values).all()

    def memberships(self) -> list[Membership]:
        query = catalogs.MEMBERSHIPS if self.version >= 160000 else catalogs.MEMBERSHIPS_BEFORE_16
        return [Membership(*row) for row in self.rows(query)]


@dataclass(frozen=True, slots=True)
class _Relation:
    """A table or view, as `catalogs.RELATIONS` tells it after its `columns`, by number, and its ancestors, `under`."""

    columns: Mapping[int, str]
    under: tuple[tuple[str, str], ...]
    schema: str
    name: str
    kind: str
    owner: str
    invoker: bool
    row_security: bool
    whole_rows: bool
    calls: bool

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """A role, what it holds in each role that it can act as, with the ways there, and the attributes of all roles."""

    catalog: _Catalog
    role: str
    acting: Mapping[str, Mapping[str, str]]
    roles: Mapping[str, Any]

    @property
    def held(self) -> dict[str, str]:
        """Every role whose privileges it can use, and the way there."""
        return {name: way for privileges in self.acting.values() for name, way in privileges.items()}

    def everything(self, actor: str) -> Iterator[str]:
        """What lets it read every table as an actor."""
        held = self.acting[actor]
        if self.roles[actor].rolsuper:
            yield joined(f"{actor} is a superuser", held[actor])
        if "pg_read_all_data" in held:
            yield joined("pg_read_all_data", held["pg_read_all_data"])

    def later(self) -> Iterator[Grant]:
        """What tables made tomorrow would grant; those the role makes itself are its own."""
        if everything := dict.fromkeys(words for actor in self.acting for words in self.everything(actor)):
            yield Grant("*", "*", "*", tuple(everything))
        usable = {schema for (schema,) in self.catalog.rows(catalogs.USABLE_SCHEMAS, actors=sorted(self.acting))}
        routes: dict[str, list[str]] = defaultdict(list)
        for owner, schema, grantee in self.catalog.rows(catalogs.DEFAULT_PRIVILEGES):
            ways = [held[grantee] for held in self.acting.values() if grantee in held] if grantee else [""]
            if owner != self.role and ways and (schema is None or schema in usable):
                way = f"default privilege: what {owner} makes is granted to {grantee or 'PUBLIC'}"
                routes[schema or "*"].append(joined(way, ways[0]))
        for schema, words in sorted(routes.items()):
            yield Grant(schema, "*", "*", tuple(dict.fromkeys(words)))

    def notes(self, seen: Collection[_Relation]) -> Iterator[str]:
        """What cannot be told from grants."""
        actors = sorted(self.held)
        for name, owner in self.catalog.rows(catalogs.DEFINER_FUNCTIONS, actors=actors):
            yield f"{name} may be executed and runs with the rights of {owner}: what it reads cannot be told"
        for relation in sorted(seen, key=lambda one: one.title):
            if relation.kind == "f":
                yield f"{relation.title} is a foreign table: what the server behind it lets through is not compared"
            if relation.row_security:
                yield f"{relation.title} has row-level security: it may limit the rows, never the columns"
        for (name,) in self.catalog.rows(catalogs.EXTENSION_RELATIONS, actors=actors):
            yield f"{name} belongs to an extension and is not compared"
        for actor, way in self.held.items():  # powers that no comparison of columns can bound
            if actor in _READS_FILES:
                yield joined(f"{actor} reads the server's files past every grant", way)
            if self.roles[actor].rolreplication:
                yield joined(f"{actor} may replicate, which copies everything past every grant", way)
            if self.roles[actor].rolcreaterole and self.catalog.version < 160000:
                yield joined(f"{actor} may grant itself any role (CREATEROLE before PostgreSQL 16)", way)


def _privileges(catalog: _Catalog, role: str, named: Collection[str]) -> Privileges:
    ((schema,),) = catalog.rows("SELECT coalesce(current_schema(), 'public')")
    roles = {row.rolname: row for row in catalog.rows(catalogs.ROLES)}
    if role not in roles:
        return Privileges(role, exists=False, schema=schema)
    ways = identities(role, catalog.memberships())
    # To become a role whose privileges one has anyway gives its attributes alone.
    redundant = {actor for actor in ways if actor != role and actor in ways[role] and not roles[actor].rolsuper}
    acting = {actor: held for actor, held in ways.items() if actor not in redundant}
    relations = _relations(catalog)
    owners = {relation.owner for relation in relations.values() if relation.kind in _VIEWS}
    selectable = catalog.rows(catalogs.SELECTABLE, actors=sorted(acting.keys() | owners))
    readable = sorted((actor, oid, number) for actor, oid, number, usable in selectable if usable and actor in acting)
    reader = _Reader(catalog, role, acting, roles)
    routes = _Routes(reader, relations)
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for actor, oid, number in readable:
        if oid in relations and number in relations[oid].columns:
            found[oid, number] += routes.to(actor, oid, number)
    may = {(actor, oid, number) for actor, oid, number, _ in selectable}
    views = _Views(catalog, relations, may, {_full(name, schema) for name in named})
    below = views.seen_through({(actor, oid): None for actor, oid, _ in readable if oid in relations}, role)
    grants = [_grant(relations[oid], number, words, views.through(oid)) for (oid, number), words in found.items()]
    grants += [_grant(relations[oid], number, words) for (oid, number), words in below.items()]
    return Privileges(
        role,
        exists=True,
        schema=schema,
        columns=_merged(grants),
        later=tuple(reader.later()),
        notes=tuple(reader.notes({oid: relations[oid] for oid, _ in (*found, *below)}.values())),
    )


def _full(name: str, schema: str) -> tuple[str, str]:
    before, _, table = name.rpartition(".")
    return before or schema, table


def _relations(catalog: _Catalog) -> dict[int, _Relation]:
    columns: dict[int, dict[int, str]] = defaultdict(dict)
    for oid, number, name in catalog.rows(catalogs.COLUMNS):
        columns[oid][number] = name
    rows = {oid: values for oid, *values in catalog.rows(catalogs.RELATIONS)}
    titles = {oid: (schema, name) for oid, (schema, name, *_) in rows.items()}
    parents = defaultdict(list)
    for child, parent in catalog.rows(catalogs.INHERITANCE):
        if parent in rows:
            parents[child].append(parent)
    return {
        oid: _Relation(columns[oid], tuple(titles[each] for each in _ancestors(oid, parents)), *values)
        for oid, values in rows.items()
    }


def _ancestors(oid: int, parents: Mapping[int, list[int]]) -> list[int]:
    found = list(parents.get(oid, ()))
    for parent in found:
        found += [each for each in parents.get(parent, ()) if each not in found]
    return found


def _grant(relation: _Relation, number: int, routes: Iterable[str], through: bool = False) -> Grant:
    return Grant(relation.schema, relation.name, relation.columns[number], (*routes,), relation.under, through)


def _merged(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """One grant a column, with all its routes; what stands for itself on one of them does so on all."""
    merged: dict[str, Grant] = {}
    for grant in grants:
        before = merged.get(grant.name, replace(grant, routes=()))
        routes = tuple(dict.fromkeys((*before.routes, *grant.routes)))
        merged[grant.name] = replace(grant, routes=routes, through=grant.through and before.through)
    return tuple(sorted(merged.values(), key=lambda one: (one.schema, one.relation, one.column)))


class _Routes:
    """Why a column can be read: ownership, a grant on table or column to whom, or a privilege over everything."""

    def __init__(self, reader: _Reader, relations: Mapping[int, _Relation]) -> None:
        self._reader, self._relations = reader, relations
        self._granted = defaultdict(list)
        for oid, number, grantee in reader.catalog.rows(catalogs.GRANTED):
            self._granted[oid, number].append(grantee)

    def to(self, actor: str, oid: int, number: int) -> list[str]:
        """The routes to a column that the actor can read."""
        relation, held = self._relations[oid], self._reader.acting[actor]
        words = list(self._reader.everything(actor))
        if relation.owner in held:
            words.append(joined(f"owned by {relation.owner}", held[relation.owner]))
        for part, what in ((0, _KINDS[relation.kind]), (number, "column")):
            for grantee in self._granted[oid, part]:
                if grantee is None:
                    words.append(f"granted to PUBLIC on the {what}")
                elif grantee in held and grantee != relation.owner:
                    words.append(joined(f"granted to {grantee} on the {what}", held[grantee]))
        return words or [joined("for a reason the catalogs do not show", held[actor])]


_KINDS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}


class _Views:
    """What stands below a view: its rule's columns, read with the rights of its owner, or of the reader where it says so."""

    def __init__(
        self,
        catalog: _Catalog,
        relations: Mapping[int, _Relation],
        may: Collection[tuple[str, int, int]],
        named: Collection[tuple[str, str]],
    ) -> None:
        self._relations, self._may, self._named = relations, may, named
        self._read: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for view, oid, number in catalog.rows(catalogs.READ_BY_RULES):
            if view in relations and oid in relations:
                whole = relations[view].whole_rows
                numbers = relations[oid].columns if whole else [number] * (number in relations[oid].columns)
                self._read[view] |= {(oid, each) for each in numbers}

    def _is_seen_through(self, oid: int) -> bool:
        relation = self._relations[oid]
        return relation.kind in _VIEWS and (relation.schema, relation.name) not in self._named and bool(self._read[oid])

    def through(self, oid: int) -> bool:
        """Whether the columns below tell all that the view shows; a function in its rule may show more."""
        return self._is_seen_through(oid) and not self._relations[oid].calls

    def seen_through(self, readable: Iterable[tuple[str, int]], role: str) -> dict[tuple[int, int], list[str]]:
        """The columns below every view that is read, with the way to each."""
        found: dict[tuple[int, int], list[str]] = defaultdict(list)
        for actor, oid in readable:
            if not self._is_seen_through(oid):
                continue
            way = "" if actor == role else f"as {actor}"
            for column, words in self._below(oid, actor, ()):
                found[column].append(joined(words, way))
        return found

    def _below(self, view: int, reader: str | None, above: tuple[str, ...]) -> Iterator[tuple[tuple[int, int], str]]:
        """The columns that a view shows to a reader; None below a materialized view, whose rows are stored for anyone.

        A view that asks for its reader's rights asks for them also where another view reads it.
        """
        relation = self._relations[view]
        reader = None if relation.kind == "m" else reader
        rights = reader if relation.invoker or reader is None else relation.owner
        trail = (*above, f"{_KINDS[relation.kind]} {relation.title}")
        whose = f" with the rights of {rights}" if rights is not None else ""
        shown = sorted(one for one in self._read[view] if rights is None or (rights, *one) in self._may)
        for column in shown:
            yield column, f"through {' over '.join(trail)}{whose}"
        for oid in sorted({oid for oid, _ in shown}):
            if self._is_seen_through(oid):
                yield from self._below(oid, reader, trail)
