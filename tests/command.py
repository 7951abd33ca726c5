"""The `gov` command, run as a person would."""

import os
import subprocess
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
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


def told(*arguments, home, cwd=ROOT, env=None, check=None):
    """The same in this process, which spares the second that imports take: for what is soon said."""
    out, err, code = StringIO(), StringIO(), 0
    with (
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
