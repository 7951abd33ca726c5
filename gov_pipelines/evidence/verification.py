"""The result of verifying evidence: every rule that was checked, and what even a good result does not prove."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from gov_pipelines.errors import EvidenceError

_T = TypeVar("_T")

NOBODY_VOUCHED = "consistent with its own key, which nobody vouched for"

NOT_PROVEN = ("completeness at the source: that every decision the system made was handed over",)
NOT_RECOMPUTED = "measurements and verdicts: they were not recomputed from the covered files; give --recompute"
_LONGEST = 2000  # of what is shown of one value, in characters
_TEXT = (str, Exception)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, check_circular=False)


class Check(NamedTuple):
    """One rule applied to one file: a tuple, as years of evidence make a million of them.

    Attributes:
        file: path within what was verified.
        rule: stable name of the rule; the list is in docs/evidence.md.
        ok: whether the rule holds.
        got: what was found.
        expected: what the rule wants.
    """

    file: str
    rule: str
    ok: bool
    got: str
    expected: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found.

    Attributes:
        ok: every check holds.
        trusted: every check holds, and a key the auditor already trusts signed every snapshot.
        checked: the checks, failed ones included, in the order they were made.
        not_proven: what the result does not show, in words.
        covered: what was verified, in words, one line a system.
    """

    ok: bool
    trusted: bool
    checked: list[Check]
    not_proven: list[str]
    covered: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checked if not check.ok]

    @property
    def conclusion(self) -> str:
        """One sentence for a person."""
        if not self.ok:
            return f"NOT VERIFIED: {len(self.failures)} of {len(self.checked)} checks failed"
        return "verified with the trusted key or root" if self.trusted else NOBODY_VOUCHED

    def to_json(self) -> str:
        """Write `{ok, trusted, checked: [{file, rule, ok, got, expected}], not_proven: [...]}`."""
        said = {
            "ok": self.ok,
            "trusted": self.trusted,
            "checked": [check._asdict() for check in self.checked],
            "not_proven": self.not_proven,
        }
        return json.dumps(said, ensure_ascii=False, indent=1)

    def to_text(self) -> str:
        """Write what was verified, the failures, the conclusion, and what is not proven, for a terminal."""
        failed = [
            f"FAILED {check.file}: {check.rule}: got {check.got}; expected {check.expected}" for check in self.failures
        ]
        not_proven = (f"- {item}" for item in self.not_proven)
        return "\n".join([*self.covered, *failed, self.conclusion, "Not proven:", *not_proven])


@dataclass(slots=True)
class Checklist:
    """Collects checks while evidence is read."""

    checks: list[Check] = field(default_factory=list)

    def attempt(self, file: str, rule: str, expected: str, read: Callable[[], _T]) -> _T | None:
        """Read something, and note whether it could be read; None where it could not."""
        try:
            value = read()
        except EvidenceError as error:
            self.note(file, rule, False, error, expected)
            return None
        self.note(file, rule, True, expected, expected)
        return value

    def equal(self, file: str, rule: str, got: object, expected: object) -> bool:
        """Note whether what was found equals what is expected."""
        if got == expected:
            got = expected = shown(expected)
            self.checks.append(Check(shown(file), rule, True, got, expected))
            return True
        return self.note(file, rule, False, got, expected)

    def note(self, file: str, rule: str, ok: bool, got: object, expected: object) -> bool:
        """Note the outcome of a rule, and return it."""
        self.checks.append(Check(shown(file), rule, ok, shown(got), shown(expected)))
        return ok


def shown(value: object) -> str:
    """Make what evidence brought along safe to print: a file name or key name may hold terminal commands.

    Text and errors stay as they are; any other value is written as JSON.
    """
    spelled = value if isinstance(value, _TEXT) else _ENCODER.encode(value)
    text = str(spelled)[:_LONGEST]
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
