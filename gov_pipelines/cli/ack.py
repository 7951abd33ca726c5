"""`gov ack`: somebody has seen a page, and sees to it."""

from __future__ import annotations

from pathlib import Path

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.notify import acknowledge, open_pages
from gov_pipelines.policy import did_you_mean


@click.command("ack")
@click.argument("alert", required=False)
@click.option("--system", help="Instead of an alert's key: all open pages of this system ...")
@click.option("--control", help="... and of this control only.")
@click.option("--as", "person", required=True, help="Your name; with --key, the one you are enrolled under.")
@click.option("--why", required=True, help="What you know, and what you are doing about it.")
@click.option(
    "--key",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of your own signing key. Without it, what you say is kept and shown as not signed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the keys of the pages as JSON.")
def ack_command(
    alert: str | None,
    system: str | None,
    control: str | None,
    person: str,
    why: str,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Say that you have seen a page and see to it: it goes to nobody else. Its recovery is told all the same.

    \b
    Example:
      gov ack --system mortgage_underwriting --control house-fair-lending/FL-1 --as jane --why "Rolled back to v3."
      gov ack "mortgage_underwriting||2026-11-04|0|missed_window" --as jane --why "Restarting it." --key keys/jane
    """
    if (alert is None) == (system is None):
        raise WrongUse("Name either an alert's key, which `gov alerts` prints, or --system.")
    if not why.strip():
        raise WrongUse("The reason is empty; write a sentence.")
    place = workplace()
    with place.engine.begin() as connection:
        pages = open_pages(connection)
        known = {page.alert.key: page for page in pages}
        mine = [known[alert]] if alert in known else []
        mine += [page for page in pages if page.alert.system == system and control in {None, page.alert.control}]
        if not mine:
            hint = did_you_mean(alert or "", known)
            raise WrongUse(f"No open page is meant; `gov alerts` shows those there are. {hint}".rstrip())
        keys, act = [page.alert.key for page in mine], None
        if folder:
            hand, said = place.hand(connection, person, folder), {"alerts": keys, "why": why.strip()}
            role = hand.role("acknowledge an alert")
            act = hand.sign("acknowledge", role, mine[0].alert.system, said, place.now)
        acknowledge(connection, mine, person, why.strip(), place.now, act)
    how = f"acknowledged by {person}, {'signed' if act else 'not signed'}"
    answer(as_json, {"acknowledged": keys, "signed": bool(act)}, *(f"{page.alert.title}: {how}." for page in mine))
