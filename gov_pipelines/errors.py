"""The one family of errors a person may see.

GovError
├── WrongUse            exit 2: wrong arguments, or no such input
├── ConfigurationError  exit 1: declarations or policies with mistakes, all of them at once
├── SourceUnreachable   exit 3: a database, bucket, file or service that did not answer
└── EvidenceError       exit 1: something signed is untrue or malformed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class GovError(Exception):
    """Something a person can act on: what was expected, what was found, where, and what to do."""

    exit_code = 1


class WrongUse(GovError):  # noqa: N818  (reads as a sentence in the command line's output)
    """The command was called with arguments that do not fit, or names something that does not exist."""

    exit_code = 2


class SourceUnreachable(GovError):  # noqa: N818  (as above)
    """A source or service was not reached. The window that needed it is a missed window."""

    exit_code = 3


class EvidenceError(GovError):
    """Evidence is malformed or untrue."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in a file that a person wrote.

    Attributes:
        file: path as the person would name it.
        line: 1-based line, 0 where the whole file is meant.
        field: dotted path of the field, such as `attributes.outcomes.favorable`.
        problem: what was found and what was expected.
        remedy: what to do.
    """

    file: str
    line: int
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.problem}. {self.remedy}"


class ConfigurationError(GovError):
    """Declarations or policies with mistakes; it carries every one of them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
