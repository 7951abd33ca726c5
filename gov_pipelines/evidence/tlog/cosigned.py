"""Cosignatures on a ledger's own checkpoints, as witnesses send them back."""

from __future__ import annotations

from collections.abc import Iterable

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import lines
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Note, Verifier, parse_note, parse_signatures, verified

_DASH = "\u2014 ".encode()


def parse_answer(data: bytes, current: Note) -> Note:
    """Read what a witness sent: a cosigned checkpoint, or the bare signature lines of tlog-witness.

    Args:
        data: the file.
        current: the ledger's newest checkpoint, which bare lines are taken to be of.

    Raises:
        EvidenceError: neither.
    """
    if not data.startswith(_DASH) or len(data) > lines.MAX_BYTES:
        return parse_note(data)
    return Note(current.text, (*current.signatures, *parse_signatures(data.decode(errors="replace"))))


def merged(held: Note | None, answer: Note, logs: Iterable[Verifier], witnesses: Iterable[Verifier]) -> Note:
    """Add the cosignatures of an answer to those that a checkpoint has.

    Args:
        held: the checkpoint with the cosignatures there are; None where there is none yet.
        answer: from `parse_answer`, of the same text, with the log's signature.
        logs: the log's keys.
        witnesses: those whose cosignatures are wanted.

    Returns:
        The log's signatures, then one cosignature a witness: the newest.

    Raises:
        EvidenceError: another text, a signature that does not hold, of an unknown key, or none of a witness.
    """
    held = held or answer
    if answer.text != held.text:
        raise EvidenceError("the answer is about another checkpoint than the ledger's of that size")
    known = {(each.name, each.key_id): each for each in (*logs, *witnesses)}
    for note in (held, answer):
        verified(note, known.values())
        if unknown := sorted({each.name for each in note.signatures if (each.name, each.key_id) not in known}):
            raise EvidenceError(f"{', '.join(unknown)} is neither the ledger's key nor a witness in its root of trust")
    kinds = [known[each.name, each.key_id].kind for each in answer.signatures]
    if COSIGNATURE not in kinds or kinds == [COSIGNATURE] * len(kinds):
        raise EvidenceError("the answer does not hold both the ledger's signature and a witness's cosignature")
    newest = {(each.name, each.key_id): each for each in (*held.signatures, *answer.signatures)}
    return Note(held.text, tuple(sorted(newest.values(), key=lambda each: known[each.name, each.key_id].kind)))
