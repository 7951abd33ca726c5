"""What of the log lies beside the decisions, in other tables or files: protected attributes, reviews and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gov_pipelines.decisions.places import Columns, Place
from gov_pipelines.policy import SystemDeclaration

REVIEW = ("reviewer", "reviewer_role", "reviewed_at", "review_outcome")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of the log that lie beside the decisions.

    Attributes:
        place: where.
        key: the column that holds the decision's id; None where it is called as in the source.
        columns: by their names in the log.
        optional: those of them that the place need not have.
    """

    place: Place
    key: str | None
    columns: Mapping[str, str]
    optional: frozenset[str] = frozenset()

    def reading(self, key: str) -> Columns:
        """What to ask the place for."""
        parts = [
            [column for name, column in self.columns.items() if (name in self.optional) is rest]
            for rest in (False, True)
        ]
        return Columns([key, *parts[0]], parts[1])


def beside(declaration: SystemDeclaration) -> list[Wanted]:
    """Everything, in the order in which it is read."""
    kept, apart = declaration.attributes_in_log, declaration.attributes_apart
    parts = (attributes(declaration, kept), reviews(declaration), labels(declaration), attributes(declaration, apart))
    return [each for part in parts for each in part]


def attributes(declaration: SystemDeclaration, names: Iterable[str]) -> list[Wanted]:
    """What to read where for some protected attributes; those of the decisions' own rows are none of it."""
    together: dict[tuple[Place, str | None], dict[str, str]] = {}
    for name in names:
        attribute = declaration.protected_attributes[name]
        if place := Place.of(attribute):
            together.setdefault((place, attribute.key), {})[name] = attribute.column or name
    return [Wanted(place, key, columns) for (place, key), columns in together.items()]


def reviews(declaration: SystemDeclaration) -> list[Wanted]:
    """Where reviews lie; nowhere where the decisions' own rows have them."""
    declared, place = declaration.reviews, Place.of(declaration.reviews)
    if declared is None or place is None:
        return []
    optional = frozenset(REVIEW) - declared.columns.keys() - {"reviewed_at"}
    return [Wanted(place, declared.key, {name: declared.columns.get(name, name) for name in REVIEW}, optional)]


def labels(declaration: SystemDeclaration) -> list[Wanted]:
    """Where labels lie; nowhere where the decisions' own rows have them."""
    declared, place = declaration.label, Place.of(declaration.label)
    if declared is None or place is None:
        return []
    columns = {"label": declared.column, "label_at": declared.at or "label_at"}
    return [Wanted(place, declared.key, columns, frozenset() if declared.at else frozenset({"label_at"}))]
