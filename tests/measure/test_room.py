import subprocess
import sys

from gov_pipelines import measure


def test_every_public_name_is_there():
    assert sorted(set(measure.__all__)) == sorted(measure.__all__)
    assert all(getattr(measure, name) is not None for name in measure.__all__)


def test_importing_the_room_does_not_import_scipy():
    names = ", ".join(measure.__all__)
    script = f"import sys; from gov_pipelines.measure import {names}; print([m for m in sys.modules if m.split('.')[0] in ('scipy', 'pandas')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
