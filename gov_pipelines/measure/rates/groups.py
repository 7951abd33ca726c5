"""Groups of people as the tally counts them: by attribute, by intersection, among the rows of a stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.rates.confusion import CELLS, RATES, Key, confusion
from gov_pipelines.measure.rates.overrides import HANDLING, MOVES, handling


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions about one group.

    Attributes:
        attributes: the columns that define it.
        key: one value an attribute; None where unknown.
        favorable: the numerator of the rate that is measured: decisions that were favorable.
        decided: its denominator: favorable and unfavorable ones; the undecided are left out everywhere.
        undecided: how many those are.
        lacking: decided ones left out too, for they lack what the rate needs: a label, or a proposal.
        of: the name of the rate.
    """

    attributes: tuple[str, ...]
    key: Key
    favorable: int = 0
    decided: int = 0
    undecided: int = 0
    lacking: int = 0
    of: str = "selection_rate"

    @property
    def known(self) -> bool:
        """Whether every attribute has a value."""
        return None not in self.key

    @property
    def rate(self) -> Fraction:
        """The exact rate; nothing decided is an error, not a zero."""
        return Fraction(self.favorable, self.decided)

    @property
    def values(self) -> dict[str, str | None]:
        """Column to value."""
        return dict(zip(self.attributes, self.key, strict=True))

    @property
    def name(self) -> str:
        """Its values alone: `black, female`."""
        return ", ".join(value if value is not None else "unknown" for value in self.key)


def groups_of(tally: Tally, by: Sequence[str], among: Mapping[str, str], rate: str = "selection_rate") -> list[Group]:
    """The groups of an attribute or an intersection, in the order of their values, unknown ones last.

    Combinations of known values that no row has are listed with nothing decided: a group that is not there is a finding.

    Args:
        tally: what was counted.
        by: one attribute, or several for their intersection.
        among: keeps the cells with these values, such as `{credit_history_meets_guidelines: "1"}`.
        rate: one of `RATES` or `HANDLING`, whose numerator and denominator are counted.

    Raises:
        WrongUse: the tally was not counted over one of the columns, or its small cells are merged.
    """
    if rate in HANDLING:
        keys, counts = handling(tally, by, among)
        of = HANDLING[rate]
        x, n = of.of(counts)
        undecided = 0 * n if rate in {"review_rate", "abstain_rate"} else counts[:, 2]
        lacking = 0 * n if rate in {"review_rate", "abstain_rate"} else counts[:, 3] - counts[:, 4:].sum(-1)
    else:
        found = confusion(tally, by, among)
        keys, of, undecided = found.keys, RATES[rate], found.undecided
        x, n = of.of(found.counts)
        lacking = found.unlabelled if of.labelled else 0 * n
    each = zip(keys, x.tolist(), n.tolist(), undecided.tolist(), lacking.tolist(), strict=True)
    return [Group(tuple(by), *values, rate) for values in each]


def examples(rate: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """A decision in the numerator of a rate, and one in its denominator alone: what canonical columns must mean.

    A decision is favorable, unfavorable or undecided, a label positive or negative; what is not named is as it may be.
    """
    if rate in RATES:
        of, kinds = RATES[rate], [{"decision": out} | ({"label": told} if told else {}) for out, told in CELLS]
    else:
        of = HANDLING[rate]
        kinds = [{"reviewed_at": "reviewed"}, {}, {"decision": "undecided"}, {"decision": "favorable"}]
        kinds += [{"proposed_decision": then, "decision": now} for then, now in MOVES]
    return kinds[of.x[-1]], kinds[next(place for place in reversed(of.n) if place not in of.x)]


def _unknown_last(key: Key) -> list[tuple[bool, str]]:
    return [(value is None, value or "") for value in key]


def best_of(groups: Sequence[Group]) -> Group:
    """The group with the highest rate; of equals the largest, then the first by name."""
    return min(groups, key=lambda group: (-group.rate, -group.decided, _unknown_last(group.key)))


def worst_of(groups: Sequence[Group]) -> Group:
    """The group with the lowest rate; of equals the largest, then the first by name."""
    return min(groups, key=lambda group: (group.rate, -group.decided, _unknown_last(group.key)))
