"""Every single bit of a proof and of a night that travels alone counts, where every signature is wanted."""

import os
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from attacks.case import ROOT, STAMP, WITNESS, verified

from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence.roots import parse_root
from gov_pipelines.evidence.tlog.notes import log_verifier

SAMPLE = 2000


@pytest.fixture(scope="module")
def fast(made):
    """A copy of the world in memory, whose auditor wants the ledger's signature and those of both witnesses."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        copy = made.copy(Path(folder) / "world")
        root = parse_root((copy.auditor / "2.root.json").read_bytes())
        log = log_verifier(root.origin, made.online.public).vkey
        policy = copy.auditor / "policy"
        policy.write_text(f"log {log}\n" + policy.read_text())
        yield copy


def accepted(world, path, files, places):
    """The flips after which everything still verifies, with every signature wanted: file, byte and bit of each."""
    means = (ROOT, WITNESS) if path.is_file() else (ROOT, WITNESS, STAMP)
    assert verified(world, path, means).trusted
    held = {file: file.read_bytes() for file in files}
    found, tried = [], Counter()
    for file, bit in places:
        data = bytearray(held[file])
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        try:
            ok = verified(world, path, means).ok
        except WrongUse:
            ok = False  # nothing that looks like evidence any more
        tried[file.name] += 1
        if ok:
            found.append((file.name, bit // 8, bit % 8))
        if not places or file.read_bytes() != held[file]:
            file.write_bytes(held[file])
    print(f"\n{path.name}: {sum(tried.values())} flips ({', '.join(f'{name} {n}' for name, n in sorted(tried.items()))}), "
          f"{len(found)} accepted")
    return found


def bits(files):
    return [(file, bit) for file in files for bit in range(8 * file.stat().st_size)]


def things(world):
    """What is flipped: a proof, and the smallest night of a home, a missed one."""
    return world.proof, world.night


@pytest.mark.parametrize("thing", ["proof", "night"])
def test_no_flip_of_a_sample_is_accepted(fast, thing):
    path = getattr(fast, thing)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    seed = int(os.environ.get("GOV_SEED", "6"))
    assert not accepted(fast, path, files, random.Random(seed).sample(bits(files), SAMPLE // 2))


@pytest.mark.attacks
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("thing", ["proof", "night"])
def test_no_flip_is_accepted(fast, thing):
    path = getattr(fast, thing)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    assert not accepted(fast, path, files, bits(files))


_ = shutil
