"""A signed night as its package records it: its texts, counts and moments, without the project and home it came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from gov_pipelines.decisions.rules import VERDICT
from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.package import DISCLOSED_TALLY, TALLY
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.signing import DECLARATION, YEAR
from gov_pipelines.policy import Partition, declaration_of, declaration_text, partition_of, policy_of, policy_text
from gov_pipelines.store import Home, write_atomic, write_frame

ROWS = "rows.json"
VERDICTS = "decision_verdicts.parquet"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Recorded:
    """A package that `verify` has checked.

    Attributes:
        folder: of the package.
        predicate: what was signed, in the shape of `evidence.predicate.FIELDS`.
    """

    folder: Path
    predicate: Mapping[str, Any] = field(repr=False)

    @property
    def partition(self) -> Partition:
        """The local day, or the hour."""
        return partition_of(self.predicate["partition"]["key"])

    @property
    def published(self) -> bool:
        """Whether the tally was left out, and the one with small cells merged stands for it."""
        return self.predicate["tally"] is not None and not (self.folder / TALLY).exists()

    def covers(self, name: str) -> bool:
        """Whether a file is among those that were signed."""
        return any(each["name"] == name for each in self.predicate["manifest"])

    def covered(self, name: str) -> bytes:
        """A covered file, as it was signed.

        Raises:
            EvidenceError: it is not covered, not there, or has other content.
        """
        digest = next((each["sha256"] for each in self.predicate["manifest"] if each["name"] == name), None)
        if digest is None:
            raise EvidenceError(f"{name} is not among the files of the package; nothing can be recomputed without it")
        return self._read(name, digest)

    @property
    def tally(self) -> bytes:
        """The tally; of a published package the one with small cells merged."""
        if self.published:
            return self._read(DISCLOSED_TALLY, self.predicate["tally"]["disclosedSha256"])
        return self.covered(TALLY)

    def night(self, home: Home, *, project: Path | None = None, environ: Mapping[str, str] | None = None) -> Night:
        """The night under the recorded declaration and policies, judged from the recorded instant, in another home.

        Args:
            home: where its steps read and write.
            project: what file sources are relative to; the home's folder unless given.
            environ: where named secrets are read; empty unless given.

        Raises:
            EvidenceError: a text is absent, not as this version writes it, or of another system, day or zone.
        """
        said, key = self.predicate, self.predicate["partition"]["key"]
        declaration = self._text(DECLARATION, declaration_of, declaration_text)
        if sha256(declaration_text(declaration)).hexdigest() != said["declaration"]["sha256"]:
            raise EvidenceError(f"{DECLARATION} is not the declaration whose digest was signed")
        names = [f"policy.{each['name']}@{each['version']}.json" for each in said["policies"]]
        policies = [self._text(name, policy_of, policy_text) for name in names]
        alarms = json.loads(self.covered(YEAR)) if self.covers(YEAR) else None
        try:
            start, end = declaration.calendar.span(self.partition)
            stated = {name: datetime.fromisoformat(said["partition"][name]) for name in ("start", "end")}
            if (declaration.system, declaration.zone, {"start": start, "end": end}) != (
                said["system"], said["partition"]["zone"], stated,
            ):  # fmt: skip
                raise EvidenceError(f"{DECLARATION} is of another system, or {key} is another span of time in its zone")
            return Night(
                home=home,
                project=project or home.root,
                declaration=declaration,
                policies=policies,
                partition=self.partition,
                as_of=datetime.fromisoformat(said["asOf"]),
                environ=environ or {},
                alarms=(alarms["alarms"], alarms["first"]) if alarms else None,
            )
        except (ValueError, LookupError, TypeError) as error:
            raise EvidenceError(f"the partition, the moment or {YEAR} cannot be read: {error}") from error

    def lay(self, home: Home) -> None:
        """Put what was counted into a home, in place of what an earlier revision counted; of a missed window nothing.

        Verdicts on decisions are laid as many as there were of each, under no decision's name.
        """
        folder = home.partition_dir(self.predicate["system"], self.partition)
        if self.predicate["tally"] is None:
            for name in (TALLY, ROWS, VERDICTS):
                (folder / name).unlink(missing_ok=True)
        else:
            write_atomic(folder / TALLY, self.tally)
            write_atomic(folder / ROWS, self.covered(ROWS))
            write_frame(folder / VERDICTS, self._verdicts())

    def _verdicts(self) -> pl.DataFrame:
        decisions = self.predicate["decisions"]
        columns = []
        for key, counts in decisions["counts"].items():
            silent = decisions["treeSize"] - sum(counts.values())  # decisions that the rule does not concern
            said = [
                pl.repeat(verdict, n, dtype=VERDICT, eager=True) for verdict, n in [*counts.items(), (None, silent)]
            ]
            columns.append(pl.concat(said).alias(key))
        return pl.DataFrame(columns)

    def _read(self, name: str, digest: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise EvidenceError(f"{name} is not there: {error.strerror}") from error
        if sha256(data).hexdigest() != digest:
            raise EvidenceError(f"{name} is not as it was signed; run `gov verify`")
        return data

    def _text(self, name: str, read: Callable[[bytes], _T], write: Callable[[_T], bytes]) -> _T:
        data = self.covered(name)
        try:
            found = read(data)
        except ValueError as error:
            raise EvidenceError(f"{name} is not as this version writes it: {error}") from error
        if write(found) != data:
            raise EvidenceError(f"{name} is not in its one spelling")
        return found
