"""The committed suites held against what the policies compile to: one emptied by hand tests nothing and says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gov_pipelines.policy import Policy
from gov_pipelines.validate import compile_suites, stale_suites


@dataclass(frozen=True, slots=True)
class SuiteFinding:
    """A committed suite that is not what its policy compiles to.

    Attributes:
        suite: file name.
        expectations: how many it holds; None where it cannot be read.
        expected: how many its policy compiles to; 0 where no policy has this version.
        problem: in words.
    """

    suite: str
    expectations: int | None
    expected: int
    problem: str


def suites_as_compiled(policies: Iterable[Policy], directory: Path) -> list[SuiteFinding]:
    """Each committed suite that is missing, orphaned or different, with its number of expectations."""
    known = list(policies)
    compiled = {name: len(json.loads(text)["expectations"]) for name, text in compile_suites(known).items()}
    found = []
    for mistake in stale_suites(known, directory):
        file = Path(mistake.file)
        held, due = _held(file), compiled.get(file.name, 0)
        counted = "" if held is None else f"; it holds {held} of {due} expectations"
        found.append(SuiteFinding(file.name, held, due, f"{mistake.problem}{counted}. {mistake.remedy}."))
    return found


def _held(file: Path) -> int | None:
    try:
        return len(json.loads(file.read_bytes())["expectations"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
