"""`gov doctor`: what every night stands on, looked at now, with what to do."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from glob import glob

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.decisions.sql import opened
from gov_pipelines.definitions import load
from gov_pipelines.errors import GovError
from gov_pipelines.evidence import DEMO_KEY_NAME, load_signer
from gov_pipelines.evidence.keys import SIGNING_KEY
from gov_pipelines.evidence.roots import SNAPSHOT, TARGETS, current_roots
from gov_pipelines.evidence.signers import ELSEWHERE
from gov_pipelines.evidence.tlog.ledger import check
from gov_pipelines.evidence.tlog.notes import log_verifier
from gov_pipelines.notify import DEFAULT_ROUTE, lint_alerts, load_settings, receivers_of, routes_from, where_waiting
from gov_pipelines.notify.reaching import server_of, unanswered
from gov_pipelines.pipeline import AuditHome
from gov_pipelines.pipeline.health import Finding, State, daemons, instigators, stuck_runs, windows
from gov_pipelines.pipeline.instance import open_instance
from gov_pipelines.pipeline.lost import lost
from gov_pipelines.pipeline.publishing import ledger_lock
from gov_pipelines.policy import SystemDeclaration, lint
from gov_pipelines.store import SnapshotRow, entries_waiting, last_snapshot, pending, reading, server_clock

_SECONDS = 20
_CONNECT_SECONDS = 5
_DRIFT = timedelta(seconds=5)
_OVERDUE = timedelta(hours=1)
_NOTICE = timedelta(days=60)  # to gather the signatures of a new version of the root of trust
_NIGHTLY, _NIGHTS = ("artifacts", "evidence"), 30
_SIGNS = {"ok": "ok", "warn": "WARN", "bad": "BAD", "unknown": "?"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print every finding as JSON.")
def doctor_command(as_json: bool) -> int:
    """Look at what every night stands on: store, ledger, keys, clock, disk, Dagster, sources, receivers, owed windows, files.

    Nothing is sent and no row is read; an old store is upgraded when it is opened. Every check ends within half a minute.
    Exit code 1 where something is bad.

    \b
    Example:
      gov doctor
      gov doctor --json
    """
    place = workplace()
    systems = list(place.systems[0].values())
    findings = _answers({"store": partial(_store, place)})  # the others use it
    checks = {"keys": _keys, "clock": _clock, "disk": _disk, "Dagster": _dagster, "routes": _routes, "files": _files}
    on_store = {"alerts": _alerts, "ledger": _ledger, "windows": _windows} if place.audited else {}
    databases, files = _declared(systems)
    findings += _answers(
        {name: partial(check, place) for name, check in (checks | on_store).items()}
        | {f"source {url_env}": partial(_database, place, url_env) for url_env in databases}
        | {f"source {path}": partial(_path, place, path) for path in files}
    )
    bad = sum(each.state == "bad" for each in findings)
    rows = table([(_SIGNS[each.state], each.check, each.found) for each in findings])
    remedies = dict.fromkeys(each.do for each in findings if each.do and each.state != "ok")
    of = {do: ", ".join(dict.fromkeys(each.check for each in findings if each.do == do)) for do in remedies}
    told = [rows, *(f"{checks}: {do}" for do, checks in of.items()), f"{bad} bad of {len(findings)} findings."]
    answer(as_json, list(map(asdict, findings)), *told)
    return 1 if bad else 0


def _answers(checks: Mapping[str, Callable[[], Iterable[Finding]]]) -> list[Finding]:
    """Make checks at the same time, and wait for none of them longer than it may take."""
    late = f"no answer within {_SECONDS} s"
    answers = {name: [Finding(name, "bad", late, "see what it waits for")] for name in checks}

    def run(name: str, check: Callable[[], Iterable[Finding]]) -> None:
        try:
            answers[name] = list(check())
        except GovError as error:
            answers[name] = [Finding(name, "bad", str(error))]
        except Exception as error:  # noqa: BLE001  (a check that breaks is a finding; its text may hold anything)
            answers[name] = [Finding(name, "unknown", f"the check failed with {type(error).__name__}")]

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in checks.items()]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + _SECONDS
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [finding for found in list(answers.values()) for finding in found]


def _store(place: Workplace) -> Iterator[Finding]:
    if place.audited:
        yield Finding("store", "ok", f"{place.engine.dialect.name}, its schema is this version's")
    else:
        yield Finding("store", "warn", "nothing was audited in this home yet", "gov audit SYSTEM --date DAY")


def _keys(place: Workplace) -> Iterator[Finding]:
    """Whether a key is there that the root of trust lets sign, and for how long that is to be relied on."""
    root, folder = place.authority.roots[-1], place.home.keys_dir
    named = " or ".join(f"{key.name} ({key.keyid})" for key in root.keys_of(TARGETS))
    put_back = f"put back what version {root.version} of the root of trust names: {named}, in {folder}, mode 600"
    if not any((folder / name).is_file() for name in (SIGNING_KEY, ELSEWHERE)):
        yield Finding("keys", "bad", "the private key is not there", put_back)
        return
    public = load_signer(folder, os.environ).public  # refuses a key that others can read
    if public.keyid not in root.roles[TARGETS].keyids:
        yield Finding("keys", "bad", f"{public.name} does not sign for this home", put_back)
    elif root.expires < place.now + _NOTICE:
        renew = "gov keys root new-version --expires DAY, then sign and publish it"
        yield Finding("keys", "warn", f"the root of trust is relied on until {root.expires:%Y-%m-%d} alone", renew)
    elif public.name != DEMO_KEY_NAME:
        yield Finding("keys", "ok", f"signs as {public.name}, by version {root.version} of the root of trust")
    if public.name != DEMO_KEY_NAME:
        return
    on_postgresql = os.environ.get("GOV_STORE_URL", "").startswith("postgresql")
    remedy = "make a key of your own in another home: GOV_HOME=... gov keys new --name NAME"
    yield Finding("keys", "bad" if on_postgresql else "warn", "the demo's key, which nobody should trust", remedy)


def _ledger(place: Workplace) -> Iterator[Finding]:
    """Whether the ledger is what its checkpoint says, and the store knows all of it."""
    home = place.home
    roots = current_roots(home.roots_dir)
    logs = [log_verifier(roots[-1].origin, key) for root in roots for key in root.keys_of(SNAPSHOT)]
    with ledger_lock(home, place.engine), reading(place.engine) as connection:
        wrong = check(home.ledger_dir, logs)
        gone, waiting = lost(home, connection, place.roster(connection)), len(entries_waiting(connection))
    restore = "restore the home from a backup; see docs/operations.md"
    for each in wrong:
        yield Finding("ledger", "bad", each, restore)
    if gone:
        yield Finding("ledger", "bad", f"the store has lost what the ledger holds: {gone}", restore)
    if not wrong and not gone:
        yield Finding("ledger", "ok", f"sound, {waiting} entries wait for the next night" if waiting else "sound")


def _clock(place: Workplace) -> Iterator[Finding]:
    """Whether the clock was set back behind what was signed, or is apart from the database's."""
    signed = max((row.signed_at for row in _signed(place)), default=None)
    server, here = server_clock(place.engine) if place.audited else None, datetime.now(UTC)
    if signed and signed > place.now:
        yield Finding("clock", "bad", f"set back: a snapshot was signed at {signed:%Y-%m-%d %H:%M} UTC", "set it")
    elif server and abs(server - here) > _DRIFT:
        yield Finding("clock", "warn", f"{abs(server - here).total_seconds():.0f} s from the database's", "use NTP")
    else:
        yield Finding("clock", "ok", "goes with the database's" if server else "after all that was signed")


def _signed(place: Workplace) -> list[SnapshotRow]:
    """What was signed last of each system."""
    if not place.audited:
        return []
    with reading(place.engine) as connection:
        return [row for system in place.systems[0] if (row := last_snapshot(connection, system))]


def _disk(place: Workplace) -> Iterator[Finding]:
    root = place.home.root
    newest = (max(each.glob("????-??-??*"), default=None) for kind in _NIGHTLY for each in root.glob(f"{kind}/*"))
    night = sum(file.stat().st_size for folder in newest if folder for file in folder.rglob("*") if file.is_file())
    free = shutil.disk_usage(next(each for each in (root, *root.absolute().parents) if each.exists())).free
    nights = free // max(night, 2**20)
    state: State = "ok" if nights >= _NIGHTS else "warn" if nights > 1 else "bad"
    yield Finding("disk", state, f"{free / 2**30:,.1f} GiB free, {nights:,} nights like the last", "make room")


def _dagster(place: Workplace) -> Iterator[Finding]:
    with open_instance(place.project) as instance:
        yield Finding("Dagster", "ok", "its instance answers")
        yield from daemons(instance, place.now)
        yield stuck_runs(instance, place.now)
        yield from instigators(instance, load(place.project, os.environ))


def _windows(place: Workplace) -> Iterator[Finding]:
    return windows(AuditHome.of(place.project), place.systems[0].values(), place.now)


def _declared(systems: Sequence[SystemDeclaration]) -> tuple[set[str], set[str]]:
    """The databases that systems are read from, by the variables that name them; and the files."""
    databases, files = set[str](), set[str]()
    for each in systems:
        databases |= {each.intake.database_url_env or ""}
        for lies in (each.source, each.reviews, each.access_log, *each.protected_attributes.values()):
            if lies:
                databases |= {(lies.url_env or each.source.url_env or "") if lies.table else ""}
                files |= {str(lies.path or "")}
    return databases - {""}, files - {""}


def _database(place: Workplace, url_env: str) -> Iterator[Finding]:
    with opened(url_env, place.project.root, os.environ, _SECONDS):
        yield Finding(f"source {url_env}", "ok", "answers")


def _path(place: Workplace, path: str) -> Iterator[Finding]:
    if "://" in path:
        yield Finding(f"source {path}", "unknown", "a bucket, which only a night looks into")
    elif glob(str(place.project.root / path), recursive=True):  # noqa: PTH207  (a pattern that may be absolute)
        yield Finding(f"source {path}", "ok", "is there")
    else:
        yield Finding(f"source {path}", "bad", "no such file", "see `path` in defs.yaml")


def _routes(place: Workplace) -> Iterator[Finding]:
    """Whether every route that a policy names leads to a receiver, and whether each receiver's server answers."""
    controls = (clause.control for policy in place.policies for clause in policy.clauses if clause.control)
    named = {route for control in controls for route in control.notify}
    names = sorted({DEFAULT_ROUTE, *named, *load_settings(place.project.root).routes})
    receivers, nowhere = receivers_of(names, routes_from(os.environ))
    for words in nowhere:
        yield Finding("routes", "bad", words, "docs/alerts.md")
    for receiver in receivers.values():
        if server := server_of(receiver):
            problem = unanswered(server, _CONNECT_SECONDS)
            yield Finding(receiver.name, "bad" if problem else "ok", problem or "its server answers")
        else:
            yield Finding(receiver.name, "unknown", "its URL does not say where its server is", "gov alerts test")


def _alerts(place: Workplace) -> Iterator[Finding]:
    settings = load_settings(place.project.root)
    with reading(place.engine) as connection:
        waiting = where_waiting(connection, routes_from(os.environ), settings, place.now)
        old = {row.alert.key for row in pending(connection) if place.now - row.alert.raised_at > _OVERDUE}
    late = [why for key in old & waiting.keys() for why in waiting[key].values() if not why.startswith("for its hour")]
    found = f"{len(late)} deliveries wait for more than an hour"
    yield Finding("alerts", "bad" if late else "ok", found, "; ".join(sorted(set(late))))


def _files(place: Workplace) -> Iterator[Finding]:
    mistakes = lint(place.project.assets, place.project.expectations) or lint_alerts(place.project.root, place.policies)
    found = f"{len(mistakes)} mistakes in declarations, policies and alerts.yaml"
    yield Finding("files", "bad" if mistakes else "ok", found, "gov lint")
