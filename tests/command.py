"""The `gov` command, run as a person would."""

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from contextlib import chdir, closing, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from gov_pipelines.cli import main

ROOT = Path(__file__).resolve().parent.parent


def gov(*arguments, home, cwd=ROOT, env=None, check=None, timeout=230):
    """Run the command as a person would; `check` is the exit code it must have."""
    done = subprocess.run(
        [sys.executable, "-c", "from gov_pipelines.cli import main; main()", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "GOV_HOME": str(home), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


@contextmanager
def fresh_modules():
    """No `assets` of another project before, none of this one after."""
    path, before = list(sys.path), dict(sys.modules)
    for name in filter(_of_project, before):
        del sys.modules[name]
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [*filter(_of_project, sys.modules)]:
            del sys.modules[name]
        sys.modules |= {name: module for name, module in before.items() if _of_project(name)}


def copy_home(home: Path, to: Path) -> Path:
    """A copy of a home that others may be reading: its databases by SQLite's own copy, as their side files come and go."""
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("*.db", "*.db-wal", "*.db-shm", "*.db-journal"))
    for database in home.rglob("*.db"):
        with (
            closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to / database.relative_to(home))) as target,
        ):
            source.backup(target)
    return to


def _of_project(name):
    return name.partition(".")[0] == "assets"


def told(*arguments, home, cwd=ROOT, env=None, check=None):
    """The same in this process, which spares the seconds that imports take."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        fresh_modules(),
        mock.patch.dict(os.environ, {"GOV_HOME": str(home), **(env or {})}),
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(err),
        warnings.catch_warnings(action="default"),
    ):
        try:
            main([*map(str, arguments)])
        except SystemExit as ended:
            code = ended.code or 0
    done = subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
    if check is not None:
        assert code == check, f"exit {code}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def let_go():
    """Close the connections to servers that a command in this process left to the end of its process."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()
