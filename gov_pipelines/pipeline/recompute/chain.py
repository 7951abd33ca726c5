"""The packages of a system one after the other, each computed again from what had been signed before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.code import code_digest
from gov_pipelines.evidence.examine import Snapshot
from gov_pipelines.evidence.package import TALLY, read_package
from gov_pipelines.evidence.verification import Check, Checklist
from gov_pipelines.measure import SCORING, Judgement, Measurement, judge, tally_from_json
from gov_pipelines.pipeline.measuring import (
    counted_measurements,
    drifted,
    judged_measurements,
    presence_of,
    with_native,
)
from gov_pipelines.pipeline.night import Night
from gov_pipelines.pipeline.recompute.agreement import WORDS, differences, drawn, measurement_of, told, within_chance
from gov_pipelines.pipeline.recompute.counts import accounts_amiss, tally_amiss
from gov_pipelines.pipeline.recompute.recorded import ROWS, Recorded
from gov_pipelines.pipeline.verdicts import control_record, judge_controls, verdict_rows_of
from gov_pipelines.policy import BoundClause, Partition
from gov_pipelines.policy.kinds import ACCESS_LOG, Drift, Expectation, Fairness, Freshness, OperatingRange, over_year
from gov_pipelines.store import NOT_AUDITED, Home

REWRITTEN = (
    "what a holder of the signing key changes everywhere at once (tally, leaves, measurements and verdicts of a day and of "
    "every later day whose window holds it): the files then agree; a ledger that a witness saw, an outside timestamp or the "
    "rows themselves show it"
)
OPINION = "fairlearn's second opinion: as it was signed; fairlearn was not asked again"


_BROKEN_OFF = 3
"""Snapshots after a night among which may be one whose counts it found already: of an audit that broke off before signing,
and was done again soon after."""


def recompute(folder: Path, snapshots: Sequence[Snapshot]) -> tuple[list[Check], list[str]]:
    """Compute measurements and verdicts of signed nights again, and hold them against what was signed.

    Args:
        folder: what was given to `verify`, which found nothing wrong with it.
        snapshots: what `verify` read there.

    Returns:
        The checks, and what could not be computed again: each control and metric with its reason, in words.
    """
    checks, open_ = Checklist(), Counter[str]()
    ordered = sorted(snapshots, key=lambda each: (each.predicate["system"], each.predicate["sequence"]))
    for _, chain in groupby(ordered, key=lambda each: each.predicate["system"]):
        with TemporaryDirectory(prefix="gov-recompute-") as scratch:
            open_ += _chain(folder, [*chain], Home(Path(scratch)), checks)
    if not ordered:
        return [], []
    counted = [f"{what}{f' ({count} snapshots)' if count > 1 else ''}" for what, count in sorted(open_.items())]
    return checks.checks, [*counted, REWRITTEN, OPINION]


def _chain(folder: Path, snapshots: Sequence[Snapshot], home: Home, checks: Checklist) -> Counter[str]:
    open_, laid = Counter[str](), dict[Partition, Recorded]()
    whole = [each.predicate["sequence"] for each in snapshots] == list(range(1, len(snapshots) + 1))
    packages = [(folder / each.file).parent for each in snapshots]
    for at, snapshot in enumerate(snapshots):
        one = Recorded(packages[at], read_package(packages[at]).predicate)
        found, left_open = _computed(snapshot.file, one, home, whole=whole)
        laid[one.partition] = one
        for package in packages[at + 1 : at + 1 + _BROKEN_OFF] if any(not check.ok for check in found) else ():
            later = Recorded(package, read_package(package).predicate)
            before = laid.get(later.partition)
            if before is None or before is one:
                continue
            with suppress(EvidenceError):  # its own turn comes
                later.lay(home)
            again, open_again = _computed(snapshot.file, one, home, whole=whole)
            before.lay(home)
            if all(check.ok for check in again):
                key, revision = later.predicate["partition"]["key"], later.predicate["revision"]
                told = f"{snapshot.file} stands on counts of {key} that were signed only afterwards, as revision {revision}"
                found, left_open = again, {*open_again, f"{told}: an audit broke off between counting and signing"}
                break
        checks.checks += found
        open_.update(f"{snapshot.predicate['system']}: {each}" for each in left_open)
    return open_


def _computed(file: str, one: Recorded, home: Home, *, whole: bool) -> tuple[list[Check], set[str]]:
    """One night computed again from what lies in a home; whatever goes wrong is a failed check."""
    checks, open_ = Checklist(), set[str]()
    try:
        night = one.night(home)
        one.lay(home)
        again = _Again(file, one, night, whole, checks, open_)
        if one.predicate["missed"] is None:
            again.counts()
        again.verdicts(again.measurements() if one.predicate["missed"] is None else {})
    except Exception as error:  # noqa: BLE001  (fail closed: counts that were made up can break any formula)
        words = error if isinstance(error, EvidenceError) else f"{type(error).__name__}: {error}"
        checks.note(file, "recomputed", False, words, "files from which the night can be computed again")
    return checks.checks, open_


@dataclass(slots=True)
class _Again:
    """One night, computed again. `open_` gathers what could not be."""

    file: str
    recorded: Recorded
    night: Night
    whole: bool
    checks: Checklist
    open_: set[str]

    @property
    def said(self) -> Mapping[str, Any]:
        return self.recorded.predicate

    @property
    def leave(self) -> frozenset[str]:
        """Sentences are compared where the same code wrote them."""
        if self.said["producer"]["codeDigest"] == code_digest():
            return frozenset()
        self.open_.add("the wording of reasons and notes: another version of the program wrote it")
        return WORDS

    def counts(self) -> None:
        """The package's counts agree with each other."""
        if self.night.alarms:
            words = f"how many controls of all systems share the error of a year: {self.night.alarms[0]}, as the package says"
            self.open_.add(words)
        rows, prefix = self.recorded.covered(ROWS), self.file.rpartition("/")[0]
        amiss = "; ".join(accounts_amiss(rows, self.said))
        self.checks.note(f"{prefix}/{ROWS}".lstrip("/"), "ingest-adds-up", not amiss, amiss or "agree", "agree")
        if self.recorded.published:
            return
        tally, night = tally_from_json(self.recorded.tally), self.night
        amiss = "; ".join(tally_amiss(tally, self.said, night.declaration, night.partition))
        self.checks.note(f"{prefix}/{TALLY}".lstrip("/"), "tally-adds-up", not amiss, amiss or "agree", "agree")

    def measurements(self) -> dict[str, list[Measurement]]:
        """Compare the measurements of every control; ours where they agree, which are not rounded, else as signed."""
        night = self.night
        signed: dict[str, list[Mapping[str, Any]]] = {}
        for record in self.said["measurements"]:
            signed.setdefault(record["control"], []).append({k: v for k, v in record.items() if k != "control"})
        agreed: dict[str, list[Measurement]] = {}
        natives = {each.key for each in night.bound if isinstance(each.control, Expectation)}
        for bound in sorted(night.bound, key=_place):
            if bound.key not in natives:
                rows = self._agreed(bound.key, self._ours(bound), signed.get(bound.key, []))
                agreed |= {bound.key: rows} if rows else {}
        agreed = with_native(night, agreed)
        for key in sorted(natives):
            agreed[key] = self._agreed(key, agreed[key], signed.get(key, []))
        strange = sorted(signed.keys() - {each.key for each in night.bound})
        self.checks.equal(
            self.file, "recomputed-measurement", strange or "of controls in force", "of controls in force"
        )
        return agreed

    def _ours(self, bound: BoundClause) -> list[Measurement] | str:
        """A control's measurements computed again; or why they cannot be."""
        night, control = self.night, bound.control
        if why := self._why_not(bound):
            return why
        if control.judges == "decision":
            return judged_measurements(night, bound)
        if isinstance(control, Drift):
            found = drifted(night, bound, control)
            return found[0] if found else []
        return counted_measurements(night, bound) or []

    def _why_not(self, bound: BoundClause) -> str | None:
        control = bound.control
        if not self.whole and _looks_back(self.night, bound):
            return "its window holds other days, and only part of the chain was given"
        if _place(bound)[0] == _OF_ACCESS:
            return "the reads it is about are in no package"
        if isinstance(control, Fairness) and control.metric in SCORING:
            return "it needs rows, and no tally keeps them"
        if self.recorded.published and control.judges != "decision":
            return "small cells of the published tally are merged"
        return None

    def _agreed(
        self, key: str, ours: list[Measurement] | str, signed: Sequence[Mapping[str, Any]]
    ) -> list[Measurement]:
        """Check one control's measurements, and give those to judge by."""
        stated = [measurement_of(record) for record in signed]
        if isinstance(ours, str):
            names = sorted({each.metric for each in stated})
            self.open_.add(f"{key}: {', '.join(names) or 'nothing measured'}: not recomputed: {ours}")
            return stated
        place, rule = f"{self.file}, {key}", "recomputed-measurement"
        if len(ours) != len(stated):
            self.checks.note(place, rule, False, f"{len(stated)} rows", f"{len(ours)} rows")
            return stated
        judged, apart = [], list[tuple[str, str]]()
        for mine, said, record in zip(ours, stated, signed, strict=True):
            exact, loose = (
                [*told([asdict(mine)], [record], self.leave | left)] for left in (frozenset[str](), drawn(mine))
            )
            by_chance = bool(exact) and not loose and within_chance(mine, said)
            if by_chance:
                self.open_.add(f"{key}: {mine.metric}: {exact[0][0].split(' ')[0]} rests on random draws, here others")
            apart += [] if by_chance else exact
            judged.append(said if exact else mine)
        got, expected = apart[0] if apart else ("as signed", "as signed")
        more = f", and {len(apart) - 1} more" if apart[1:] else ""
        self.checks.note(place, rule, not apart, got + more, expected)
        return judged

    def verdicts(self, measured: Mapping[str, Sequence[Measurement]]) -> None:
        """Compare every control's verdict, and all that was signed of it."""
        night, missed = self.night, self.said["missed"]
        if missed:
            judged = {each.key: Judgement("missing", f"{NOT_AUDITED}{missed['reason']}") for each in night.bound}
        else:
            judged = judge_controls(night, measured)
        for name in sorted({*night.declaration.policies} - {each.policy for each in night.policies}):
            self.open_.add(
                f"{name}: the declaration names it, and no version of it is in the package: not in force, or left out"
            )
        records, leave = self._records(judged), self.leave
        stated = {each["control"]: each for each in self.said["controls"]}
        for key, record in records.items():
            signed = stated.pop(key, {})
            wrong = differences(record, signed, leave)
            if wrong and not self.whole and self._with_holes(key, measured.get(key, []), signed, leave):
                wrong = []
            got, expected = ({name: str(each.get(name)) for name in wrong} for each in (signed, record))
            self.checks.equal(f"{self.file}, {key}", "recomputed-verdict", got or "as signed", expected or "as signed")
        for key, signed in stated.items():
            allowed = {"not_applicable"} | ({"missing"} if missed else set())
            ok = signed["verdict"] in allowed and not signed["n"] and not signed["breaches"]
            words = f"{signed['verdict']} of a control that no policy of the package binds"
            self.checks.note(f"{self.file}, {key}", "recomputed-verdict", ok, words, " or ".join(sorted(allowed)))
            self.open_.add(f"{key}: not in force, or its text was edited: what its policy asks is not in the package")

    def _records(self, judged: Mapping[str, Judgement]) -> dict[str, dict[str, Any]]:
        texts = {each.key: each.clause.text for each in self.night.bound}
        rows = verdict_rows_of(self.night, judged, self.said["revision"])
        return {row.control: control_record(row, texts) for row in rows}

    def _with_holes(
        self, key: str, rows: Sequence[Measurement], signed: Mapping[str, Any], leave: frozenset[str]
    ) -> bool:
        """Whether a verdict follows where some number of other days was there: which were cannot be told from part of a chain."""
        bound = next(each for each in self.night.bound if each.key == key)
        expected = presence_of(self.night)[key][1]
        if isinstance(bound.control, Expectation):
            self.open_.add(f"{key}: verdict not recomputed: only part of the chain was given")
            return True
        found = (
            judge(bound.control, rows, partitions_present=present, partitions_expected=expected)
            for present in range(expected, -1, -1)
        )
        return any(not differences(self._records({key: each})[key], signed, leave) for each in found)


_OF_ACCESS = 2


def _place(bound: BoundClause) -> tuple[int, str]:
    """Where a control's measurements stand among all: by the step that makes them, as a night reads them back."""
    control = bound.control
    if control.judges == "decision":
        return 3, ""
    if control.kind in {"data_access", "access_pattern"} or (
        isinstance(control, Freshness) and control.of == ACCESS_LOG
    ):
        return _OF_ACCESS, bound.key
    return (1 if isinstance(control, Drift) else 0), bound.key


def _looks_back(night: Night, bound: BoundClause) -> bool:
    control = bound.control
    usual = isinstance(control, OperatingRange) and bool(control.usual or control.new)
    return len(night.window(bound)) > 1 or usual or isinstance(control, Drift) or over_year(control)
