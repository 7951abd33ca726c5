"""What an attack says of itself, and what an auditor may bring along to catch it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gov_pipelines.evidence.verification import Verification
from gov_pipelines.evidence.verify import concluded, read

FILES = "files alone"
KEY = "--trust key"
ROOT = "--trust root"
LAST = "--last"
WITNESS = "--policy"
STAMP = "--tsa"
RECOMPUTE = "--recompute"
MEANS = (KEY, ROOT, LAST, WITNESS, STAMP, RECOMPUTE)

THREATS = {
    1: "edit a measurement or verdict", 2: "delete a bad night", 3: "back-date a snapshot", 4: "replay an old snapshot",
    5: "swap the policy", 6: "weaken a policy silently", 7: "signing key stolen", 8: "truncate the ledger's tail",
    9: "split view", 10: "change the decision log afterwards", 11: "insert a forged decision", 12: "re-order decisions",
    13: "node as leaf, leaf as node", 14: "wrong tree size, right path", 15: "parsers that differ",
    16: "payload type or predicate confused", 17: "keyid games, a threshold counted twice", 18: "weak key",
    19: "guess ids from hashes", 20: "link a person's decisions", 21: "over-disclosure", 22: "erasure",
    23: "the producer's clock", 24: "a bad time authority or witness", 26: "huge and deep inputs", 27: "crash between writes",
}  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """One case.

    Attributes:
        threats: which it is of, by their numbers in `THREATS`.
        by: what catches it: means to rule. With `FILES` everything else catches it too; otherwise each of the means named
            does so by itself, and all others together do not.
        alone: nothing but these rules fails.
        act: changes the world; gives the path to verify where that is not the whole evidence folder.
    """

    threats: tuple[int, ...]
    by: Mapping[str, str]
    alone: bool
    act: Callable[..., Path | None]

    @property
    def name(self) -> str:
        return self.act.__name__.replace("_", " ")

    @property
    def changed(self) -> str:
        """In words."""
        return " ".join(self.act.__doc__.split())


@dataclass(frozen=True)
class Promise:
    """What must hold whoever attacks, and cannot be put as a change that is caught.

    Attributes:
        threats: as of an attack.
        keep: shows that it holds, on a copy of the world.
    """

    threats: tuple[int, ...]
    keep: Callable[..., None]

    @property
    def promised(self) -> str:
        """In words."""
        return " ".join(self.keep.__doc__.split())


CASES: list[Attack] = []
PROMISES: list[Promise] = []


def attack(*threats: int, by: str | Mapping[str, str], alone: bool = False):
    """Register a case; a rule by itself is one that the files alone fail."""

    def register(act):
        CASES.append(Attack(threats, {FILES: by} if isinstance(by, str) else by, alone, act))
        return act

    return register


def promise(*threats: int):
    """Register what must hold."""

    def register(keep):
        PROMISES.append(Promise(threats, keep))
        return keep

    return register


def applicable(path: Path) -> tuple[str, ...]:
    """What an auditor can bring to a thing: to one decision's proof no kept checkpoint, and no time authority."""
    if path.is_file():
        return KEY, ROOT, WITNESS
    return (KEY, ROOT, WITNESS, STAMP) if (path / "snapshot.intoto.jsonl").exists() else MEANS


def verified(world, path: Path, means: Iterable[str]) -> Verification:
    """What `gov verify PATH` finds with these means. Of a key and a root, the root."""
    means, given = {*means}, world.auditor
    trust = given / "2.root.json" if ROOT in means else given / "key.json" if KEY in means else None
    asked = {"last": (LAST, "last"), "policy": (WITNESS, "policy"), "authority": (STAMP, "tsa.pem")}
    options = {option: given / file if name in means else None for option, (name, file) in asked.items()}
    evidence, left_open = read(path, trust=trust, **options), None
    if RECOMPUTE in means and evidence.sound:
        from gov_pipelines.pipeline.recompute import recompute  # noqa: PLC0415  (as the command does)

        checks, left_open = recompute(path, evidence.snapshots)
        evidence.checks.checks.extend(checks)
    return concluded(evidence, left_open)
