"""The one family of errors a person may see.

GovError
├── WrongUse            exit 2: wrong arguments, or no such input
├── ConfigurationError  exit 1: declarations or policies with mistakes, all of them at once
├── SourceUnreachable   exit 3: a database, bucket, file or service that did not answer
├── EvidenceError       exit 1: something signed is untrue or malformed
└── Unforeseen          exit 1: anything else, by its kind and place alone
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FULL = re.compile("No space left on device|disk is full|File too large|Disk quota exceeded")
_LOGIN = re.compile(r"://\S*@")


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


class Unforeseen(GovError):  # noqa: N818  (as above)
    """An error of a library, or of ours. Its own text is not told: it may quote rows, logins or addresses."""


@contextmanager
def unquoted() -> Iterator[None]:
    """Let errors out in our own words alone, without those that they were raised from: Dagster keeps all it is told.

    Raises:
        GovError: as it was raised.
        Unforeseen: any other error, with the lines of code that it went through.
    """
    try:
        yield
    except GovError as error:
        raise error from None
    except Exception as error:  # noqa: BLE001  (whatever it is, its text may not be told)
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
        full = FULL.search(str(error))
        raise Unforeseen(f"{words}: {full[0]}" if full else words).with_traceback(error.__traceback__) from None


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

    def __post_init__(self) -> None:
        """Take the login out of an address that stands where its variable's name should: mistakes are told and kept."""
        for name in ("field", "problem", "remedy"):
            object.__setattr__(self, name, _LOGIN.sub("://...@", getattr(self, name)))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.problem}. {self.remedy}"


class ConfigurationError(GovError):
    """Declarations or policies with mistakes; it carries every one of them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
