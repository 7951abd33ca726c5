"""The end of a night: verdicts, measurements and digests signed as one snapshot, recorded once, told once."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gov_pipelines import __version__
from gov_pipelines.errors import EvidenceError, GovError, WrongUse
from gov_pipelines.evidence import (
    DEMO_KEY_NAME,
    Signer,
    build_predicate,
    canonical,
    decisions_section,
    discard_package,
    load_signer,
    read_package,
    sign_package,
    write_leaves,
)
from gov_pipelines.evidence.code import code_digest
from gov_pipelines.evidence.entries import policy_entry, snapshot_entry
from gov_pipelines.evidence.package import Package
from gov_pipelines.evidence.roots import TARGETS, current_roots
from gov_pipelines.measure import Judgement, disclosed, tally_digest, tally_from_json, tally_json
from gov_pipelines.notify import alerts_for, declared_settings, told
from gov_pipelines.people import authority_of
from gov_pipelines.pipeline.alarms import alarms_of
from gov_pipelines.pipeline.following import follow_findings
from gov_pipelines.pipeline.leaves import decision_leaves
from gov_pipelines.pipeline.measuring import measurements_of
from gov_pipelines.pipeline.names import check_url
from gov_pipelines.pipeline.night import Night, StepResult
from gov_pipelines.pipeline.overdue import unrecorded
from gov_pipelines.pipeline.publishing import append_noted, ledger_lock, publish
from gov_pipelines.pipeline.revisions import revision_reasons
from gov_pipelines.pipeline.stamping import NotStamped, stamp_now
from gov_pipelines.pipeline.verdicts import control_record, next_revision, policies_in_force, verdict_rows_of
from gov_pipelines.policy import declaration_digest, declaration_text, partition_key, policy_digest, policy_text
from gov_pipelines.policy.kinds import over_year
from gov_pipelines.store import (
    NOT_AUDITED,
    Alert,
    Connection,
    Engine,
    SnapshotRow,
    VerdictRow,
    drop_verdicts,
    edited_in_place,
    enqueue,
    judged,
    last_snapshot,
    lock,
    note_entry,
    put_verdicts,
    reading,
    record_policy,
    record_snapshot,
    snapshot_of,
    verdicts_of,
)

DECLARATION = "declaration.json"
YEAR = "year.json"
DISCLOSE_MIN = 5
"""Cells smaller than this are merged in the tally that may be published."""

_LIBRARIES = ("dagster", "fairlearn", "great-expectations", "polars", "scipy")


def sign(night: Night) -> StepResult:
    """`compliance_snapshot`: sign what the night found. The same findings again change nothing.

    Raises:
        GovError: a policy was edited under a version that was used before, on this day or on any other; or two versions
            of one policy are in force on the day, and nobody can say which one governs.
    """
    with reading(night.store) as connection:
        named = [policy for policy in night.policies if policy.policy in night.declaration.policies]
        edited = [policy for policy in named if edited_in_place(connection, policy)]
    if edited:
        names = ", ".join(f"{policy.policy} version {policy.version}" for policy in edited)
        raise GovError(
            f"{names} was changed after it was used. Undo the change, or write it as a new version in force later."
        )
    both = Counter(policy.policy for policy in named if policy.in_force.covers(night.day))
    if twice := sorted(name for name, count in both.items() if count > 1):
        raise GovError(
            f"Two versions of {', '.join(twice)} are in force on {night.partition}. Close the earlier one with `until:`; "
            "`gov lint` says where."
        )
    tally = tally_from_json((night.folder / "tally.json").read_bytes())
    rows = night.read_json("rows.json")
    leaves = decision_leaves(night)
    findings: dict[str, Any] = {
        "ingest": {
            "sourceCount": rows["source_count"],
            **{name: rows[name] for name in ("accepted", "quarantined", "duplicate", "undated")},
            "inputs": rows["inputs"],
        },
        "decisions": decisions_section(leaves),
        "tally": {
            "sha256": tally_digest(tally),
            "disclosedSha256": tally_digest(disclosed(tally, DISCLOSE_MIN)),
            "discloseMin": DISCLOSE_MIN,
        },
        "measurements": [
            {"control": key, **asdict(row)}
            for key, measured in sorted(measurements_of(night).items())
            for row in measured
        ],
        "secondOpinion": night.read_json("second_opinion.json"),
        "missed": None,
    }
    files = {
        "decision_leaves.jsonl": write_leaves(leaves),
        "tally.json": tally_json(tally),
        "rows.json": (night.folder / "rows.json").read_bytes(),
    }
    return _sign(night, findings, files)


def sign_missed(night: Night, reason: str) -> None:
    """Sign that this window was not audited, and why. A window that was audited before stays as it was signed."""
    if next_revision(night) > 1:
        return
    for name in ("tally.json", "decision_verdicts.parquet"):  # no later window stands on counts that nobody signed
        (night.folder / name).unlink(missing_ok=True)
    missed = {bound.key: Judgement("missing", f"{NOT_AUDITED}{reason}") for bound in night.bound}
    rows = verdict_rows_of(night, missed, 1)
    with night.store.begin() as connection:
        put_verdicts(connection, rows)
    nothing = dict.fromkeys(("sourceCount", "accepted", "quarantined", "duplicate", "undated"), 0)
    findings: dict[str, Any] = {
        "ingest": {**nothing, "inputs": []},
        "decisions": decisions_section([]),
        "tally": None,
        "measurements": [],
        "secondOpinion": None,
        "missed": {"reason": reason},
    }
    _sign(night, findings, {"decision_leaves.jsonl": write_leaves([])})


def verdict_rows(night: Night) -> list[VerdictRow]:
    """The verdicts of the latest signed revision of the night's partition."""
    with reading(night.store) as connection:
        return verdicts_of(connection, night.system, night.partition)


def _sign(night: Night, findings: Mapping[str, Any], files: Mapping[str, bytes]) -> StepResult:
    engine = night.store
    with lock(night.home, f"ledger-{night.system}", engine=engine):
        now, signer = datetime.now(UTC), _signer(night)
        with reading(engine) as connection:
            signed = snapshot_of(connection, night.system, night.partition)
            last = last_snapshot(connection, night.system)
            revision = signed.revision + 1 if signed else 1
            reached = verdicts_of(connection, night.system, night.partition, revision)
        follows = {
            "sequence": last.sequence + 1 if last else 1,
            "previous": {"sequence": last.sequence, "payloadSha256": last.payload_sha256} if last else None,
        }
        left = _left_by_a_crash(night, follows)
        if signed is not None and night.as_of < signed.as_of:
            raise WrongUse(
                f"{night.partition} was judged as of {signed.as_of.isoformat()}; an earlier --as-of would forget what was "
                "known then."
            )
        verdicts = _complete(night, reached)
        texts = {bound.key: bound.clause.text for bound in night.bound}
        content = {**_context(night, engine, now), **findings, **follows}
        standing = publish(night.home, engine, signer, now)  # a policy is in the ledger before what it judges
        content["controls"] = [control_record(row, texts) for row in verdicts]
        content |= {
            "revision": revision,
            "supersedes": {"revision": signed.revision, "payloadSha256": signed.payload_sha256} if signed else None,
            "revisionReasons": [],
            "ledger": {"size": standing.size, "rootHash": standing.root.hex()},
            "timeCreated": now,
            "producer": _producer(night),
        }
        predicate = build_predicate(content)
        if signed is not None and signed.content_digest == predicate["contentDigest"]:
            with engine.begin() as connection:
                drop_verdicts(connection, night.system, night.partition, revision)
            return _result(signed, verdicts, changed=False)
        if signed is not None:
            predicate["revisionReasons"] = _reasons(night, signed, predicate)
        covered = {**files, **_context_files(night, content["policies"])}
        package, row = _package(night, predicate, covered, left, now)
        entry = snapshot_entry(package.predicate, package.payload_sha256, package.signature)
        with ledger_lock(night.home, engine):
            _refuse_replaced(night, package)
            with engine.begin() as connection:
                note_entry(connection, entry, now)
                if findings["missed"] is None:  # a missed window is one alert, raised by who saw the run end
                    enqueue(connection, _alerts(connection, night, verdicts, texts))
                if last is not None and now < last.signed_at:
                    enqueue(connection, [_clock_behind(night, last, now)])
                record_snapshot(connection, row)
                follow_findings(connection, night, row, verdicts, authority_of(night.home))
            append_noted(night.home, engine, signer, now)
        _stamp(night, engine, now)
    return _result(row, verdicts, changed=True)


def _refuse_replaced(night: Night, package: Package) -> None:
    """A new version of the root of trust may be in the ledger by now; what its keys did not sign cannot follow it there."""
    newest = current_roots(night.home.roots_dir)[-1]
    if package.key_id not in newest.roles[TARGETS].keyids:
        raise WrongUse(
            f"the key {package.key_id[:12]}... signed while version {newest.version} of the root of trust took its place; "
            f"run `gov audit {night.system} --date {partition_key(night.partition)}` again. `gov keys root` says who signs"
        )


def _reasons(night: Night, signed: SnapshotRow, predicate: Mapping[str, Any]) -> list[str]:
    """What the new revision says has changed; a day is signed also where what it replaces was lost."""
    try:
        before = read_package(night.home.root / signed.path).predicate
    except GovError as error:
        return [f"unknown: revision {signed.revision} cannot be read: {error}"]
    changed = {} if predicate["missed"] else night.read_json("reading.json")["changed"]
    return revision_reasons(before, predicate, changed)


def _complete(night: Night, reached: list[VerdictRow]) -> list[VerdictRow]:
    """The verdicts about to be signed: a control without one is `missing`, whatever went wrong before."""
    said = {row.control for row in reached}
    absent = [row for row in verdict_rows_of(night, {}, next_revision(night)) if row.control not in said]
    verdicts = sorted([*reached, *absent], key=lambda row: row.control)
    if absent:
        with night.store.begin() as connection:
            put_verdicts(connection, verdicts)
    return verdicts


def _alerts(connection: Connection, night: Night, verdicts: list[VerdictRow], texts: Mapping[str, str]) -> list[Alert]:
    base = night.environ.get("GOV_UI_URL")
    declaration, settings = night.declaration, declared_settings(night.project)
    notes = (declaration.about_data, declaration.synthetic.note if declaration.synthetic else None)
    return alerts_for(
        judged(connection, night.system, night.partition),
        verdicts,
        texts=texts,
        notify={bound.key: bound.control.notify for bound in night.bound},
        clean=lambda row: settings.clean(row.system, row.control, row.severity),
        links={row.control: check_url(base, row.system, row.control, row.partition) for row in verdicts if base},
        note=" ".join(filter(None, notes)) or None,
    )


def _clock_behind(night: Night, last: SnapshotRow, now: datetime) -> Alert:
    """A ledger is in signing order, whatever the clock says; a clock set back is told once a day."""
    facts = {
        "Verdict": f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC, and snapshot {last.sequence} was signed at {last.signed_at}",
        "What to do": "set the clock of this machine by a time server; if it ran ahead before, nothing else",
    }
    key, title = f"clock|{now:%Y-%m-%d}", "The clock is behind the last signature"
    return told(key, title, facts, system=night.system, partition=night.partition, raised_at=now)


def _stamp(night: Night, engine: Engine, now: datetime) -> None:
    """Ask the time authority, where one is configured; that it failed is told once a day, and stops nothing."""
    stamped = stamp_now(night.home, night.environ)
    if isinstance(stamped, NotStamped):
        facts = {
            "Verdict": f"the ledger's newest checkpoint was not stamped: {stamped.reason}",
            "What to do": "see that the authority in GOV_TSA_URL answers; the next night's stamp covers this one too",
        }
        title = "The time authority did not stamp the ledger"
        alert = told(
            f"stamp|{now:%Y-%m-%d}", title, facts, system=night.system, partition=night.partition, raised_at=now
        )
        with engine.begin() as connection:
            enqueue(connection, [alert])


def _context(night: Night, engine: Engine, now: datetime) -> dict[str, Any]:
    """What was audited, by which policies, known since when."""
    start, end = night.declaration.calendar.span(night.partition)
    policies, late = [], False
    with engine.begin() as connection:
        for policy in policies_in_force(night):
            if edited_in_place(connection, policy):
                continue  # only a missed window comes here: the text nobody may use is not recorded as used
            recorded, span = record_policy(connection, policy, now), policy.in_force
            late |= recorded > end
            known = {"name": policy.policy, "version": policy.version, "sha256": policy_digest(policy)}
            dates = {"inForceFrom": span.from_.isoformat(), "inForceUntil": span.until and span.until.isoformat()}
            policies.append(known | dates | {"recordedAt": canonical.instant(recorded)})
            note_entry(connection, policy_entry(policies[-1]), now)
    day, zone = partition_key(night.partition), night.declaration.zone
    return {
        "system": night.system,
        "partition": {"key": day, "zone": zone, "start": start, "end": end},
        "asOf": night.as_of,
        "retroactive": late,
        "policies": policies,
        "declaration": {"sha256": declaration_digest(night.declaration)},
    }


def _package(
    night: Night,
    predicate: dict[str, Any],
    files: Mapping[str, bytes],
    left: tuple[Path, Package] | None,
    now: datetime,
) -> tuple[Package, SnapshotRow]:
    """Write the signed package, or adopt the one that a crash left between signing and recording."""
    folder = night.home.snapshot_dir(night.system, night.partition, predicate["revision"])
    signer = _signer(night)
    same = left and all(left[1].predicate[name] == predicate[name] for name in ("contentDigest", "revision"))
    if left and same and left[0] == folder and left[1].key_id == signer.public.keyid:
        signed = left[1]
    else:
        if left:
            discard_package(left[0])
            if not any(left[0].parent.iterdir()):
                left[0].parent.rmdir()  # a day's folder without a package is no evidence
        signed = sign_package(folder, files, predicate, signer)
    return signed, SnapshotRow(
        system=night.system,
        partition=night.partition,
        **{name: predicate[name] for name in ("revision", "sequence", "retroactive")},
        previous_sha256=(predicate["previous"] or {}).get("payloadSha256"),
        payload_sha256=signed.payload_sha256,
        content_digest=predicate["contentDigest"],
        path=str(folder.relative_to(night.home.root)),
        key_id=signed.key_id,
        signed_at=now,
        as_of=night.as_of,
    )


def _left_by_a_crash(night: Night, follows: Mapping[str, Any]) -> tuple[Path, Package] | None:
    """The one package that was signed and never recorded: it follows the last recorded one, as the next is about to.

    Raises:
        EvidenceError: the store does not know packages that a crash cannot explain. Nothing is signed over them.
    """
    with reading(night.store) as connection:
        unknown = unrecorded(night.home, night.system, connection)
    packages = [(folder, read_package(folder)) for folder in unknown]
    for folder, package in packages:
        if len(packages) > 1 or any(package.predicate[name] != follows[name] for name in follows):
            raise EvidenceError(
                f"{folder} is signed evidence that the store does not know: the store was lost or is an older copy. "
                "Restore the store that belongs to this evidence, or audit in a new home"
            )
    return packages[0] if packages else None


def _signer(night: Night) -> Signer:
    signer = load_signer(night.home.keys_dir, night.environ)
    if signer.public.name == DEMO_KEY_NAME and night.store_url.startswith("postgresql"):
        raise WrongUse(
            f"The key in {night.home.keys_dir} is the demo's, which nobody should trust, and this store is PostgreSQL. "
            "Make a key of your own in another home: GOV_HOME=... gov keys new --name NAME"
        )
    return signer


def _context_files(night: Night, stated: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The texts of the policies that the statement names and of the declaration, and who shares the year's error."""
    digests = {policy["sha256"] for policy in stated}
    used = [policy for policy in policies_in_force(night) if policy_digest(policy) in digests]
    files = {f"policy.{each.policy}@{each.version}.json": policy_text(each) for each in used}
    files[DECLARATION] = declaration_text(night.declaration)
    if any(over_year(bound.control) for bound in night.bound):
        shared, first = night.alarms or alarms_of(night)
        files[YEAR] = canonical.dumps({"alarms": shared, "first": first})
    return files


def _producer(night: Night) -> dict[str, Any]:
    return {
        "name": "gov_pipelines",
        "version": __version__,
        "codeDigest": code_digest(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "runId": night.run_id or None,
    }


def _result(row: SnapshotRow, verdicts: list[VerdictRow], *, changed: bool) -> StepResult:
    return StepResult(
        {
            "revision": row.revision,
            "sequence": row.sequence,
            "changed": changed,
            "retroactive": row.retroactive,
            "content digest": row.content_digest,
            "payload sha256": row.payload_sha256,
            "package": Path(row.path),
            "verdicts": dict(Counter(verdict.verdict for verdict in verdicts)),
        }
    )
