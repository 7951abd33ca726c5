import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from attacks.world import build

MEMORY = Path("/dev/shm")  # hundreds of copies: where there is such a folder, none of them goes to a disk


@pytest.fixture(scope="session")
def made():
    """The world, once; nobody changes it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield build(Path(folder) / "made")


@pytest.fixture(scope="session")
def places(made):
    """Gives a new place at each call."""
    numbers = itertools.count()
    return lambda: made.evidence.parents[1].with_name(f"copy {next(numbers)}")


@pytest.fixture
def world(made, places):
    """A copy of it, to be attacked."""
    copy = made.copy(places())
    yield copy
    shutil.rmtree(copy.evidence.parent)
