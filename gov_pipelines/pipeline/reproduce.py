"""A signed night done again from what its home kept, under the policies and the declaration that its package records.

The night's own steps run in a scratch home, which is removed. They begin with the kept decision log and access log: the
source is not read again, so what it says now changes nothing. The counts of other days are those that had been signed before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gov_pipelines.decisions import frame_digest
from gov_pipelines.errors import GovError, WrongUse
from gov_pipelines.evidence import found, read_package
from gov_pipelines.evidence.predicate import content_digest, content_of
from gov_pipelines.pipeline import measuring, signing, verdicts
from gov_pipelines.pipeline.night import Night, judge
from gov_pipelines.pipeline.recompute.recorded import ROWS, Recorded
from gov_pipelines.policy import Partition, partition_key
from gov_pipelines.store import Home, read_frame, record_policy, write_atomic

_LOG = "decision_log.parquet"
_INPUTS = (_LOG, "salts.parquet", "access_log.parquet", "grants.json")
_OF_WINDOWS = (_LOG, "access_log.parquet")
_STEPS = (
    judge, measuring.compare_access, measuring.tally, measuring.measure_fairness, measuring.measure_shift,
    verdicts.reach_verdicts, signing.sign,
)  # fmt: skip
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What doing a night again gave.

    Attributes:
        recorded: content digest that was signed.
        reproduced: the one that came out.
        differs: each member of the content that is another, as (path into the predicate, recorded, reproduced), shortened.
        because: why, as far as it can be told; never empty where something differs.
    """

    recorded: str
    reproduced: str
    differs: Sequence[tuple[str, str, str]]
    because: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether the same came out."""
        return self.recorded == self.reproduced


def reproduce(package: Path, *, project: Path, environ: Mapping[str, str]) -> Reproduction:
    """Audit a signed partition again, from the inputs that the package's home kept.

    Args:
        package: folder of a package in a home: `<home>/evidence/<system>/<partition>/r<revision>`.
        project: what protected attributes that no row keeps are joined from.
        environ: where the secrets for that are read.

    Raises:
        WrongUse: there is no such package, it lies in no home, or its inputs are not kept any more.
        EvidenceError: the package does not verify, or cannot be read.
        GovError: a step failed.
    """
    package = package.resolve()
    one = Recorded(package, read_package(package).predicate)
    home, recorded = _home_of(package, one), one.predicate
    with TemporaryDirectory(prefix="gov-reproduce-") as scratch:
        other = Home(Path(scratch))
        night = one.night(other, project=project, environ={**environ, "GOV_STORE_URL": ""})
        try:
            folders = home.evidence_dir(night.system).glob("*/r*/")
            others = [Recorded(folder, read_package(folder).predicate) for folder in folders]
            causes = _prepare(night, one, home, others)
            _run(night, one)
            again = dict(read_package(other.snapshot_dir(night.system, night.partition, 1)).predicate)
        finally:
            night.store.dispose()
    known = {each["control"] for each in again["controls"]}
    elsewhere = [each for each in recorded["controls"] if each["control"] not in known]
    # What a control asks that was not in force stands in no package: its line is taken as it was signed.
    again["controls"] = sorted([*again["controls"], *elsewhere], key=lambda each: str(each["control"]))
    digests = recorded["contentDigest"], content_digest(again)
    differs = [*_differences(content_of(recorded), content_of(again), "")]
    if differs:
        causes += [*_changed_since(night, one, home, others), *_versions(recorded["producer"], again["producer"])]
    unknown = ["no reason is known: neither inputs nor versions differ from what was recorded"]
    return Reproduction(*digests, differs, (causes or unknown) if differs else [])


def _home_of(package: Path, one: Recorded) -> Home:
    said = one.predicate
    place = Path("evidence", said["system"], said["partition"]["key"], f"r{said['revision']}")
    home = Home(package.parents[3]) if package.match(str(place)) else None
    if home is None or not (said["missed"] or home.partition_dir(said["system"], one.partition).parents[1].is_dir()):
        raise WrongUse(
            f"{package} lies in no home: expected .../{place} beside `artifacts`, which a copy for an auditor does not have. "
            "Give the package's path in the home that made it."
        )
    return home


def _prepare(night: Night, one: Recorded, home: Home, others: Sequence[Recorded]) -> list[str]:
    """Fill the scratch home; says what of the inputs is not as it was."""
    said, other = one.predicate, night.home
    found(other.keys_dir, other.roots_dir, name="reproduction", created=datetime.now(UTC))
    with night.store.begin() as connection:
        for policy, stated in zip(night.policies, said["policies"], strict=True):
            record_policy(connection, policy, datetime.fromisoformat(stated["recordedAt"]))
    for each in sorted(others, key=lambda each: int(each.predicate["sequence"])):
        if each.predicate["sequence"] < said["sequence"] and each.partition != night.partition:
            each.lay(other)
            place = home.partition_dir(night.system, each.partition)
            _keep(_OF_WINDOWS, place, other.partition_dir(night.system, each.partition))
    later = [
        each
        for each in others
        if each.predicate["sequence"] > said["sequence"]
        and each.predicate["revision"] > 1
        and each.partition <= night.partition
    ]
    later.sort(key=lambda each: (each.partition, -each.predicate["revision"]), reverse=True)  # its own first
    causes = [
        f"{partition_key(each.partition)} was signed anew as revision {each.predicate['revision']}, and its kept rows are those of the "
        f"newest: {'; '.join(each.predicate['revisionReasons'])}"
        for each in later
    ]
    newest = not any(each.partition == night.partition for each in later)
    return causes if said["missed"] else [*causes, *_lay_inputs(night, one, home, newest=newest)]


def _lay_inputs(night: Night, one: Recorded, home: Home, *, newest: bool) -> Iterator[str]:
    """Lay down what the night began with; says what of it is not as it was."""
    folder = home.partition_dir(night.system, night.partition)
    _keep(_INPUTS, folder, night.folder)
    rows = json.loads(one.covered(ROWS))
    log = read_frame(night.folder / _LOG) if (night.folder / _LOG).is_file() else None
    if log is None or (newest and log.height < rows["accepted"]):
        kept = f"{log.height if log is not None else 0} of the {rows['accepted']} decisions"
        raise WrongUse(
            f"{kept} of {night.system} on {partition_key(night.partition)} are kept: rows were erased, or their time to be kept is over. "
            "The night cannot be done again; `gov verify --recompute` checks what follows from its counts."
        )
    if frame_digest(log) != rows["log"]:  # so its accounting is not the signed one either
        _keep([ROWS], folder, night.folder)
        night.write_json(ROWS, {**night.read_json(ROWS), "accepted": log.height})
        if newest:
            yield f"{folder.name}/{_LOG} is not the log that was audited: it was changed after this revision was signed"
    else:
        write_atomic(night.folder / ROWS, one.covered(ROWS))
    if apart := night.declaration.attributes_apart:
        yield f"{', '.join(apart)}: kept in no row, so joined from the source as it is now"


def _keep(names: Sequence[str], source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def _run(night: Night, one: Recorded) -> None:
    if missed := one.predicate["missed"]:
        signing.sign_missed(night, missed["reason"])
        return
    for step in _STEPS:
        try:
            step(night)
        except OSError as error:
            raise GovError(f"{step.__name__}: {error.strerror}: {Path(error.filename or '').name}") from error


def _changed_since(night: Night, one: Recorded, home: Home, others: Sequence[Recorded]) -> Iterator[str]:
    """Name the other days of its windows whose kept rows are not those that were signed of them by then."""
    windows = set().union(*map(night.window, night.bound)) - {night.partition}
    before: dict[Partition, Recorded] = {}
    for each in sorted(others, key=lambda each: int(each.predicate["sequence"])):
        if each.predicate["sequence"] < one.predicate["sequence"] and each.partition in windows:
            before[each.partition] = each
    for day, each in sorted(before.items()):
        log = home.partition_dir(night.system, day) / _LOG
        if each.covers(ROWS) and not (
            log.is_file() and frame_digest(read_frame(log)) == json.loads(each.covered(ROWS))["log"]
        ):
            yield f"the rows kept of {partition_key(day)}, another day of its windows, are not as they were then"


def _differences(recorded: Any, reproduced: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(recorded, dict) and isinstance(reproduced, dict):
        for name in sorted(recorded.keys() | reproduced.keys()):
            yield from _differences(recorded.get(name), reproduced.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(recorded, list) and isinstance(reproduced, list):
        if len(recorded) != len(reproduced):
            yield path, f"{len(recorded)} entries", f"{len(reproduced)} entries"
        for index, pair in enumerate(zip(recorded, reproduced, strict=False)):
            yield from _differences(*pair, f"{path}[{index}]")
    elif recorded != reproduced:
        yield path, str(recorded)[:_SHOWN], str(reproduced)[:_SHOWN]


def _versions(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in ("version", "codeDigest", "python"):
        if then[name] != now[name]:
            yield f"{name} of the program: {then[name]} then, {now[name]} now"
    libraries = [each["libraries"] for each in (then, now)]
    for name in sorted(libraries[0].keys() | libraries[1].keys()):
        was, is_ = (each.get(name, "none") for each in libraries)
        if was != is_:
            yield f"{name}: {was} then, {is_} now"
