"""`gov doctor`: what every night stands on, looked at now, with what to do."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from gov_pipelines.cli.app import print_json
from gov_pipelines.cli.desk import table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.decisions.sql import opened
from gov_pipelines.definitions import load
from gov_pipelines.errors import GovError
from gov_pipelines.evidence import DEMO_KEY_NAME, load_signer
from gov_pipelines.notify import DEFAULT_ROUTE, lint_alerts, load_settings, receivers_of, routes_from, where_waiting
from gov_pipelines.notify.reaching import server_of, unanswered
from gov_pipelines.pipeline import AuditHome
from gov_pipelines.pipeline.health import Finding, State, daemons, instigators, stuck_runs, windows
from gov_pipelines.pipeline.instance import open_instance
from gov_pipelines.policy import SystemDeclaration, lint
from gov_pipelines.store import last_snapshot, pending, reading
from gov_pipelines.store.engine import server_clock

_SECONDS = 30
_CONNECT_SECONDS = 5
_DRIFT = timedelta(seconds=5)
_OVERDUE = timedelta(hours=1)
_NIGHTS = (2, 30)  # free disk for fewer is bad, or worth a warning
_SIGNS = {"ok": "ok", "warn": "WARN", "bad": "BAD", "unknown": "?"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print every finding as JSON.")
def doctor_command(as_json: bool) -> int:
    """Look at what every night stands on: store, keys, clock, disk, Dagster, sources, receivers, owed windows, files.

    Nothing is sent and no row is read; an old store is upgraded when it is opened. Every check ends within half a minute.
    Exit code 1 where something is bad.

    \b
    Example:
      gov doctor
      gov doctor --json
    """
    place = workplace()
    systems = place.systems[0]
    findings = _answers({"store": partial(_store, place)})  # the others use it
    findings += _answers(
        {
            "keys": partial(_keys, place),
            "clock": partial(_clock, place, systems),
            "disk": partial(_disk, place.home.root),
            "Dagster": partial(_dagster, place),
            "alerts": partial(_alerts, place),
            "routes": partial(_routes, place),
            "files": partial(_files, place),
        }
        | {f"windows of {name}": partial(_windows, place, each) for name, each in systems.items() if place.audited}
        | {f"sources of {name}": partial(_sources, place, each) for name, each in systems.items()}
    )
    bad = sum(each.state == "bad" for each in findings)
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        click.echo(table([(_SIGNS[each.state], each.check, each.found) for each in findings]))
        for each in findings:
            if each.do and each.state != "ok":
                click.echo(f"{each.check}: {each.do}")
        click.echo(f"{bad} bad of {len(findings)} findings.")
    return 1 if bad else 0


def _answers(checks: Mapping[str, Callable[[], Iterable[Finding]]]) -> list[Finding]:
    """Make checks at the same time, and wait for none of them longer than it may take."""
    answers = {
        name: [Finding(name, "bad", f"no answer within {_SECONDS} s", "see what it waits for")] for name in checks
    }

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
    if not place.audited:
        yield Finding(
            "store", "warn", "there is none yet: nothing was audited in this home", "gov audit SYSTEM --date DAY"
        )
        return
    yield Finding("store", "ok", f"{place.engine.dialect.name}, its schema is this version's")


def _keys(place: Workplace) -> Iterator[Finding]:
    name = load_signer(place.home.keys_dir).public.name  # refuses a key that others can read
    if name != DEMO_KEY_NAME:
        yield Finding("keys", "ok", f"signs as {name}")
        return
    on_postgresql = os.environ.get("GOV_STORE_URL", "").startswith("postgresql")
    remedy = "make a key of your own in another home: GOV_HOME=... gov keys new --name NAME"
    yield Finding("keys", "bad" if on_postgresql else "warn", "the demo's key, which nobody should trust", remedy)


def _clock(place: Workplace, systems: Iterable[str]) -> Iterator[Finding]:
    if not place.audited:
        return
    with reading(place.engine) as connection:
        signed = max((row.signed_at for name in systems if (row := last_snapshot(connection, name))), default=None)
    if signed and signed > place.now:
        yield Finding(
            "clock", "bad", f"set back: a snapshot was signed at {signed:%Y-%m-%d %H:%M} UTC", "set the clock"
        )
        return
    server = server_clock(place.engine)
    apart = abs(server - datetime.now(UTC)) if server else timedelta()
    found = f"{apart.total_seconds():.0f} s from the database's" if server else "after everything signed"
    yield Finding("clock", "warn" if apart > _DRIFT else "ok", found, "set both by NTP" if apart > _DRIFT else "")


def _disk(root: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(next(each for each in (root, *root.absolute().parents) if each.exists())).free
    night = 0
    for kind in ("artifacts", "evidence"):
        for system in root.glob(f"{kind}/*"):
            newest = max(system.glob("????-??-??*"), default=None)
            night += sum(file.stat().st_size for file in newest.rglob("*") if file.is_file()) if newest else 0
    nights = free // max(night, 2**20)
    state: State = "bad" if nights < _NIGHTS[0] else "warn" if nights < _NIGHTS[1] else "ok"
    found = f"{free / 2**30:,.1f} GiB free, {nights:,} nights like the last"
    yield Finding("disk", state, found, "" if state == "ok" else "make room, or move the home")


def _dagster(place: Workplace) -> Iterator[Finding]:
    with open_instance(place.project) as instance:
        yield Finding("Dagster", "ok", "its instance answers")
        yield from daemons(instance, place.now)
        yield stuck_runs(instance, place.now)
        yield from instigators(instance, load(place.project, os.environ))


def _windows(place: Workplace, declaration: SystemDeclaration) -> Iterator[Finding]:
    yield windows(AuditHome.of(place.project), declaration, place.now)


def _sources(place: Workplace, declaration: SystemDeclaration) -> Iterator[Finding]:
    """Whether each database of a system lets us in, and whether its files are there."""
    own = declaration.source
    declared = (own, declaration.reviews, declaration.access_log, *declaration.protected_attributes.values())
    databases = {each.url_env or own.url_env for each in declared if each and each.table} - {None}
    for url_env in sorted(filter(None, databases)):
        check = f"source {url_env} of {declaration.system}"
        try:
            with opened(url_env, place.project.root, os.environ, own.timeout):
                yield Finding(check, "ok", "answers")
        except GovError as error:
            yield Finding(check, "bad", str(error))
    for path in sorted({str(each.path) for each in declared if each and each.path}):
        check = f"source {path} of {declaration.system}"
        if "://" in path:
            yield Finding(check, "unknown", "a bucket, which only a night looks into")
        elif any(Path(place.project.root, path).parent.glob(Path(path).name)):
            yield Finding(check, "ok", "is there")
        else:
            yield Finding(check, "bad", "no such file", "see `path` in its defs.yaml")


def _routes(place: Workplace) -> Iterator[Finding]:
    """Whether every route that a policy names leads to a receiver, and whether each receiver's server answers."""
    named = {
        route
        for policy in place.policies
        for clause in policy.clauses
        if clause.control
        for route in clause.control.notify
    }
    names = sorted({DEFAULT_ROUTE, *named, *load_settings(place.project.root).routes})
    receivers, nowhere = receivers_of(names, routes_from(os.environ))
    for words in nowhere:
        yield Finding("routes", "bad", words, "docs/alerts.md")
    for receiver in receivers.values():
        if (server := server_of(receiver)) is None:
            yield Finding(receiver.name, "unknown", "its URL does not say where its server is", "gov alerts test")
            continue
        problem = unanswered(server, _CONNECT_SECONDS)
        yield Finding(receiver.name, "bad" if problem else "ok", problem or "its server answers")


def _alerts(place: Workplace) -> Iterator[Finding]:
    if not place.audited:
        return
    settings = load_settings(place.project.root)
    with reading(place.engine) as connection:
        waiting = where_waiting(connection, routes_from(os.environ), settings, place.now)
        old = {row.alert.key for row in pending(connection) if place.now - row.alert.raised_at > _OVERDUE}
    late = {key: [why for why in waiting.get(key, {}).values() if not why.startswith("for its hour")] for key in old}
    reasons = {why for each in late.values() for why in each}
    count = sum(map(bool, late.values()))
    yield Finding("alerts", "bad" if count else "ok", f"{count} wait for more than an hour", "; ".join(sorted(reasons)))


def _files(place: Workplace) -> Iterator[Finding]:
    mistakes = [*lint(place.project.assets, place.project.expectations)]
    if not mistakes:
        mistakes = lint_alerts(place.project.root, place.policies)
    many = f"{len(mistakes)} mistakes in declarations, policies and alerts.yaml"
    yield Finding("files", "bad" if mistakes else "ok", many, "gov lint" if mistakes else "")
