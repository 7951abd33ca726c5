"""`gov alerts`: what was told and is not over, what waits and why, and whether the receivers answer."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from typing import Any

import click

from gov_pipelines import notify
from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import WithDefault, table
from gov_pipelines.cli.place import Workplace, workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.people import acts_of
from gov_pipelines.store import Connection, reading


@click.group("alerts", cls=WithDefault)
def alerts_command() -> None:
    """Show the pages that are not over, who has seen them, and whom they go to next.

    `gov alerts` is short for `gov alerts list`.

    \b
    Example:
      gov alerts
      gov alerts list --json
      gov alerts test --route credit-risk-oncall
    """


@alerts_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print open pages and what waits as JSON.")
def list_alerts(as_json: bool) -> None:
    """Show open pages, and every alert that a receiver has not taken yet, with the reason.

    \b
    Example:
      gov alerts list --json
    """
    place = workplace()
    settings = notify.load_settings(place.project.root)
    with reading(place.engine) as connection:
        pages, routes = notify.open_pages(connection), notify.routes_from(os.environ)
        waiting = notify.where_waiting(connection, routes, settings, place.now)
        signed = _signed(place, connection, pages)
    said = [_told(page, settings, signed, waiting.pop(page.alert.key, {}), place.now) for page in pages]
    lines = ["\n  ".join([each["title"], *_lines(each)]) for each in said]
    lines.append(f"{len(said)} open pages. {len(waiting)} other alerts wait.")
    if waiting:
        reasons = {("", receiver, why) for where in waiting.values() for receiver, why in where.items()}
        lines.append(table(sorted(reasons)))
    others = [{"key": key, "where": where} for key, where in waiting.items()]
    answer(as_json, {"pages": said, "waiting": others}, *lines)


@alerts_command.command("test")
@click.option("--route", help="Only this route; all that the environment and alerts.yaml name by default.")
@click.option("--json", "as_json", is_flag=True, help="Print who took it as JSON.")
def test_alerts(route: str | None, as_json: bool) -> int:
    """Send a test message to each receiver, and say who took it. Exit code 3 if one did not.

    No address is printed. A receiver that had said it is gone is served again if it answers.

    \b
    Example:
      gov alerts test
      gov alerts test --route credit-risk-oncall
    """
    place, routes = workplace(), notify.routes_from(os.environ)
    if not routes:
        raise WrongUse("No receiver is declared. Set GOV_ALERT_URLS to an address (docs/alerts.md).")
    named = {notify.DEFAULT_ROUTE, *notify.load_settings(place.project.root).routes, *routes}
    said = notify.try_receivers(place.store, routes, [route] if route else sorted(named), place.now)
    found = {name: refusal.words if refusal else None for name, refusal in said.items()}
    answer(as_json, found, table([[name, words or "took it"] for name, words in found.items()]))
    return 3 if any(found.values()) else 0


def _signed(place: Workplace, connection: Connection, pages: Collection[notify.Page]) -> set[str]:
    """The acknowledgements whose signature was verified, by act."""
    if not any(page.ack and page.ack.act for page in pages):
        return set()
    return {each.id for each in acts_of(connection, place.roster(connection), "acknowledge")}


def _told(
    page: notify.Page, settings: notify.AlertSettings, signed: Collection[str], waiting: dict[str, str], now: datetime
) -> dict[str, Any]:
    ack, steps = page.ack, [] if page.ack else settings.escalations(page.alert)
    said = {name: getattr(page.alert, name) for name in ("key", "title", "system", "control", "severity")}
    seen = ack and {"by": ack.person, "at": ack.at.isoformat(), "why": ack.why, "signed": ack.act in signed}
    coming = next(({"route": step.route, "at": step.at.isoformat()} for step in steps if step.at > now), None)
    told = {"since": str(page.alert.partition), "told": page.alert.raised_at.isoformat(), "acknowledged": seen}
    to = {"routes": settings.routes_of(page.alert), "escalated": [step.route for step in steps if step.at <= now]}
    return said | told | to | {"next": coming, "waiting": waiting}


def _lines(page: dict[str, Any]) -> list[str]:
    ack, coming = page["acknowledged"], page["next"]
    seen = "by nobody"
    if ack:
        seen = f"by {ack['by']} ({'signed' if ack['signed'] else 'not signed'}), {ack['at'][:16]}: {ack['why']}"
    return [
        f"since {page['since']}, told {page['told'][:16]} to {', '.join([*page['routes'], *page['escalated']])}",
        f"acknowledged {seen}",
        *([f"goes to {coming['route']} at {coming['at'][:16]} UTC"] if coming else []),
        *(f"waits: {receiver}: {why}" for receiver, why in page["waiting"].items()),
        f"key: {page['key']}",
    ]
