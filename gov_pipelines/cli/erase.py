"""`gov erase`: delete what is kept of a decision or a person; `gov retention`: how long everything is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from gov_pipelines.cli.app import answer
from gov_pipelines.cli.desk import by_hand, table
from gov_pipelines.cli.place import workplace
from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import load_signer
from gov_pipelines.people import order_erasure
from gov_pipelines.policy import Partition, partition_key
from gov_pipelines.store import Connection, reading


@click.command("erase")
@click.argument("decision", required=False)
@click.option("--system", required=True, help="The system that decided.")
@click.option("--subject", help="Instead of a decision: every decision kept of this subject_key.")
@click.option("--reason", required=True, help="Why, without naming anybody: it is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print what was erased as JSON.")
@by_hand
def erase_command(
    decision: str | None, system: str, subject: str | None, reason: str, as_json: bool, person: str, folder: Path
) -> None:
    """Erase a decision, its salt and its reviews from all that is kept; signed, and noted for the ledger by its count.

    What was signed stays as it is, and every other decision can still be proved. Ordered by the system's owner, its
    approver, or somebody of the role privacy-office. Killed half-way, the same command finishes it.

    \b
    Example:
      gov erase L-2026-000123 --system mortgage_underwriting --reason "Request 17 of the register" \\
        --as omar --key keys/omar
    """
    from gov_pipelines.pipeline.erasing import erase  # noqa: PLC0415  (Polars: only this command pays)

    if (decision is None) == (subject is None):
        raise WrongUse("Name one decision, or a subject with --subject.")
    place = workplace()
    declaration = place.system(system)

    def order(connection: Connection, counts: Mapping[Partition, int], acts: Sequence[str]) -> str:
        hand = place.hand(connection, person, folder)
        return order_erasure(hand, declaration, counts, acts, reason, place.now)

    done = erase(
        place.home, place.engine, declaration, order, reason=reason, now=place.now, decision=decision, subject=subject
    )
    data = [
        {"partition": partition_key(row.partition), "count": row.count, "act": row.act_sha256, "reason": row.reason}
        for row in done
    ]
    answer(
        as_json,
        data,
        *(f"{row.count} of {system} on {row.partition} erased by act {row.act_sha256[:12]}." for row in done),
        "Each day is audited again in the next night, and says so in a revision. Signed evidence stands as it is.",
        "Backups made before hold them still, and so does the source: erase them there.",
    )


@click.command("retention")
@click.argument("system", required=False)
@click.option("--apply", "now_too", is_flag=True, help="Delete what is over now, as every night does.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def retention_command(system: str | None, now_too: bool, as_json: bool) -> None:
    """Show how long the decisions of each system are kept, what is over, and which policies clash.

    Exit code 1 if anything that should be deleted cannot be.

    \b
    Example:
      gov retention
      gov retention mortgage_underwriting --json
    """
    from gov_pipelines.pipeline.retaining import kept_days, retain, retention_table  # noqa: PLC0415  (as above)

    place = workplace()
    systems = [place.system(system)] if system else list(place.books.systems.values())
    found = []
    for declaration in systems:
        if now_too:
            signer = load_signer(place.home.keys_dir, os.environ)
            retain(place.home, place.engine, signer, declaration, place.policies, place.now)
        today = place.now.astimezone(ZoneInfo(declaration.zone)).date()
        with reading(place.engine) as connection:
            days = kept_days(place.home, connection, declaration, place.policies, today)
        found.append(retention_table(days, declaration, today))
    head = ["system", "kept since", "retain until", "delete by", "deletable"]
    rows = [
        [
            each["system"],
            each["kept_since"] or "-",
            each["retain_until"] or "-",
            each["delete_by"] or "never",
            str(each["deletable_rows"]),
        ]
        for each in found
    ]
    clashes = [f"{each['system']}: {conflict}" for each in found for conflict in each["conflicts"]]
    answer(as_json, found, table([head, *rows]), *clashes)
    if clashes:
        click.get_current_context().exit(1)
