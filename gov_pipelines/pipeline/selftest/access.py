"""Plants for the controls that judge reads: one outside what is declared, and readers, fields or hours that are new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting
from gov_pipelines.policy import SystemDeclaration, log_schema
from gov_pipelines.policy.kinds import AccessPattern, DataAccess

UNDECLARED = "a_field_nobody_declared"
_USUAL_READS = 4


def data_access(setting: Setting) -> Plant:
    """A read of a field that nobody declared, and of each field the clause says is never read."""
    control, declaration = setting.bound.control, setting.declaration
    assert isinstance(control, DataAccess)
    _logged(declaration)
    known = _known_fields(declaration)
    if control.never and control.may_read is None and not known.intersection(name.lower() for name in control.never):
        raise CannotFail(
            f"`never` names {', '.join(control.never)}, which nothing in the declaration is called: "
            "a misspelling would look the same"
        )
    permitted = control.may_read if control.may_read is not None else declaration.intake.may_read
    ordinary = [name for name in (*permitted, "decision_id") if name not in control.never]
    usual = Happened((({}, 1),), tuple(_read(declaration, field=name) for name in ordinary[:_USUAL_READS]))
    outside = [UNDECLARED, *control.never]
    reads = (*usual.reads, *(_read(declaration, field=name) for name in outside))
    days = dict.fromkeys(setting.days, usual)
    planted = MadeUp({**days, setting.partition: Happened(usual.decisions, reads)})
    return Plant([Breach(f"reads of {', '.join(outside)}", [planted], count=len(outside))], MadeUp(days))


def access_pattern(setting: Setting) -> Plant:
    """For each watched column, one value more that is new than may be; and more or fewer reads than ever."""
    control, declaration = setting.bound.control, setting.declaration
    assert isinstance(control, AccessPattern)
    _logged(declaration)
    reference = days_between(control.reference.from_, control.reference.until, setting)
    usual = Happened(
        (({}, 1),), (_read(declaration, field="decision_id", table="decisions", purpose="decide"),) * _USUAL_READS
    )
    days = dict.fromkeys([*reference, *setting.days], usual)
    breaches, unplantable = [], []
    for column in control.watch:
        if column == "hour" and control.new >= 23:
            unplantable.append(f"hour: no day has {control.new + 1} new hours")
            continue
        new = tuple(_new(setting, column, usual.reads[0], number) for number in range(control.new + 1))
        # As many reads as ever, unless more are needed: the number of reads is a breach of its own.
        happened = Happened(usual.decisions, (*usual.reads[: max(_USUAL_READS - len(new), 1)], *new))
        night = MadeUp({**days, setting.partition: happened})
        breaches.append(Breach(f"{control.new + 1} new by {column}", [night], attribute=(column,)))
    low, high = control.reads or (None, None)
    for limit, times in ((low, 0.0), (high, 0.0 if high is None else high + 1)):
        if limit is not None and limit > 0:
            count = max(int(times * _USUAL_READS) + 1, 1)
            night = MadeUp({**days, setting.partition: Happened(usual.decisions, usual.reads[:1] * count)})
            breaches.append(Breach(f"{count} reads instead of {_USUAL_READS}", [night]))
    if not breaches:
        raise CannotFail("; ".join(unplantable) or "it watches nothing")
    return Plant(breaches, MadeUp(days), unplantable)


def days_between(start: date, until: date, setting: Setting) -> list[date]:
    """The days of a reference that can have been audited by the partition.

    Raises:
        CannotFail: not all of them can.
    """
    days = [start + timedelta(days=number) for number in range((until - start).days)]
    there = [day for day in days if setting.declaration.starts <= day <= setting.partition]
    if len(there) < len(days):
        raise CannotFail(
            f"{len(days) - len(there)} of the {len(days)} reference days from {start} until {until} have no audit: the "
            f"system starts on {setting.declaration.starts}, and the newest day is {setting.partition}"
        )
    return days


def _logged(declaration: SystemDeclaration) -> None:
    if declaration.access_log is None:
        raise CannotFail("no access log is declared, so nobody can tell what was read")


def _read(declaration: SystemDeclaration, **more: object) -> Row:
    reader = declaration.intake.database_role or "reader"
    return {"principal": reader, "role": reader, "rows": 1, **more}


def _new(setting: Setting, column: str, read: Row, number: int) -> Row:
    if column == "hour":
        return {**read, "read_at": setting.noon() - timedelta(hours=number + 1)}
    return {**read, column: f"new-{column}-{number}"}


def _known_fields(declaration: SystemDeclaration) -> set[str]:
    """Every name a field of this system has anywhere in its declaration, in lower case."""
    attributes: Sequence[str] = [each.column for each in declaration.protected_attributes.values() if each.column]
    names = (*log_schema(declaration), *declaration.columns.values(), *attributes, *declaration.intake.may_read)
    return {name.lower() for name in names}
