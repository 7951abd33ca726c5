"""The world that attacks are made on: a small home by the real steps of its nights, and what an auditor brings along."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from unittest import mock

from command import told
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from projects import declared, found_home, house, night_of, signed, write_project
from tsa import TimeAuthority, served, time_authority

from gov_pipelines.evidence import PublicKey, Signer, generate
from gov_pipelines.evidence.roots import ROLES, new_root, parse_root, sign_root
from gov_pipelines.evidence.tlog import witness
from gov_pipelines.evidence.tlog.notes import COSIGNATURE, Verifier
from gov_pipelines.evidence.verify import last_seen
from gov_pipelines.pipeline import signing
from gov_pipelines.pipeline.bundling import bundle_night
from gov_pipelines.pipeline.proving import open_day
from gov_pipelines.policy import load_declaration
from gov_pipelines.store import Home, reading, snapshot_of

FIRST = date(2026, 9, 1)
HOUR = timedelta(hours=1)
NIGHTS = 5
GROUPS = {"loans": "fm", "cards": "ab"}
_DEFS = """\
  source: {path: SYSTEM.csv}
  columns: {decision_id: id, decided_at: at, decision: action}
  outcomes: {favorable: [granted], unfavorable: [denied]}
  protected_attributes: {sex: {}}
"""
_CLAUSES = """\
  - {id: FAIR, text: Fair by day., level: runtime, control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, test: none, min_group_size: 3}}
  - {id: SMALL, text: Amounts are small., level: output, control: {kind: decision_rule, must: "amount < 900", window: 2 days}}
"""
_CLOSED = house(_CLAUSES).replace("{from: 2026-01-01}", "{from: 2026-01-01, until: 2026-09-03}")
_NEXT = house(_CLAUSES.replace("0.8", "0.75"), version=2).replace("2026-01-01", "2026-09-03")


@dataclass(frozen=True)
class World:
    """One copy of it, for one attack.

    Attributes:
        evidence: the folder that an auditor is given; an attack changes it.
        auditor: what he has from elsewhere: `key.json`, `2.root.json`, `last`, `policy`, `tsa.pem`.
        online: the key that signs every night, which the insider holds.
        owners: the three keys of the root of trust, kept offline; two are enough.
        witnesses: two, both of whom must cosign.
        clock: the time authority.
        strange: a key that nobody named.
        night: one night that travels alone.
        proof: of one decision.
    """

    evidence: Path
    auditor: Path
    online: Signer
    owners: list[Signer]
    witnesses: list[Signer]
    clock: TimeAuthority
    strange: Signer
    night: Path
    proof: Path

    @property
    def ledger(self) -> Path:
        return self.evidence / "ledger"

    def package(self, day: int, revision: int = 1, system: str = "loans") -> Path:
        """The package of a day, 1 to `NIGHTS`."""
        return self.evidence / system / (FIRST + timedelta(days=day - 1)).isoformat() / f"r{revision}"

    def copy(self, folder: Path) -> "World":
        """A copy to be attacked."""
        shutil.copytree(self.evidence.parent, folder)
        moved = {name: folder / getattr(self, name).name for name in ("evidence", "night", "proof", "auditor")}
        return replace(self, **moved)


def build(folder: Path) -> World:
    """Two systems, five nights each, one of them bad, a late decision, a missed window, and a policy's second version.

    Nights are 18 hours apart, the last one is now. The witnesses looked after the second night and after the last, the
    auditor after the third.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    moments = [now - (NIGHTS - number) * 18 * HOUR for number in range(1, NIGHTS + 1)]
    home = Home(folder / "home" / ".gov")
    online = found_home(home.root, "Example Bank", moments[0] - HOUR)
    (auditor := folder / "given" / "auditor").mkdir(parents=True)
    clock = time_authority(folder / "clock")
    owners = [_key(folder, f"owner {number}", now) for number in (1, 2, 3)]
    seen = [_key(folder, name, now) for name in ("council.example", "regulator.example")]
    ledger = home.ledger_dir
    (auditor / "key.json").write_bytes(online.public.to_json())
    (auditor / "policy").write_text(witness_policy(seen))
    (auditor / "tsa.pem").write_bytes(clock.root)
    origin = parse_root((ledger / "root" / "1.root.json").read_bytes()).origin
    second = second_root(moments[0], origin, online.public, owners, (auditor / "policy").read_text(), clock.root)
    second = sign_root(sign_root(sign_root(second, online), owners[0]), owners[1])
    for place in (auditor, ledger / "root"):
        (place / "2.root.json").write_bytes(second)
    project = write_project(folder / "home", _defs("loans"), _CLOSED, key=False)
    (project / "expectations" / "house2.yaml").write_text(_NEXT)
    (project / "assets" / "cards").mkdir()
    (project / "assets" / "cards" / "defs.yaml").write_text(_defs("cards"))
    for system in GROUPS:
        (project / f"{system}.csv").write_text("id,at,action,sex,amount\n" + _rows(system))
    shift = [now]

    def stamped(query: bytes) -> tuple[int, bytes]:
        return 200, restamped(clock, clock.reply(query), shift[0])

    with served(stamped) as url:
        environ = {"GOV_STORE_URL": "", "GOV_TSA_URL": url}

        def audit(system: str, day: int, missed: str = "") -> None:
            one = night_of(project, FIRST + timedelta(days=day - 1), environ=environ)
            one = replace(one, declaration=load_declaration(project / "assets" / system / "defs.yaml"))
            with mock.patch.object(signing, "datetime", _set_to(shift[0])):
                signing.sign_missed(one, missed) if missed else signed(one)

        for day, moment in enumerate(moments, start=1):
            shift[0] = moment
            audit("loans", day)
            audit("cards", day, missed="the source was away" if day == 4 else "")
            if day == 2:
                with (project / "loans.csv").open("a") as file:
                    file.write(f"late,{FIRST}T10:00:00,denied,f,10\n")
                audit("loans", 1)
                _cosign(folder, home, seen, moment)
            if day == 3:
                (auditor / "last").write_bytes(last_seen(home.root / "evidence"))
    _cosign(folder, home, seen, now)
    shutil.copytree(home.root / "evidence", folder / "given" / "evidence")
    bundle_night(home.root / "evidence", "loans", FIRST.isoformat(), folder / "given" / "night", published=False)
    (folder / "given" / "proof").write_bytes(prove(project, FIRST, "loans-1-02", ["decision"]))
    given = {name: folder / "given" / name for name in ("evidence", "night", "proof", "auditor")}
    return World(
        **given, online=online, owners=owners, witnesses=seen, clock=clock, strange=_key(folder, "strange", now)
    )


def second_root(since, origin, online: PublicKey, owners, witnesses, *authorities) -> bytes:
    """Version 2 of a root of trust: the online key signs snapshots and checkpoints, two of three owners change it."""
    roles = dict.fromkeys(ROLES, ([online], 1)) | {"root": ([each.public for each in owners], 2)}
    return new_root(2, since, since + timedelta(days=900), roles, origin, witnesses, authorities)


def witness_policy(witnesses) -> str:
    """Both must cosign."""
    keys = {f"w{number}": Verifier(each.public.name, COSIGNATURE, each.public) for number, each in enumerate(witnesses)}
    lines = [f"witness {name} {key.vkey}" for name, key in keys.items()]
    return "\n".join([*lines, f"group both all {' '.join(keys)}", "quorum both", ""])


def prove(project, day: date, decision: str, shown) -> bytes:
    """What `gov prove` writes."""
    night = night_of(project, day)
    with reading(night.store) as connection:
        row = snapshot_of(connection, night.system, day)
    return open_day(night, row).prove(decision, shown)


def restamped(clock: TimeAuthority, token: bytes, at: datetime) -> bytes:
    """The same token as its authority would have made it at another time: its key signs anew."""
    key = load_pem_private_key((clock.folder / "signer.key").read_bytes(), None)
    said = re.search(rb"\x18\x0f(\d{14}Z)", token)  # GeneralizedTime
    info = next(each for each in _around(token, said.start(1), 0x30) if sha256(each).digest() in token)
    attributes = next(each for each in _around(token, token.rindex(sha256(info).digest()), 0xA0))
    other = info.replace(said[1], at.strftime("%Y%m%d%H%M%SZ").encode())
    others = attributes.replace(sha256(info).digest(), sha256(other).digest())
    # The last value: an OCTET STRING, and in it a SEQUENCE of two numbers.
    heads = {size: bytes([0x04, size, 0x30, size - 2]) for size in range(66, 73)}
    signature = next(token[-size:] for size, head in heads.items() if token[-size - 2 :].startswith(head))
    while len(made := key.sign(b"\x31" + others[1:], ec.ECDSA(SHA256()))) != len(signature):
        pass  # of another length every length around it would change
    return token.replace(info, other).replace(attributes, others).replace(signature, made)


def _around(data: bytes, place: int, tag: int):
    """Values of DER with a tag that enclose a place, the innermost first."""
    for start in range(place, -1, -1):
        length, head = data[start + 1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[start + 2 : start + head], "big")
        if data[start] == tag and place < start + head + length <= len(data):
            yield data[start : start + head + length]


def _defs(system: str) -> str:
    return declared(_DEFS.replace("SYSTEM", system), system=system)


def _rows(system: str) -> str:
    """Sixteen decisions a day; on the third, one group is denied more often."""
    groups = GROUPS[system]
    return "".join(
        f"{system}-{day}-{n:02},{FIRST + timedelta(days=day - 1)}T09:{n:02}:00,"
        f"{'denied' if n % 5 == 0 or (day == 3 and n % 2 and n > 4) else 'granted'},{groups[n % 2]},{100 + 7 * n}\n"
        for day in range(1, NIGHTS + 1)
        for n in range(16)
        if (system, day) != ("cards", 4)
    )


def _key(folder: Path, name: str, now: datetime) -> Signer:
    return generate(folder / "people" / name.replace(" ", "-") / "keys", name=name, created=now)


def _cosign(folder: Path, home, witnesses, moment: datetime) -> None:
    """`gov witness` on their machines, `gov ledger cosigned` on ours."""
    for each in witnesses:
        place = folder / "people" / each.public.name
        pin = witness.pin_root((home.ledger_dir / "root" / "2.root.json").read_bytes())
        said = witness.answer(place, home.ledger_dir, each, int(moment.timestamp()), pin)
        assert said.note, said.reason
        (place / "answer").write_bytes(said.note.to_bytes())
        env = {"GOV_PIPELINES_PROJECT": str(folder / "home")}
        told("ledger", "cosigned", place / "answer", home=home.root, env=env, check=0)


def _set_to(moment: datetime) -> Callable[..., datetime]:
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    return Clock
