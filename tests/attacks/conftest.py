import itertools
import shutil

import pytest
from attacks.world import build


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The world, once; nobody changes it."""
    return build(tmp_path_factory.mktemp("attacked") / "made")


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """Gives a new place at each call."""
    folder, numbers = tmp_path_factory.mktemp("copies"), itertools.count()
    return lambda: folder / str(next(numbers))


@pytest.fixture
def world(made, places):
    """A copy of it, to be attacked."""
    copy = made.copy(places())
    yield copy
    shutil.rmtree(copy.evidence.parent)
