"""Fields that a system must not use, also under another spelling, a common other name, or the source's own name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.predicates import PredicateError, parse_predicate
from gov_pipelines.policy.reasoning import space_of

# What is commonly called by several names, spelled without signs. Exact names only: a proxy found by likeness is a guess.
_CALLED = {
    called: names[0]
    for names in (
        ("zip", "zipcode", "postalcode", "postcode", "plz"),
        ("sex", "gender"),
        ("dateofbirth", "birthdate", "birthday", "dob"),
    )
    for called in names
}


def used(name: str, forbidden: Iterable[str], declaration: SystemDeclaration) -> str | None:
    """Which of the forbidden fields a name is, by itself or by the source column behind it; None where it is none."""
    names = {_plain(each) for each in (name, declaration.columns.get(name, name))}
    return next((each for each in forbidden if _plain(each) in names), None)


def _plain(name: str) -> str:
    letters = "".join(filter(str.isalnum, name.lower()))
    return _CALLED.get(letters, letters)


def protected_attribute(name: str, declaration: SystemDeclaration) -> str | None:
    """Which protected attribute a field is, by its name or by its column; None where it is none."""
    for attribute, declared in declaration.protected_attributes.items():
        if used(name, (attribute, declared.column or attribute), declaration):
            return attribute
    return None


def protected_in_rule(text: str, declaration: SystemDeclaration) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule that the system itself must follow: it would have to know what it must not read."""
    for name in _columns_of(text, declaration):
        if attribute := protected_attribute(name, declaration):
            remedy = "Leave it out: the audit compares groups, the system must not know them."
            yield f"reads `{name}`, the protected attribute `{attribute}`", remedy


def used_in_rule(text: str, forbidden: Iterable[str], declaration: SystemDeclaration) -> str | None:
    """The first forbidden field that a rule reads."""
    found = (used(name, forbidden, declaration) for name in _columns_of(text, declaration))
    return next((name for name in found if name), None)


def _columns_of(text: str, declaration: SystemDeclaration) -> list[str]:
    try:
        return sorted(parse_predicate(text, space_of(declaration).schema, zone=declaration.zone).columns)
    except PredicateError:
        return []  # told where the rule stands
