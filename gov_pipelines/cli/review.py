"""`gov review`: what waits for a person, shown, approved, overridden or released under the person's own key."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
import polars as pl

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import PARTITION, WithDefault, by_hand, printable, table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import canonical, load_signer
from gov_pipelines.people import Act, Case, Review, SignedAct, facts_of, objection, release_subject, releases
from gov_pipelines.pipeline.clearing import CLEARED, HELD, clear, open_day, people_of
from gov_pipelines.pipeline.holds import Day, Statement, reviewer_of
from gov_pipelines.pipeline.night import Night
from gov_pipelines.policy import BoundClause, SystemDeclaration, did_you_mean, partition_key
from gov_pipelines.policy.kinds import HumanReview
from gov_pipelines.store import Opening, note_opening, opened_at, read_frame

_ON = click.option("--date", "on", type=PARTITION, help="The day of the decision; only where it stands on several.")
_CONTROL = click.option("--control", help="Only as to this control, `<policy>/<clause>`; default: all you may review.")


@click.group("review", cls=WithDefault)
def review_command() -> None:
    """Show what waits for a person, and let it pass under your own key. `gov review SYSTEM` lists what waits.

    `gov review list --json` and `gov review show --json` print JSON.

    \b
    Example:
      gov review mortgage_underwriting
      gov review show mortgage_underwriting BF-0224 --key keys/ann
      gov review approve mortgage_underwriting BF-0224 --as ann --key keys/ann
      gov review override mortgage_underwriting BF-0224 --decision approved --reason-code R7 --as ann --key keys/ann
      gov review release mortgage_underwriting house-fair-lending/FL-6 --date 2026-09-30 --as eve --key keys/eve
    """


@review_command.command("list")
@click.argument("system")
@click.option("--date", "on", type=PARTITION, help="Only this day.")
@click.option("--json", "as_json", is_flag=True, help="Print what waits as JSON.")
def waiting(system: str, on: date | None, as_json: bool) -> None:
    """List what waits: decision, clause, since when, due when, and whose signature lets it pass.

    \b
    Example:
      gov review list mortgage_underwriting --date 2026-09-30
    """
    place = workplace()
    files = _days(place, place.system(system), on, HELD)
    held = [read_frame(file).with_columns(day=pl.lit(partition_key(day))) for day, file in files.items()]
    rows = pl.concat(held).to_dicts() if held else []
    single = [row for row in rows if row["on_fail"] == "hold_decision"]
    names = ("day", "control", "on_fail", "reason", "may_release")
    common = Counter(tuple(row[name] for name in names) for row in rows if row["on_fail"] != "hold_decision")
    days = [dict(zip(names, key, strict=True)) | {"decisions": count} for key, count in common.items()]
    told = []
    for (day, control, _, reason, who), count in common.items():
        by = f" `gov review release`: {who}." if who else ""
        told.append(f"{day}: all {count} decisions are held{f' by {control}' if control else ''}: {reason}.{by}")
    lines = [
        (
            row["decision_id"], row["control"] or "", f"{row['decided_at']:%Y-%m-%d %H:%M}Z",
            f"{row['due']:%Y-%m-%d %H:%M}Z" if row["due"] else "", row["may_release"] or "", row["reason"],
        )
        for row in single
    ]  # fmt: skip
    waits = table([("decision", "clause", "since", "due", "by", "why"), *lines]) if lines else "No review is waiting."
    answer(as_json, {"decisions": single, "days": days}, *told, waits)


@review_command.command("clear")
@click.argument("system")
@click.option("--date", "on", type=PARTITION, help="Only this day; default: every audited one.")
def clear_again(system: str, on: date | None) -> None:
    """Work out anew what may go downstream, after something changed that is no review: the gate, a waiver, a key.

    Reviews and releases clear their own day at once, and an audit clears the day it audits.

    \b
    Example:
      gov review clear mortgage_underwriting
    """
    place = workplace()
    declaration = place.system(system)
    for day in sorted(_days(place, declaration, on, HELD)):
        found = clear(place.night(declaration, day)).metadata
        click.echo(f"{day}  {found['cleared']:,} cleared, {found['held']:,} held")


@review_command.command("show")
@click.argument("system")
@click.argument("decision")
@_ON
@click.option("--key", "folder", type=click.Path(path_type=Path), help="Folder of your key: notes when you opened it.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
def show(system: str, decision: str, on: date | None, folder: Path | None, as_json: bool) -> None:
    """Show what is known of one decision, without protected attributes, and what holds it.

    With --key it is noted when you opened it first, and your review carries that: time per case is measured by it.

    \b
    Example:
      gov review show mortgage_underwriting BF-0224 --key keys/ann
    """
    place = workplace()
    night, day, statement = _opened(place, system, decision, on)
    if folder is not None:
        key_id, revision = load_signer(folder, os.environ).public.keyid, statement.snapshot.revision
        opening = Opening(key_id=key_id, system=system, decision_id=decision, revision=revision, opened_at=place.now)
        with place.store.begin() as connection:
            note_opening(connection, opening)
    (row,) = day.log.filter(decision_id=decision).to_dicts()
    facts = {name: value for name, value in facts_of(row).items() if name not in day.declaration.protected_attributes}
    texts = {bound.key: bound.clause.text for bound in day.bound}
    (verdicts,) = day.verdicts.filter(decision_id=decision).drop("decision_id").to_dicts()
    reasons = dict(day.reasons.filter(decision_id=decision).select("control", "reason").iter_rows())
    judged = [
        {"control": key, "verdict": verdict, "reason": reasons.get(key), "text": texts.get(key)}
        for key, verdict in verdicts.items()
        if verdict is not None
    ]
    held = _holds(night, decision)
    lines = [table([(name, str(value)) for name, value in facts.items()])]
    for each in judged:
        told = f"\n{each['control']}: {each['text']}\n  {each['verdict']} {each['reason'] or ''}"
        lines.append(printable(told.rstrip()))
    holds = [f"\nheld by {each['control'] or 'the system'}: {each['reason']}" for each in held]
    data = {"system": system, "day": night.partition, "facts": facts, "judged": judged, "held": held}
    answer(as_json, data, *lines, *(holds or ["\nNothing holds it."]))


@review_command.command("approve")
@click.argument("system")
@click.argument("decision")
@_ON
@_CONTROL
@by_hand
def approve(system: str, decision: str, **signing: Any) -> None:
    """Let a decision pass as it was decided.

    \b
    Example:
      gov review approve mortgage_underwriting BF-0224 --as ann --key keys/ann
    """
    _review(system, decision, {"outcome": "approve"}, **signing)


@review_command.command("override")
@click.argument("system")
@click.argument("decision")
@click.option("--decision", "instead", required=True, help="The declared outcome to put in its place.")
@click.option("--reason-code", required=True, help="Why, in a code of yours.")
@click.option("--reason", help="Why, in words; kept with the signature, never printed in a log.")
@_ON
@_CONTROL
@by_hand
def override(system: str, decision: str, instead: str, reason_code: str, reason: str | None, **signing: Any) -> None:
    """Put another decision in its place.

    \b
    Example:
      gov review override mortgage_underwriting BF-0224 --decision approved --reason-code R7 --as ann --key keys/ann
    """
    said = {"outcome": "override", "decision": instead, "reason_code": reason_code, "reason": reason}
    _review(system, decision, said, **signing)


@review_command.command("release")
@click.argument("system")
@click.argument("control")
@click.option("--date", "on", type=PARTITION, required=True, help="The day to release.")
@by_hand
def release(system: str, control: str, on: date, person: str, folder: Path) -> None:
    """Release a day that a control with `on_fail: hold_all` holds, as that control's approver.

    \b
    Example:
      gov review release mortgage_underwriting house-fair-lending/FL-6 --date 2026-09-30 --as eve --key keys/eve
    """
    place = workplace()
    night = place.night(place.system(system), on)
    statement = _signed(open_day(night))
    holding = {each.key: each for each in night.bound if each.on_fail == "hold_all"}
    if control not in holding:
        raise WrongUse(f"`{control}` holds no whole days of {system}. {did_you_mean(control, holding)}".rstrip())
    if (verdict := statement.verdicts.get(control, "missing")) not in {"fail", "missing"}:
        raise WrongUse(f"{control} is {verdict} on {night.partition} and holds nothing.")
    approver = holding[control].control.approver
    assert approver is not None  # lint asks for one with hold_all
    with place.signing(person, folder) as hand:
        role = hand.role(f"release what {control} holds", [approver])
        subject = release_subject(statement.snapshot, control)
        act = Act("release", person, role, place.now, system, subject)
        assert releases(SignedAct(act, "", "", place.now), statement.snapshot, control, approver)
        hand.sign("release", role, system, subject, place.now)
    clear(night)
    click.echo(f"Released from {control}: {night.partition}, revision {statement.snapshot.revision}.{_now(night)}")


def _review(
    system: str, decision: str, said: dict[str, Any], *, on: date | None, control: str | None, person: str, folder: Path
) -> None:
    """Sign a review of a decision for each control that holds it and that the person may review."""
    place = workplace()
    night, day, _ = _opened(place, system, decision, on)
    cases = _cases(day, decision, control)
    with place.signing(person, folder) as hand:
        snapshots = people_of(night, hand.connection).snapshots
        problems, signed = [], []
        for case in cases:
            snapshot, key_id = case.snapshot, hand.signer.public.keyid
            opened = opened_at(hand.connection, key_id, system, decision, snapshot.revision)
            review = Review(
                partition=partition_key(snapshot.partition),
                revision=snapshot.revision,
                snapshot=snapshot.payload_sha256,
                control=case.control,
                decision_id=decision,
                facts=case.facts,
                opened_at=canonical.instant(opened) if opened else None,
                **said,
            )
            role = case.reviewer if case.reviewer in hand.enrolment.roles else min(hand.enrolment.roles)
            act = Act("review", person, role, place.now, system, asdict(review))
            if problem := objection(SignedAct(act, "", key_id, place.now), case, snapshots):
                problems.append(f"{case.control}: {problem}")
            else:
                hand.sign(act.kind, act.role, system, act.subject, place.now)
                signed.append(case.control)
    if not signed:
        raise WrongUse(f"Nothing was signed. {'; '.join(problems)}.")
    clear(night)
    click.echo(f"Signed by {person} as to {', '.join(signed)}.{_now(night, decision)}")


def _cases(day: Day, decision: str, control: str | None) -> list[Case]:
    """The decision under each control that holds it until somebody reviews it.

    Raises:
        WrongUse: there is none.
    """
    holding = {one.key: one for one in day.bound if one.on_fail == "hold_decision" and _concerns(day, one, decision)}
    if control is not None and control not in holding:
        known = ", ".join(holding) or "none"
        raise WrongUse(f"`{control}` does not hold {decision} for review. What does: {known}.")
    chosen = [holding[control]] if control is not None else list(holding.values())
    reviewed = [each for each in chosen if reviewer_of(each)[0]]
    if not reviewed:
        raise WrongUse(f"No control holds {decision} until somebody reviews it, so there is nothing to sign.")
    return [case for each in reviewed for case in day.cases(each, [decision])]


def _concerns(day: Day, bound: BoundClause, decision: str) -> bool:
    found = day.verdicts.filter(decision_id=decision)
    verdict = found[bound.key].item() if bound.key in found.columns else None
    return verdict is not None and (isinstance(bound.control, HumanReview) or verdict != "within")


def _opened(place: Workplace, system: str, decision: str, on: date | None) -> tuple[Night, Day, Statement]:
    """The day a decision stands on.

    Raises:
        WrongUse: on none, on several, or on one without a snapshot to rely on.
    """
    declaration = place.system(system)
    logs = _days(place, declaration, on, "decision_log.parquet")
    ids = {day: pl.read_parquet(file, columns=["decision_id"], glob=False) for day, file in logs.items()}
    days = [day for day, frame in ids.items() if decision in frame["decision_id"]]
    if len(days) != 1:
        several = f"stands on {', '.join(map(str, days))}; choose one with --date"
        said = several if days else "stands on no day that was audited"
        raise WrongUse(f"{decision} of {system} {said}. `gov review list {system}` shows what waits.")
    night = place.night(declaration, days[0])
    day = open_day(night)
    return night, day, _signed(day)


def _signed(day: Day) -> Statement:
    if isinstance(day.statement, str):
        raise WrongUse(f"Nothing can be reviewed: {day.statement}.")
    return day.statement


def _days(place: Workplace, declaration: SystemDeclaration, on: date | None, name: str) -> dict[date, Path]:
    """A file of the audited days that have it, or of one, in order."""
    return {day: file for day, file in place.home.audited(declaration.system, name).items() if on in {None, day}}


def _holds(night: Night, decision: str) -> list[dict[str, Any]]:
    file = night.folder / HELD
    return read_frame(file).filter(decision_id=decision).to_dicts() if file.is_file() else []


def _now(night: Night, decision: str | None = None) -> str:
    """How things stand after an act, in words."""
    if decision is None:
        cleared, held = (read_frame(night.folder / name)["decision_id"].n_unique() for name in (CLEARED, HELD))
        return f" Now {cleared} decisions are cleared and {held} held."
    still = "; ".join(each["reason"] for each in _holds(night, decision))
    return f" {decision} is still held: {still}." if still else f" {decision} is cleared."
