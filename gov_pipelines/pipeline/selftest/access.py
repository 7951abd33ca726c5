"""Plants for the controls that judge reads: one outside what is declared, and readers, fields or hours that are new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from gov_pipelines.access import Grant, Privileges
from gov_pipelines.measure import Verdict
from gov_pipelines.pipeline.selftest.setting import Breach, CannotFail, Happened, MadeUp, Plant, Row, Setting
from gov_pipelines.policy import SystemDeclaration, log_schema
from gov_pipelines.policy.kinds import AccessPattern, DataAccess, Past

UNDECLARED = "a_field_nobody_declared"
_USUAL_READS = 4
_MOST_NEW = 10_000
_OTHER_HOURS = 23
_UNUSUAL = 200


def data_access(setting: Setting, control: DataAccess) -> Plant:
    """A read of a field that nobody declared, and of each field the clause says is never read; also granted, declared."""
    declaration = setting.declaration
    intake, logged = declaration.intake, declaration.access_log is not None
    known = _known_fields(declaration)
    if control.never and control.may_read is None and not known.intersection(name.lower() for name in control.never):
        raise CannotFail(
            f"`never` names {', '.join(control.never)}, which nothing in the declaration is called: "
            "a misspelling would look the same"
        )
    permitted = control.may_read if control.may_read is not None else intake.may_read
    ordinary = [name for name in (*permitted, "decision_id") if name not in control.never]
    usual = Happened((({}, 1),), tuple(_read(declaration, field=name) for name in ordinary[:_USUAL_READS]))
    days = dict.fromkeys(setting.days, usual)
    parts: list[Breach | str] = []
    if logged:
        outside = [UNDECLARED, *control.never]
        reads = (*usual.reads, *(_read(declaration, field=name) for name in outside))
        read = MadeUp({**days, setting.partition: Happened(usual.decisions, reads)})
        parts.append(Breach(f"reads of {', '.join(outside)}", [read], metric="reads_outside", count=len(outside)))
    if control.may_read is not None or control.never:
        too_much = control.never[0] if control.never else UNDECLARED
        more = intake.model_copy(update={"may_read": [*intake.may_read, too_much]})
        declared = MadeUp(days, declared={"intake": more})
        parts.append(Breach(f"`may_read` declares {too_much}", [declared], metric="fields_declared_outside"))
    if intake.database_role and intake.database_url_env:
        grant = Grant("public", "decisions", UNDECLARED, ("made up",))
        grants = Privileges(intake.database_role, exists=True, schema="public", columns=(grant,))
        granted = MadeUp(days, grants=grants.to_dict())
        parts.append(Breach(f"a grant of {UNDECLARED}", [granted], metric="fields_granted_outside"))
    return Plant(parts if logged else [*parts, "reads: no access log is declared"], MadeUp(days))


def access_pattern(setting: Setting, control: AccessPattern) -> Plant:
    """For each watched column, one value more that is new than may be; and fewer and more reads than may be."""
    reference = days_before(control.reference, setting)
    ordinary = _read(setting.declaration, field="decision_id", table="decisions", purpose="decide")
    usual = Happened((({}, 1),), (ordinary,) * _USUAL_READS)
    days = dict.fromkeys([*reference, *setting.days], usual)
    begun = {"starts": min(days)} if control.reference.weeks else {}
    parts: list[Breach | str] = []
    for column in control.watch:
        most = _OTHER_HOURS if column == "hour" else _MOST_NEW
        if control.at_most_new >= most:
            parts.append(f"{column}: no day is believed to have more than {most} new ones")
            continue
        new = tuple(_new(setting, column, ordinary, number) for number in range(control.at_most_new + 1))
        night = MadeUp({**days, setting.partition: Happened(usual.decisions, (*usual.reads, *new))}, declared=begun)
        parts.append(Breach(f"{control.at_most_new + 1} new by {column}", [night], metric=f"new_{column}s"))
    low, high = control.reads or (None, None)
    for limit, count in ((low, 0), (high, int(((high or 0) + 1) * _USUAL_READS))):
        if count > _MOST_NEW:
            parts.append(f"reads: no day is believed to have more than {_MOST_NEW}")
        elif limit:
            changed = dict.fromkeys(setting.days, Happened(usual.decisions, (ordinary,) * count))
            what = f"{count} reads a day instead of {_USUAL_READS}"
            verdict: Verdict = "fail" if count else "missing"
            parts.append(Breach(what, [MadeUp(days | changed, declared=begun)], metric="reads_ratio", verdict=verdict))
    for counted in control.usual:
        more = (ordinary,) * _UNUSUAL if counted == "reads" else ({**ordinary, "rows": _UNUSUAL},) * _USUAL_READS
        changed = dict.fromkeys(setting.days, Happened(usual.decisions, more))
        what = f"{_UNUSUAL} {counted} by one reader"
        parts.append(
            Breach(what, [MadeUp(days | changed, declared=begun)], metric=f"{counted}_to_usual", certain=False)
        )
    return Plant(parts, MadeUp(days, declared=begun))


def days_before(past: Past, setting: Setting) -> list[date]:
    """The days of a reference, those of one that moves as if the system had run for all of them.

    Raises:
        CannotFail: not all of them can have been audited, or not all come before the window.
    """
    start, until = past.days(setting.window[0])
    if past.weeks is not None:
        return setting.declaration.calendar.named(start, until)
    reference = days_between(start, until, setting)
    if reference[-1] >= setting.window[0]:
        raise CannotFail(f"the reference days are not all before {setting.window[0]}, the first they are compared with")
    return reference


def days_between(start: date, until: date, setting: Setting) -> list[date]:
    """The days of a reference that can have been audited by the partition.

    Raises:
        CannotFail: not all of them can.
    """
    days = setting.declaration.calendar.named(start, until)
    there = [day for day in days if setting.declaration.starts <= day <= setting.partition]
    if len(there) < len(days):
        raise CannotFail(
            f"{len(days) - len(there)} of the {len(days)} reference days from {start} until {until} have no audit: the "
            f"system starts on {setting.declaration.starts}, and the newest day is {setting.partition}"
        )
    return days


def _read(declaration: SystemDeclaration, **more: object) -> Row:
    reader = declaration.intake.database_role or "reader"
    return {"principal": reader, "role": reader, "rows": 1, **more}


def _new(setting: Setting, column: str, read: Row, number: int) -> Row:
    if column == "hour":
        return {**read, "read_at": setting.at(number + (number >= 12))}
    return {**read, column: f"new-{column}-{number}"}


def _known_fields(declaration: SystemDeclaration) -> set[str]:
    """Every name a field of this system has anywhere in its declaration, in lower case."""
    attributes: Sequence[str] = [each.column for each in declaration.protected_attributes.values() if each.column]
    names = (*log_schema(declaration), *declaration.columns.values(), *attributes, *declaration.intake.may_read)
    return {name.lower() for name in names}
