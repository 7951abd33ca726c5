"""Writers of a ledger that die, by SIGKILL, at a chosen one of the system calls with which they change the disk.

Run as a program it forks one process for each job it reads, so that a kill hits an append and not its imports.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from gov_pipelines.evidence import canonical, load_signer
from gov_pipelines.evidence.keys import Signer
from gov_pipelines.evidence.tlog import ledger
from gov_pipelines.store import Home, lock

ORIGIN = "home.example/ledger"
KINDS = 900  # different entries that writers append, so that many are appended more than once
_CALLS = ("open", "write", "fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "link", "truncate", "ftruncate")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_AUDITED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
REAL = {name: getattr(os, name) for name in _CALLS}
sync = os.fsync  # of what `note` writes


def entry(number):
    """The n-th entry: it looks like an act."""
    return canonical.dumps({"v": 1, "kind": "act", "act": "review", "sha256": sha256(str(number).encode()).hexdigest()})


class _Watch:
    """Whether calls are counted now, and whether one of them is being made; an audit hook stays for good."""

    counting = inside = hooked = False


@contextmanager
def calls(act):
    """Let `act(name, call, *arguments)` stand for every call of `os` that changes the disk; the call itself is `call`."""
    if not _Watch.hooked:
        sys.addaudithook(_audit)
        _Watch.hooked = True

    def replaced(name):
        def perform(*arguments, **named):
            if name == "open" and not arguments[1] & _WRITING:
                return REAL[name](*arguments, **named)
            _Watch.inside = True
            try:
                return act(name, lambda: REAL[name](*arguments, **named), *arguments)
            finally:
                _Watch.inside = False

        return perform

    _Watch.counting = True
    try:
        for name in _CALLS:
            setattr(os, name, replaced(name))
        yield
    finally:
        _Watch.counting = False
        for name, call in REAL.items():
            setattr(os, name, call)


def _audit(event, arguments):
    # What changed the disk behind our back would never be killed, and the tests would say too much.
    if not _Watch.counting or _Watch.inside:
        return
    if event in _AUDITED or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
        assert "/ledger/" not in str(arguments[0]), f"not counted: {event} {arguments}"


def note(path, said):
    """Add a line to a file, on disk when this returns."""
    descriptor = REAL["open"](path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    REAL["write"](descriptor, json.dumps(said).encode() + b"\n")
    sync(descriptor)
    os.close(descriptor)


def notes(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def noting(signer, path):
    """A signer that notes what it signs before it does."""

    def sign(message):
        note(path, base64.b64encode(message).decode())
        return signer.sign(message)

    return Signer(signer.public, sign)


def work(home, writer, batches, die_at=0, half=False, dry=False):
    """Append batches of entries, each under the lock; die at the n-th call, or, of a write, in its middle.

    Where it is dry, files are not flushed, for speed: that matters at power cuts, not at kills.
    """
    home, count = Path(home), 0

    def act(name, call, *arguments):
        nonlocal count
        count += 1
        if count == die_at:
            if half and name == "write":
                REAL["write"](arguments[0], arguments[1][: len(arguments[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        done = None if dry and name == "fsync" else call()
        if name == "replace" and Path(arguments[1]).name == ledger.CHECKPOINT:
            note(home / "seen", base64.b64encode(Path(arguments[1]).read_bytes()).decode())
        return done

    signer = noting(load_signer(home / "keys"), home / "signed")
    for batch in batches:
        with lock(Home(home), "ledger"), calls(act):
            told = ledger.append(home / "ledger", ORIGIN, [entry(number) for number in batch], signer)
            note(home / f"acknowledged.{writer}", {"batch": batch, "indices": told.indices, "size": told.size})


class Nursery:
    """A process that has imported all, and forks writers."""

    def __init__(self):
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *jobs):
        """Run writers side by side, each with the arguments of `work`; their exit codes, negative for a signal."""
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def batches(random):
    """What one writer is to append: a few entries at a time, sometimes many, sometimes one twice."""
    sizes = [random.choice((1, 1, 2, 3, 8, 40)) for _ in range(4)]
    return [[random.randrange(KINDS) for _ in range(size)] for size in sizes]


def _fork(job):
    child = os.fork()
    if child:
        return child
    work(**job)
    os._exit(0)


def _serve():
    for line in sys.stdin:
        children = [_fork(job) for job in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    _serve()
