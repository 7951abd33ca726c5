"""What a witness's proof of fraud shows: that one ledger told two stories."""

from __future__ import annotations

from functools import partial

from gov_pipelines.evidence.history import Asked
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.fraud import parse_fraud, proven
from gov_pipelines.evidence.verification import Checklist


def inspect_fraud(name: str, data: bytes, asked: Asked, checks: Checklist) -> tuple[list[str], list[str]]:
    """Check a proof of fraud. That it holds is bad news about the ledger, and good evidence.

    Args:
        name: of the file.
        data: the file.
        asked: who vouches for the ledger's key; a proof carries none.
        checks: receives the checks.

    Returns:
        What it proves, and what it leaves open, in words.
    """
    fraud = checks.attempt(name, "fraud-format", "a proof of fraud", partial(parse_fraud, data))
    if fraud is None:
        return [], []
    older = checks.attempt(name, "checkpoint-format", "a checkpoint", partial(parse_checkpoint, fraud.older.text))
    if older is None:
        return [], []
    logs = asked.logs(older.origin, [asked.root] if asked.root else [])
    if not logs:
        checks.note(name, "checkpoint-signature", False, "no key is known", "the ledger's key: give --trust")
        return [], []
    found = checks.attempt(name, "fraud-proven", "two signed checkpoints that contradict", partial(proven, fraud, logs))
    if found is None:
        return [], []
    older, newer = found.older, found.newer
    told = (
        f"PROVEN: the ledger {older.origin} signed two histories: {older.size} entries under {older.root.hex()}, and "
        f"{newer.size} entries under {newer.root.hex()}, which do not begin so. Believe neither"
    )
    return [told], ["who was shown which history, and why"]
