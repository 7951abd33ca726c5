"""Evidence that earlier releases signed verifies with this one, by no fewer checks."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from gov_pipelines.evidence.verify import verify

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))
CASES = [(release, path) for release in RELEASES for path in json.loads((release / "expected.json").read_text())]


@pytest.mark.parametrize("trust", [None, "1.root.json", "key.json"])
@pytest.mark.parametrize(("release", "path"), CASES, ids=lambda each: getattr(each, "name", each))
def test_it_still_verifies(release, path, trust):
    found = verify(release / path, trust=trust and release / "trust" / trust)
    assert found.ok, found.to_text()
    assert found.trusted == (trust is not None)
    if trust == "1.root.json":  # the one that it was made with
        expected = Counter(json.loads((release / "expected.json").read_text())[path])
        assert not expected - Counter(check.rule for check in found.checked)


@pytest.mark.parametrize(("release", "path"), CASES, ids=lambda each: getattr(each, "name", each))
def test_it_would_be_caught_if_it_were_touched(release, path, tmp_path):
    copy = tmp_path / Path(path).name
    shutil.copytree(release / path, copy) if (release / path).is_dir() else shutil.copy(release / path, copy)
    signed = sorted(copy.rglob("snapshot.intoto.jsonl")) if copy.is_dir() else [copy]
    for file in signed:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    assert not verify(copy).ok
