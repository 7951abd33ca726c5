from __future__ import annotations

import subprocess
import sys

import pytest

import gov_pipelines.notify
import gov_pipelines.store


@pytest.mark.parametrize("room", [gov_pipelines.store, gov_pipelines.notify])
def test_all_is_what_is_exported(room):
    assert room.__all__ == sorted(room.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(getattr(room, name) is not None for name in room.__all__)
    assert set(room.__all__) == set(room._HOME_OF)
    with pytest.raises(AttributeError):
        room.nothing  # noqa: B018


def test_paths_and_files_need_neither_sqlalchemy_nor_polars():
    program = (
        "import sys; from pathlib import Path; from gov_pipelines.store import Home, lock, write_atomic; import gov_pipelines.notify;"
        "print(sorted({'sqlalchemy', 'polars', 'apprise'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
