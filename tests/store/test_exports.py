from __future__ import annotations

import pytest

import gov_pipelines.notify
import gov_pipelines.store


@pytest.mark.parametrize("room", [gov_pipelines.store, gov_pipelines.notify])
def test_all_is_what_is_exported(room):
    assert room.__all__ == sorted(room.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(getattr(room, name) is not None for name in room.__all__)
