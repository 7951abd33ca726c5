"""What an insider with the online key can do, done well: whatever that key may sign is signed anew until all of it agrees.

A story is all that a ledger holds, in its order. Written unchanged it is the very files that were read (a test holds it to
that); changed, everything that depends on the change is computed and signed anew: manifests, digests, links, revisions, the
ledger and its root. What others signed (witnesses, the time authority) stays where it still fits, and is taken away elsewhere.
"""

import copy
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from attacks.case import LAST, ROOT, STAMP, WITNESS
from attacks.world import restamped

from gov_pipelines.evidence import Signer, canonical, decisions_section, dsse, read_leaves, write_leaves
from gov_pipelines.evidence.entries import parse_entry, root_entry, snapshot_entry
from gov_pipelines.evidence.package import ENVELOPE, KEY, LEAVES, parse_bundle
from gov_pipelines.evidence.predicate import content_digest, statement
from gov_pipelines.evidence.roots import ROLES, new_root, parse_root, root_files, sign_root
from gov_pipelines.evidence.test_result import result_statement
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from gov_pipelines.evidence.tlog.notes import parse_note, sign_note
from gov_pipelines.evidence.tlog.tiles import read_entries, tile_path, write_bundle
from gov_pipelines.measure import disclosed, tally_digest, tally_from_json


@dataclass
class Night:
    """A snapshot, before it is signed. Links, digests and manifest follow from the rest; a `lie` is told after that.

    Attributes:
        said: the predicate.
        files: covered, but for the key's.
        lie: changes the Statement, or gives another.
        lie_twice: changes the Statement of the test result, or gives another.
        spell: writes the Statement's bytes.
        kind: payload type of the first envelope.
        signer: in place of the online key.
        entered: writes the ledger's entry.
        withheld: it is in the ledger, but the package is not shown.
    """

    said: dict[str, Any]
    files: dict[str, bytes]
    lie: Callable[[dict[str, Any]], Any] = lambda _: None
    lie_twice: Callable[[dict[str, Any]], Any] = lambda _: None
    spell: Callable[[bytes], bytes] = bytes
    kind: str = dsse.PAYLOAD_TYPE
    signer: Signer | None = None
    entered: Callable[[bytes], bytes] = bytes
    withheld: bool = False

    @property
    def name(self) -> tuple[str, str, int]:
        return self.said["system"], self.said["partition"]["key"], self.said["revision"]

    def leaves(self, change: Callable[[list[bytes]], Any]) -> None:
        """Change the list of leaves, and count it anew."""
        listed = read_leaves(self.files[LEAVES])
        change(listed)
        self.files[LEAVES] = write_leaves(listed)
        self.said["decisions"] = decisions_section(listed)

    def tally(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the counts, and digest them anew."""
        counts = canonical.loads(self.files["tally.json"])
        change(counts)
        self.files["tally.json"] = canonical.dumps(counts)
        counted = tally_from_json(self.files["tally.json"])
        digests = {"sha256": tally_digest(counted), "disclosedSha256": tally_digest(disclosed(counted, 5))}
        self.said["tally"] |= digests


@dataclass
class Story:
    """All that a ledger holds, in its order.

    Attributes:
        evidence: the folder that it was read from, and is written to.
        signer: the key that the insider holds.
        roots: files of the root of trust.
        ledger_signer: the key that signs the checkpoint, where it is another one.
        told: entries as bytes, `Night`s for snapshots, and numbers for versions of the root of trust.
    """

    evidence: Path
    signer: Signer
    roots: list[bytes]
    told: list[bytes | int | Night]
    done: list[bytes] = field(default_factory=list)
    ledger_signer: Signer | None = None

    @classmethod
    def of(cls, world) -> "Story":
        """Read what an insider finds in a home."""
        packages = {}
        for file in world.evidence.glob(f"*/*/r*/{ENVELOPE}"):
            payload = parse_bundle(file.read_bytes())[0].payload
            files = {each.name: each.read_bytes() for each in file.parent.iterdir() if each.name not in {KEY, ENVELOPE}}
            packages[sha256(payload).hexdigest()] = Night(json.loads(payload)["predicate"], files)
        told: list[bytes | int | Night] = []
        for data in entries_of(world.ledger):
            entry = parse_entry(data)
            told.append(packages.get(entry.get("payloadSha256"), entry["version"] if entry["kind"] == "root" else data))
        return cls(world.evidence, world.online, root_files(world.ledger / "root"), told)

    def nights(self, system: str = "loans") -> list[Night]:
        """The snapshots of a system in signing order."""
        return [each for each in self.told if isinstance(each, Night) and each.said["system"] == system]

    def night(self, day: int, revision: int = 1, system: str = "loans") -> Night:
        """The snapshot of a day, 1 and up."""
        (found,) = (each for each in self.nights(system) if each.name[1:] == (f"2026-09-{day:02}", revision))
        return found

    def again(self, night: Night) -> Night:
        """A copy of a night, told last."""
        self.told.append(copy.deepcopy(night))
        return self.told[-1]

    def found_anew(self, signer: Signer) -> None:
        """Tell it under another key, and a root of trust that only it signs."""
        first, origin = parse_root(self.roots[0]), f"example-bank/{signer.public.keyid[:8]}"
        roles = dict.fromkeys(ROLES, ([signer.public], 1))
        self.signer = signer
        self.roots = [
            sign_root(new_root(version, first.since, first.expires, roles, origin), signer) for version in (1, 2)
        ]

    def stamp(self, world) -> None:
        """Have the authority stamp each checkpoint that has no token any more, when its last night was made."""
        hashes, origin = merkle.leaf_hashes(self.done), parse_root(self.roots[0]).origin
        for size, night in enumerate(self.told, start=1):
            file = self.evidence / "ledger" / "timestamps" / f"{size}.tsr"
            if isinstance(night, Night) and not file.exists():
                text = Checkpoint(origin, size, merkle.root(hashes[:size])).to_text().encode()
                made = datetime.fromisoformat(night.said["timeCreated"])
                file.write_bytes(restamped(world.clock, world.clock.stamp(text), made))

    def write(self) -> None:
        """Sign everything, and put it in the place of what was there."""
        for item in self.evidence.iterdir():
            if item.name != "ledger":
                shutil.rmtree(item)
        last: dict[str, tuple[int, str]] = {}
        latest: dict[tuple[str, str], tuple[int, str]] = {}
        self.done = []
        for each in self.told:
            if isinstance(each, Night):
                self.done.append(self._sign(each, last, latest))
            elif isinstance(each, int):
                self.done.append(root_entry(each, sha256(self.roots[each - 1]).hexdigest()))
            else:
                self.done.append(each)
        write_ledger(
            self.evidence / "ledger", parse_root(self.roots[0]).origin, self.done, self.ledger_signer or self.signer
        )
        write_roots(self.evidence / "ledger", self.roots)

    def _sign(self, night: Night, last, latest) -> bytes:
        said, signer = night.said, night.signer or self.signer
        system, day = said["system"], said["partition"]["key"]
        before, replaced = last.get(system), latest.get((system, day))
        said |= {
            "sequence": before[0] + 1 if before else 1,
            "previous": dict(zip(("sequence", "payloadSha256"), before, strict=True)) if before else None,
            "revision": replaced[0] + 1 if replaced else 1,
            "supersedes": dict(zip(("revision", "payloadSha256"), replaced, strict=True)) if replaced else None,
            "revisionReasons": (said["revisionReasons"] or ["other rows"]) if replaced else [],
            "ledger": {"size": len(self.done), "rootHash": merkle.root(merkle.leaf_hashes(self.done)).hex()},
        }
        covered = night.files | {KEY: signer.public.to_json()}
        said["manifest"] = manifest_of(covered)
        said["contentDigest"] = content_digest(said)
        whole = statement(copy.deepcopy(said))
        whole = night.lie(whole) or whole
        second = copy.deepcopy(result_statement(whole))
        second = night.lie_twice(second) or second
        payload = night.spell(canonical.dumps(whole))
        first = dsse.sign(payload, signer, night.kind)
        told, digest = whole["predicate"], sha256(payload).hexdigest()
        last[system] = told["sequence"], digest
        latest[system, day] = told["revision"], digest
        if not night.withheld:
            place = self.evidence / system / day / f"r{told['revision']}"
            place.mkdir(parents=True)
            bundle = first + dsse.sign(canonical.dumps(second), signer)
            for name, content in {**covered, ENVELOPE: bundle}.items():
                (place / name).write_bytes(content)
        return night.entered(snapshot_entry(told, digest, dsse.parse(first).signature))


def manifest_of(files) -> list[dict[str, Any]]:
    return [
        {"name": name, "sha256": sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in sorted(files.items())
    ]


def entries_of(ledger: Path) -> list[bytes]:
    return read_entries(ledger, parse_checkpoint(parse_note((ledger / "checkpoint").read_bytes()).text).size)


def write_ledger(ledger: Path, origin: str, entries: list[bytes], signer: Signer) -> None:
    """Write a ledger of these entries, whatever they are, and keep of what others signed what still fits."""
    assert len(entries) < 256  # one tile
    hashes = merkle.leaf_hashes(entries)
    shutil.rmtree(ledger / "tile")
    tiles = {
        tile_path(0, 0, len(entries)): b"".join(hashes),
        tile_path("entries", 0, len(entries)): write_bundle(entries),
    }
    for name, content in tiles.items():
        (ledger / name).parent.mkdir(parents=True)
        (ledger / name).write_bytes(content)
    checkpoint = Checkpoint(origin, len(entries), merkle.root(hashes))
    (ledger / "checkpoint").write_bytes(sign_note(checkpoint.to_text(), origin, signer).to_bytes())
    for file in (*ledger.glob("cosigned/*"), *ledger.glob("timestamps/*")):
        text = Checkpoint(origin, int(file.stem), merkle.root(hashes[: int(file.stem)])).to_text()
        if int(file.stem) > len(entries) or sha256(text.encode()).digest() not in _stands_on(file):
            file.unlink()


def write_roots(ledger: Path, roots: list[bytes]) -> None:
    shutil.rmtree(ledger / "root")
    (ledger / "root").mkdir()
    for version, content in enumerate(roots, start=1):
        (ledger / "root" / f"{version}.root.json").write_bytes(content)


def _stands_on(file: Path) -> bytes:
    """The digest of the text that others signed, somewhere in what is returned."""
    data = file.read_bytes()
    return data if file.suffix == ".tsr" else sha256(parse_note(data).text.encode()).digest()


REWRITTEN = {ROOT: "root-trusted", LAST: "ledger-last", WITNESS: "witness-quorum", STAMP: "time-limit"}
"""What sees a history that was written anew from its beginning."""


def history_of_his_own(world, **more) -> Story:
    """The story under a second root version of the insider's own: version 1 lets the online key sign the next one."""
    story = Story.of(world)
    first = parse_root(story.roots[0])
    roles = dict.fromkeys(ROLES, ([world.online.public], 1))
    story.roots[1] = sign_root(new_root(2, first.since, first.expires, roles, first.origin, **more), world.online)
    return story


def sixth(story: Story, like: Night | None = None) -> Night:
    """One night more, as honest as the fifth, whose rows it repeats; what a case then changes is the only lie in it."""
    night = story.again(like or story.night(5))
    shift(night, 6 - int(night.said["partition"]["key"][-2:]))
    night.said["timeCreated"] = canonical.instant(datetime.now(UTC).replace(microsecond=0))
    return night


def good_night(story: Story, day: int, into: Night | None = None) -> None:
    """Put the fifth night's findings in the place of a night's."""
    night, good = into or story.night(day), copy.deepcopy(story.night(5))
    shift(good, day - 5)
    kept = ("timeCreated", "policies")
    good.said |= {name: night.said[name] for name in kept}
    night.said, night.files = good.said, good.files


def shift(night: Night, days: int) -> None:
    """Move a night and all that it says to another day of September 2026."""

    def moved(data: bytes) -> bytes:
        return re.sub(rb"2026-09-(\d\d)", lambda found: b"2026-09-%02d" % (int(found[1]) + days), data)

    policies = night.said["policies"]
    night.said = json.loads(moved(json.dumps(night.said).encode())) | {"policies": policies}
    if night.said["missed"] is None:
        night.files["rows.json"], night.files["tally.json"] = map(
            moved, (night.files["rows.json"], night.files["tally.json"])
        )
        night.tally(lambda _: None)


def edited_row(night: Night, **changes) -> None:
    """Edit the measurement that decides of fairness."""
    row = next(
        each for each in night.said["measurements"] if each["metric"] == "impact_ratio" and each["group"] is None
    )
    row |= changes


def edited_control(night: Night, **changes) -> None:
    """Edit the verdict on fairness."""
    next(each for each in night.said["controls"] if each["control"] == "house/FAIR").update(changes)


def second_of(here: Path, other: Path) -> None:
    """Put another ledger in the place of one."""
    shutil.rmtree(here)
    shutil.copytree(other, here)
