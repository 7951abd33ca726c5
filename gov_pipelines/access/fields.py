"""The fields of a declaration: which may be read, how a log spells them, and in which columns of the database they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gov_pipelines.decisions import REVIEW
from gov_pipelines.policy import SystemDeclaration
from gov_pipelines.policy.declaration import Joined
from gov_pipelines.policy.kinds import DataAccess

_ALWAYS = ("decision_id", "decided_at")


def declared_fields(declaration: SystemDeclaration, control: DataAccess | None) -> list[str]:
    """What the system declares that it reads; where its intake names nothing, what the control permits."""
    permitted = control.may_read if control is not None else None
    return declaration.intake.may_read or permitted or []


def declared_outside(declaration: SystemDeclaration, control: DataAccess | None) -> list[str]:
    """The declared fields that the control does not permit: not in its `may_read`, where it has one, or in `never`."""
    if control is None:
        return []
    never = spellings(declaration, control.never)
    permitted = None if control.may_read is None else spellings(declaration, control.may_read)
    return [
        name
        for name in declared_fields(declaration, control)
        if (said := spellings(declaration, [name])) & never or (permitted is not None and not said & permitted)
    ]


def allowed_fields(declaration: SystemDeclaration, control: DataAccess | None) -> list[str]:
    """The fields both declared and permitted: the most that may be granted or read."""
    outside = declared_outside(declaration, control)
    return [name for name in declared_fields(declaration, control) if name not in outside]


def spellings(declaration: SystemDeclaration, names: Iterable[str]) -> set[str]:
    """Each name as the log calls it, as the source calls it, and as its own table does, in lower case."""
    known = {name: {column for _, column in _places(declaration, name)} for name in _canonical(declaration)}
    spelt = set()
    for name in names:
        spelt |= {name, *(column for _, column in _places(declaration, name))}
        spelt |= {canonical for canonical, columns in known.items() if name in columns}
    return {name.lower() for name in spelt}


def technical(declaration: SystemDeclaration) -> set[str]:
    """Ids and times, as a log spells them: no read of a decision can do without them."""
    return {one.key.lower() for one in _joined(declaration) if one.key} | spellings(declaration, _ALWAYS)


def columns_of(declaration: SystemDeclaration, fields: Sequence[str]) -> list[tuple[str | None, str]]:
    """The columns that hold some fields, and the id and time that any read needs: table as declared, and column, each once.

    The table is None where the source is files: then no table is declared, and the name alone counts.
    """
    found = [place for name in (*_ALWAYS, *fields) for place in _places(declaration, name)]
    tables = {table for table, _ in found}
    found += [(one.table, one.key) for one in _joined(declaration) if one.key and one.table and one.table in tables]
    return list(dict.fromkeys(found))


def keys_of(declaration: SystemDeclaration) -> list[tuple[str | None, str]]:
    """The keys of joined tables, which name decisions and tell nothing else."""
    return [(one.table, one.key) for one in _joined(declaration) if one.key]


def tables_of(declaration: SystemDeclaration) -> list[str]:
    """The tables that a declaration names, each once."""
    access = declaration.access_log
    named = [declaration.source.table, *(one.table for one in _joined(declaration)), access.table if access else None]
    return list(dict.fromkeys(table for table in named if table))


def _joined(declaration: SystemDeclaration) -> list[Joined]:
    joined: list[Joined | None] = [*declaration.protected_attributes.values(), declaration.reviews, declaration.label]
    return [one for one in joined if one and one.url_env in {None, declaration.source.url_env}]  # of no other database


def _canonical(declaration: SystemDeclaration) -> set[str]:
    reviewed = declaration.reviews.columns if declaration.reviews else ()
    return {*declaration.columns, *declaration.protected_attributes, *reviewed}


def _places(declaration: SystemDeclaration, name: str) -> Iterator[tuple[str | None, str]]:
    attribute, reviews = declaration.protected_attributes.get(name), declaration.reviews
    source = declaration.columns.get(name, name)
    if attribute is not None:
        yield attribute.table or declaration.source.table, attribute.column or source
    elif reviews is not None and name in REVIEW:
        yield reviews.table or declaration.source.table, reviews.columns.get(name, source)
    else:
        yield declaration.source.table, source
