"""The `gov` command, run as a person would."""

import os
import subprocess
import sys
from pathlib import Path

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
