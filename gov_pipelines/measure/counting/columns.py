"""What of a decision log is counted: the names of its columns, and what their values mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gov_pipelines.errors import WrongUse
from gov_pipelines.policy.declaration import SystemDeclaration

_OWN = frozenset({"decision", "outcome", "label", "proposed", "reviewed", "n"})
_OF_WEIGHTS = frozenset({"weight", "weight_squares"})
_OF_MOMENTS = frozenset({"column", "sum", "squares"})
_NUMBERS = ("amount", "score")
_CATEGORIES = ("decision", "model_version", "product")
_FEATURES = ("amount", "product")
_YES, _NO = frozenset({"true", "True", "TRUE", "t", "1"}), frozenset({"false", "False", "FALSE", "f", "0"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a log and the meaning of their values, which are compared as text.

    Attributes:
        decision: holds the decision.
        favorable: decisions that the person wants.
        attributes: protected attributes.
        strata: what else the cells are counted over.
        undecided: decisions that are none yet; a missing one is so too.
        unfavorable: the other decisions; None means every other value.
        label: holds the outcome that matures later.
        label_positive: its values that are positive; every other is negative, a missing one unknown.
        proposed: holds what the system proposed, in the words of `decision`.
        reviewed: has a value where a person reviewed.
        score: holds the model's score.
        weight: holds how many a row stands for.
        numbers: columns whose histogram is counted.
        categories: columns whose values are counted.
        moments: numbers whose sums are counted in each cell.
        pairs: features whose values are counted by each attribute.
    """

    decision: str
    favorable: frozenset[str]
    attributes: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    undecided: frozenset[str] = frozenset()
    unfavorable: frozenset[str] | None = None
    label: str | None = None
    label_positive: frozenset[str] = frozenset()
    proposed: str | None = None
    reviewed: str | None = None
    score: str | None = None
    weight: str | None = None
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        own = _OWN | _OF_WEIGHTS | (_OF_MOMENTS if self.moments else set())
        if taken := own.intersection(self.dimensions):
            names = ", ".join(sorted(taken))
            raise WrongUse(f"no protected attribute or stratum can be called {names}: the tally's own columns are")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What the cells are counted over: protected attributes, then strata."""
        return tuple(dict.fromkeys([*self.attributes, *self.strata]))

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        single = (self.decision, self.label, self.proposed, self.reviewed, self.score, self.weight)
        many = (*self.dimensions, *self.numbers, *self.categories, *self.moments, *self.pairs)
        return tuple(dict.fromkeys([*(name for name in single if name is not None), *many]))


def columns_of(
    declaration: SystemDeclaration, present: Iterable[str], moments: Iterable[str] = (), *, scored: bool = False
) -> Columns:
    """What is counted of a declared system's log: what it declares, and of the canonical columns those that are there.

    Args:
        declaration: names attributes, strata, fields, outcomes and the label.
        present: the columns of the log.
        moments: numbers whose sums are wanted.
        scored: whether scores are wanted by group, which takes more room than all else.
    """
    there = frozenset(present)

    def counted(kind: str, canonical: Iterable[str]) -> tuple[str, ...]:
        declared = {name for name, field in declaration.fields.items() if field.type == kind}
        return tuple(sorted(declared | there.intersection(canonical)))

    outcomes, label = declaration.outcomes, declaration.label
    return Columns(
        decision="decision",
        favorable=frozenset(outcomes.favorable),
        unfavorable=frozenset(outcomes.unfavorable),
        undecided=frozenset(outcomes.undecided),
        attributes=tuple(declaration.protected_attributes),
        strata=tuple(declaration.strata),
        label="label" if label and "label" in there else None,
        label_positive=_texts(label.positive) if label else frozenset(),
        proposed="proposed_decision" if "proposed_decision" in there else None,
        reviewed="reviewed_at" if "reviewed_at" in there else None,
        score="score" if scored and "score" in there else None,
        numbers=counted("number", _NUMBERS),
        categories=counted("category", _CATEGORIES),
        moments=tuple(sorted({*moments})),
        pairs=tuple(
            sorted({*declaration.fields, *there.intersection(_FEATURES)} - {*declaration.protected_attributes})
        ),
    )


def _texts(value: bool | int | str) -> frozenset[str]:
    """A declared value as logs write it: databases and files differ in how they write what is true."""
    return (_YES if value else _NO) if isinstance(value, bool) else frozenset({str(value)})
