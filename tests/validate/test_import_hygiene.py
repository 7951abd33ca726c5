import subprocess
import sys
from types import ModuleType

import pytest

import gov_pipelines.validate

HEAVY = ("great_expectations", "fairlearn", "pandas", "sklearn", "scipy", "dagster", "sqlalchemy")


@pytest.mark.parametrize(
    "statement",
    [
        "import gov_pipelines.validate",
        "from gov_pipelines.validate import *",
        "import gov_pipelines.validate as v; v.compile_suites([]); v.run_suite({'expectations': []}, {}, {})",
    ],
)
def test_importing_the_room_loads_nothing_heavy(statement):
    code = f"{statement}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip(), ran.stderr) == (0, "[]", "")


def test_all_is_what_is_exported():
    exported = {
        name
        for name, value in vars(gov_pipelines.validate).items()
        if not name.startswith("_") and name != "annotations" and not isinstance(value, ModuleType)
    }
    assert exported == set(gov_pipelines.validate.__all__)
