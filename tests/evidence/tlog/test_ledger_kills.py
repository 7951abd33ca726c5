"""The ledger's writer where it is killed at every system call, twice over, beside another writer, and by power cuts."""

import base64
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import crasher
import pytest
from crasher import KINDS, ORIGIN, REAL, Nursery, batches, calls, entry, note, notes, noting, work

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import generate, load_signer
from gov_pipelines.evidence.tlog import ledger, merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import log_verifier, parse_note
from gov_pipelines.evidence.tlog.tiles import read_entries

KILLED = -9

# Entries there before, and those appended: the first ever, within a tile, a tile filled to the brim, over its brim with
# older partial tiles to delete, over two.
SCENES = {
    "first": ([], [3]),
    "within": ([range(5)], [5, 6]),
    "brim": ([range(255)], [255]),
    "over": ([range(200), range(200, 250), range(250, 254)], range(254, 260)),
    "far": ([range(250)], range(250, 800)),
}


@pytest.fixture(scope="module")
def nursery():
    one = Nursery()
    yield one
    one.close()


@pytest.fixture
def home(tmp_path):
    generate(tmp_path / "home" / "keys", name="kills", created=datetime(2026, 11, 23, tzinfo=UTC))
    return tmp_path / "home"


def sound(home):
    """What must hold whatever happened; the number of signed checkpoints, and of acknowledged entries."""
    folder = home / "ledger"
    assert ledger.check(folder, [log_verifier(ORIGIN, load_signer(home / "keys").public)]) == []
    size = 0
    if (folder / "checkpoint").exists():
        size = parse_checkpoint(parse_note((folder / "checkpoint").read_bytes()).text).size
    entries = read_entries(folder, size)
    assert len(set(entries)) == size, "an entry is there twice"
    acknowledged = [told for path in home.glob("acknowledged.*") for told in notes(path)]
    for told in acknowledged:
        assert told["size"] <= size
        for number, index in zip(told["batch"], told["indices"], strict=True):
            assert entries[index] == entry(number), "an acknowledged entry is not where it was acknowledged"
    signed = [parse_checkpoint(base64.b64decode(text).decode()) for text in notes(home / "signed")]
    roots = {checkpoint.size: checkpoint.root for checkpoint in signed}
    assert all(roots[checkpoint.size] == checkpoint.root for checkpoint in signed), "two roots for one size were signed"
    hashes = merkle.leaf_hashes(entries)
    known = sorted(each for each in roots if each <= size)
    assert all(roots[each] == merkle.root(hashes[:each]) for each in known)
    for old, new in pairwise(known):
        proof = merkle.consistency_proof(hashes[:new], old)
        assert merkle.verify_consistency(old, roots[old], new, roots[new], proof)
    seen = [parse_checkpoint(parse_note(base64.b64decode(text)).text) for text in notes(home / "seen")]
    assert all(roots[each.size] == each.root for each in seen)
    assert [each.size for each in seen] == sorted(each.size for each in seen), "a checkpoint on disk was set back"
    if not (folder / "pending").exists():
        assert not roots or max(roots) == size, "what was signed is not in the ledger"
    return len(known), sum(len(told["batch"]) for told in acknowledged)


def prepare(home, scene):
    work(home, 0, [list(batch) for batch in SCENES[scene][0]], dry=True)
    shutil.copytree(home, home.with_name("before"))
    return list(SCENES[scene][1])


def again(home):
    shutil.rmtree(home)
    shutil.copytree(home.with_name("before"), home)


@pytest.mark.parametrize("half", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["before", "within"])
@pytest.mark.parametrize(
    "scene", ["within", *(pytest.param(each, marks=pytest.mark.faults) for each in ("first", "brim", "over", "far"))]
)
def test_a_kill_at_each_call_leaves_a_ledger_that_goes_on(home, nursery, scene, half):
    batch, kills = prepare(home, scene), 0
    job = {"home": str(home), "writer": 1, "batches": [batch], "dry": True}
    while True:
        (code,) = nursery.run({**job, "die_at": kills + 1, "half": half})
        sound(home)
        if code != KILLED:
            break
        kills += 1
        # Another, killed at some call of its own, comes before the one that ends.
        nursery.run({**job, "batches": [[7000], batch], "die_at": Random(kills).randrange(1, 60)})
        sound(home)
        assert nursery.run({**job, "batches": [batch[:1]]}) == [0]
        sound(home)
        assert not (home / "ledger" / "pending").exists()
        again(home)
    assert code == 0
    assert kills > 20


def rounds(home, nursery, seeds):
    """Two writers at once, each killed at some call, for each seed; the ledger is checked after each."""
    killed = 0
    for seed in seeds:
        random = Random(seed)
        jobs = [
            {
                "home": str(home),
                "writer": writer,
                "batches": batches(random),
                "die_at": random.randrange(1, 160),
                "half": random.random() < 0.3,
            }
            for writer in (1, 2)
        ]
        codes = nursery.run(*jobs)
        assert set(codes) <= {0, KILLED}
        killed += codes.count(KILLED)
        told = sound(home)
    assert nursery.run({"home": str(home), "writer": 3, "batches": [list(range(20))]}) == [0]
    assert told <= sound(home)
    assert not (home / "ledger" / "pending").exists()
    return killed, *sound(home)


def test_two_writers_killed_in_ten_rounds(home, nursery):
    killed, signed, acknowledged = rounds(home, nursery, range(10))
    assert killed >= 8
    assert signed > 10
    assert acknowledged > 20


@pytest.mark.faults
@pytest.mark.parametrize("start", range(0, 200, 20))
def test_two_writers_killed_in_two_hundred_rounds(home, nursery, start, capsys):
    killed, signed, acknowledged = rounds(home, nursery, range(start, start + 20))
    with capsys.disabled():
        print(f"\nrounds {start} to {start + 19}: {killed} kills, {signed} sizes signed, {acknowledged} acknowledged")
    assert killed > 10


@pytest.fixture
def simulated(monkeypatch):
    """Nothing waits for the real disk."""
    monkeypatch.setattr(crasher, "sync", lambda descriptor: None)


class Died(BaseException):
    """Stands for SIGKILL where the disk is simulated."""


class Disk:
    """A disk that keeps only what was flushed: at a power cut the rest is lost or torn, each name and file by itself.

    A name keeps, until its folder is flushed, any of the contents it had since the last time; a file's content, until it
    is flushed itself, any beginning of it.
    """

    def __init__(self, random):
        self._random, self._left = random, 0
        self._names, self._torn, self._open = {}, set(), {}

    @contextmanager
    def dying_after(self, count):
        """Let that many calls through, and die at the next."""
        self._left = count
        with calls(self._perform):
            yield

    def _perform(self, name, call, *arguments):
        self._left -= 1
        if self._left < 0:
            if name == "write":
                REAL["write"](arguments[0], arguments[1][: self._random.randrange(len(arguments[1]) + 1)])
            raise Died
        if name not in {"write", "fsync"}:
            for path in map(Path, arguments[: 2 if name == "replace" else 1]):
                self._names.setdefault(path, []).append(self._now(path))
        done = None if name == "fsync" else call()
        if name == "open":
            self._torn.add(Path(arguments[0]))
        elif name == "replace":
            source, target = map(Path, arguments[:2])
            torn = source in self._torn
            self._torn -= {source, target}
            self._torn |= {target} if torn else set()
        elif name == "fsync":
            path = Path(f"/proc/self/fd/{arguments[0]}").readlink()
            self._torn.discard(path)
            self._names = {each: past for each, past in self._names.items() if each.parent != path}
        return done

    @staticmethod
    def _now(path):
        return path.read_bytes() if path.is_file() else "folder" if path.is_dir() else None

    def cut(self):
        """Lose power."""
        for path in filter(Path.exists, self._torn):
            data = path.read_bytes()
            path.write_bytes(data[: self._random.randrange(len(data) + 1)])
        for path, past in reversed(self._names.items()):
            became = self._random.choice([*past, self._now(path)])
            if became == "folder":
                path.mkdir(parents=True, exist_ok=True)
            elif path.is_dir():
                shutil.rmtree(path)
            elif became is None:
                path.unlink(missing_ok=True)
            elif path.parent.is_dir():
                path.write_bytes(became)
        self._names, self._torn = {}, set()


def attempt(home, disk, batch, count):
    """Append in this process, and die after so many calls; whether it came to its end before."""
    signer = noting(load_signer(home / "keys"), home / "signed")
    try:
        with disk.dying_after(count):
            told = ledger.append(home / "ledger", ORIGIN, [entry(number) for number in batch], signer)
    except Died:
        return False
    note(home / "acknowledged.1", {"batch": batch, "indices": told.indices, "size": told.size})
    return True


def lives(home, seed, deaths=20):
    """One ledger through appends that die, half of them with the power; what must hold is looked at after each."""
    random = Random(seed)
    disk = Disk(random)
    for _ in range(deaths):
        batch = [random.randrange(KINDS) for _ in range(random.choice((1, 2, 5, 60, 200)))]
        attempt(home, disk, batch, random.choice((random.randrange(80), 10_000)))
        if random.random() < 0.5:
            disk.cut()
        sound(home)


@pytest.mark.parametrize("seed", range(6))
def test_power_cuts_lose_nothing_that_was_acknowledged(home, seed, simulated):
    lives(home, seed)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_power_cuts_lose_nothing_that_was_acknowledged(home, seed, simulated):
    lives(home, seed, deaths=40)


@pytest.mark.faults
@pytest.mark.parametrize("scene", ["first", "within"])
def test_a_death_and_then_a_power_cut_at_each_pair_of_calls(home, scene, simulated, capsys):
    batch, first, pairs, ended = prepare(home, scene), 0, 0, False
    while not ended:
        second, done = 0, False
        while not done:
            again(home)
            disk = Disk(Random(pairs))
            ended = attempt(home, disk, batch, first)
            done = attempt(home, disk, batch, second)
            disk.cut()
            sound(home)
            assert attempt(home, disk, [*batch, 5000], 10_000)
            sound(home)
            second, pairs = second + 1, pairs + 1
        first += 1
    with capsys.disabled():
        print(f"\n{scene}: {pairs} pairs of a death and a power cut")


def test_these_tests_notice_a_writer_that_does_not_flush(tmp_path, monkeypatch, simulated):
    monkeypatch.setattr(ledger, "flush", lambda folder: None)
    for seed in range(30):
        generate(tmp_path / str(seed) / "keys", name="kills", created=datetime(2026, 11, 23, tzinfo=UTC))
    with pytest.raises((AssertionError, EvidenceError)):
        list(map(lives, map(tmp_path.joinpath, map(str, range(30))), range(30)))
