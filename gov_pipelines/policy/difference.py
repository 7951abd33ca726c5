"""What became stricter or laxer between two policies, field by field, in words.

Stricter: whatever failed, was outside or was owed before is so still, and more may be. Laxer is the mirror image. Where
neither can be told for certain (another window, another reference, another metric) the field has changed, no more. That
corrections for many comparisons grow with the number of groups compared is left out of account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from math import inf
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel

from gov_pipelines.policy.declaration import ApprovedModel as ModelApproval
from gov_pipelines.policy.declaration import MayDecide, Range
from gov_pipelines.policy.document import Applies, Clause, InForce, Policy
from gov_pipelines.policy.durations import Duration, Window
from gov_pipelines.policy.kinds import Test
from gov_pipelines.policy.reasoning import space_of_any, survey
from gov_pipelines.policy.timeline import on_fail_of

Direction = Literal["stricter", "laxer", "added", "removed", "changed", "reworded"]
Tendency = int | None  # 1 stricter, -1 laxer, 0 the same in effect, None not to be told
Compare = Callable[[Any, Any], Tendency]
_WORDS: Mapping[Tendency, Direction] = {1: "stricter", -1: "laxer", 0: "reworded", None: "changed"}
_IN_WORDS = {
    "changed": "changed, and which of the two is stricter cannot be told",
    "reworded": "says the same in other words",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        clause: its id; None where the policy as a whole is meant.
        field: what differs, such as `control.at_least`.
        direction: what the difference does.
        old: what stood there, as a person would read it; None where nothing did.
        new: what stands there.
    """

    clause: str | None
    field: str
    direction: Direction
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """One sentence."""
        who = self.clause or "The policy"
        if self.direction in {"added", "removed"}:
            said = f"{who}: {self.field} is {'new' if self.direction == 'added' else 'gone'}: {self.new or self.old}"
        else:
            words = _IN_WORDS.get(self.direction, f"is {self.direction}")
            said = f"{who} {words}: {self.field} is {self.new or 'not given'}, was {self.old or 'not given'}"
        return said if said.endswith(".") else f"{said}."


def differences(old: Policy, new: Policy) -> list[Change]:
    """Every difference in effect between two policies: the policy's own first, then clauses in the order of the new one."""
    found = _fields(None, "", old, new, _of_policy(same=old.version == new.version))
    before, after = ({clause.id: clause for clause in policy.clauses} for policy in (old, new))
    for name in dict.fromkeys([*after, *before]):
        if name not in before:
            found.append(Change(name, "the clause", "added", None, after[name].text))
        elif name not in after:
            found.append(Change(name, "the clause", "removed", before[name].text, None))
        else:
            found += clause_differences(before[name], after[name])
    return found


def clause_differences(old: Clause, new: Clause) -> Iterator[Change]:
    """Every difference in effect between two clauses."""
    yield from _fields(new.id, "", old, new, _CLAUSE)
    for name in ("control", "obligation"):
        one, other = getattr(old, name), getattr(new, name)
        if one is None and other is None:
            continue
        if one is None or other is None:
            yield Change(new.id, name, "added" if one is None else "removed", _said(one), _said(other))
        elif name == "obligation":
            yield from _fields(new.id, "obligation.", one, other, _OBLIGATION)
        elif one.kind != other.kind:
            yield Change(new.id, name, "changed", _said(one), _said(other))
        else:
            yield from _fields(new.id, "control.", one, other, _COMMON | _KINDS[one.kind])


def _fields(
    clause: str | None, prefix: str, old: BaseModel, new: BaseModel, table: Mapping[str, Compare]
) -> list[Change]:
    found = []
    for name, compare in table.items():
        one, other = (on_fail_of(each) if name == "on_fail" else getattr(each, name) for each in (old, new))  # type: ignore[arg-type]  # only controls have an on_fail
        if one != other:
            alias = type(new).model_fields[name].alias or name
            found.append(Change(clause, prefix + alias, _WORDS[compare(one, other)], _said(one), _said(other)))
    return found


def _said(value: Any) -> str | None:
    if value is None or value in ([], {}):
        return None
    match value:
        case str() | Duration() | Window() | date():
            return str(value)
        case BaseModel():
            return _said(value.model_dump(mode="json", by_alias=True, exclude_unset=True))
        case tuple() | list():
            return f"[{', '.join(_said(each) or 'null' for each in value)}]"
        case dict():
            return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    return json.dumps(value)


def _all(tendencies: Iterable[Tendency]) -> Tendency:
    """What several differences come to: their common direction, if they have one."""
    seen = set(tendencies) - {0}
    return 0 if not seen else next(iter(seen)) if len(seen) == 1 else None


def _untold(old: Any, new: Any) -> Tendency:
    del old, new
    return None


def _rank(order: Sequence[Any], old: Any, new: Any) -> Tendency:
    """Laxest first."""
    one, other = order.index(old), order.index(new)
    return (other > one) - (other < one)


def _higher(old: float | None, new: float | None) -> Tendency:
    one, other = (-inf if limit is None else limit for limit in (old, new))
    return (other > one) - (other < one)


def _lower(old: float | None, new: float | None) -> Tendency:
    one, other = (inf if limit is None else limit for limit in (old, new))
    return (other < one) - (other > one)


def _more(old: Sequence[Any], new: Sequence[Any]) -> Tendency:
    one, other = ({json.dumps(_plain(each), sort_keys=True) for each in entries} for entries in (old, new))
    return 0 if one == other else 1 if one < other else -1 if other < one else None


def _plain(entry: Any) -> Any:
    if isinstance(entry, BaseModel):
        return entry.model_dump(mode="json")
    return sorted(entry) if isinstance(entry, list) else str(entry)


def _fewer(old: Sequence[Any] | None, new: Sequence[Any] | None) -> Tendency:
    """None allows all."""
    if old is None or new is None:
        return (old is None) - (new is None)
    return _more(new, old)


def _given(compare: Compare, old: Any, new: Any) -> Tendency:
    """Where one of two is empty the declaration, or another shape, stands in for it."""
    return compare(old, new) if old and new else None


def _shorter(old: Duration | None, new: Duration | None) -> Tendency:
    if old is None or new is None:
        return 1 if old is None else -1
    if old.unit == new.unit:
        return _lower(old.count, new.count)
    (least, most), (low, high) = _hours(old), _hours(new)
    return 1 if high < least else -1 if most < low else None


def _hours(span: Duration) -> tuple[float, float]:
    """The fewest and the most hours a clock of this length may run: to the end of its last day, and over a clock change."""
    if span.unit == "hours":
        return span.count, span.count
    low, high = {"days": (24, 24), "working days": (24, inf), "months": (672, 744), "years": (8760, 8784)}[span.unit]
    return low * span.count - 1, high * (span.count or 1) + 25


def _narrower(old: Range | None, new: Range | None) -> Tendency:
    (low, high), (least, most) = old or (None, None), new or (None, None)
    return _all([_higher(low, least), _lower(high, most)])


def _ranges(old: Mapping[str, Range], new: Mapping[str, Range]) -> Tendency:
    return _all(_narrower(old.get(name), new.get(name)) for name in {*old, *new})


def _scope(old: MayDecide, new: MayDecide) -> Tendency:
    amounts = (each.amount.up_to if each.amount else None for each in (old, new))
    roles = _rank(("decides", "recommends"), old.role, new.role)
    return _all([_fewer(old.products, new.products), _lower(*amounts), roles])


def _models(old: Sequence[ModelApproval], new: Sequence[ModelApproval]) -> Tendency:
    within = all(any(includes(one, other) for one in old) for other in new)
    around = all(any(includes(other, one) for other in new) for one in old)
    return within - around if within or around else None


def includes(allowed: ModelApproval, model: ModelApproval) -> bool:
    """Whether an approval covers another: the same version, on every day the other one names."""
    starts_later = allowed.approved_from <= model.approved_from
    ends_sooner = (model.approved_until or date.max) <= (allowed.approved_until or date.max)
    return allowed.version == model.version and starts_later and ends_sooner


def _test(old: Test | str, new: Test | str) -> Tendency:
    """`none` fails on the bare point, so a test can only fail less often."""
    if not isinstance(old, Test) or not isinstance(new, Test):
        return -1 if isinstance(new, Test) else 1
    against = 0 if old.against == new.against else None
    orders = (("bonferroni", "holm", "bh"), ("by", "bh"))  # `by` may fail more or less often than the first two
    adjust = next((_rank(each, old.adjust, new.adjust) for each in orders if {old.adjust, new.adjust} <= {*each}), None)
    over = _rank(("year", "night"), old.error_over, new.error_over)
    return _all([against, _lower(old.confidence, new.confidence), adjust, over])


def _wider(old: str | Applies | None, new: str | Applies | None) -> Tendency:
    """A condition that more decisions meet is stricter; none at all means every decision."""
    one, other = (each.when if isinstance(each, Applies) else each for each in (old, new))
    return _implied(one, other)


def _stronger(old: str, new: str) -> Tendency:
    """A rule that fewer decisions meet is stricter."""
    return _implied(new, old)


def _implied(old: str | None, new: str | None) -> Tendency:
    """1 where every decision that meets the old one meets the new one, null counting between false and true."""
    rules = [rule for rule in (old, new) if rule is not None]
    found = survey(rules, space_of_any(rules))
    if found is None:
        return None
    truth = found.select(pl.col(r"^#\d$").cast(pl.Int8).replace({1: 2}).fill_null(1))
    always = pl.Series([2] * found.height)
    one = truth["#0"] if old is not None else always
    other = truth.to_series(-1) if new is not None else always
    grows, shrinks = bool((other > one).any()), bool((other < one).any())
    return None if grows and shrinks else grows - shrinks


def _in_force(old: InForce, new: InForce, *, same: bool) -> Tendency:
    """One version in force for longer asks more; of two versions each has its own time."""
    if not same:
        return None
    ends = ((each.until or date.max).toordinal() for each in (old, new))
    return _all([_lower(old.from_.toordinal(), new.from_.toordinal()), _higher(*ends)])


def _of_policy(*, same: bool) -> Mapping[str, Compare]:
    return {
        "policy": _untold,
        "in_force": partial(_in_force, same=same),
        "owner": _untold,
        "document": _untold,
        "holidays": _fewer,  # a working-day clock runs on the other days
    }


_CLAUSE: Mapping[str, Compare] = {
    "text": _untold, "level": _untold, "applies": _wider, "source": _untold, "tags": _untold,
    "retention": _untold,
}  # fmt: skip
_OBLIGATION: dict[str, Compare] = {
    "who": _untold,
    "every": _shorter,
    "first_due": partial(_given, lambda old, new: _lower(old.toordinal(), new.toordinal())),
    "evidence": _untold,
    "escalate": _more,
    "tools": partial(_given, _fewer),
    "never": partial(_given, _more),
}
_COMMON: dict[str, Compare] = {
    "on_fail": partial(_rank, ("alert", "hold_decision", "hold_all", "suspend")),
    "approver": _untold,
    "severity": partial(_rank, ("info", "warning", "critical")),
    "notify": _more,
    "window": _untold,
    "incident": partial(_rank, (None, "serious", "death", "widespread")),
}
_KINDS: Mapping[str, dict[str, Compare]] = {
    "access_pattern": {
        "watch": _more, "reference": _untold, "at_most_new": _lower, "reads": _narrower, "usual": _more,
        "one_false_alarm_in": _lower,
    },
    "approved_model": {"models": partial(_given, _models)},
    "data_access": {"may_read": _fewer, "never": _more},
    "deadline": {"from_": _untold, "to": _untold, "within": _shorter, "when": _wider},
    "decision_rule": {"must": _stronger, "when": _wider},
    "decision_scope": {"may_decide": partial(_given, _scope)},
    "drift": {
        "metric": _untold, "of": _more, "per": _untold, "at_most": _lower, "reference": _untold, "bins": _untold,
        "min_group_size": _lower, "test": _test,
    },
    "expectation": {"expect": _untold, "arguments": _untold},
    "fairness": {
        "metric": _untold, "by": partial(_given, _more), "at_least": _higher, "at_most": _lower, "test": _test,
        "min_group_size": _lower, "reference": _untold, "among": _untold, "over": _untold, "of": _untold,
        "denominator": _untold, "availability": _untold,
    },
    "freshness": {"of": _untold, "within": _shorter},
    "human_review": {
        "when": partial(_given, _wider), "role": _untold,
        "before": lambda old, new: None if old and new else 1 if new else -1,
    },
    "log_quality": {"metric": _untold, "of": _more, "at_most": _lower},
    "operating_range": {
        "ranges": partial(_given, _ranges), "usual": partial(_given, _more), "new": partial(_given, _more),
        "reference": _untold, "one_false_alarm_in": _lower,
    },
}  # fmt: skip
