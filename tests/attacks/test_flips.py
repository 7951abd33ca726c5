"""Every single bit of a proof and of a night that travels alone counts, where every signature is wanted."""

import random

import pytest
from attacks.case import ROOT, STAMP, WITNESS, verified

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.roots import parse_root
from gov_pipelines.evidence.tlog.notes import log_verifier
from gov_pipelines.pipeline.bundling import bundle_night

SAMPLE, SEED = 700, 6


@pytest.fixture(scope="module")
def fast(made, places):
    """A copy of the world in memory, whose auditor wants the ledger's signature and those of both witnesses; the proof of
    a decision, an audited night, and a missed one, which is the smallest."""
    copy = made.copy(places())
    root, policy = parse_root((copy.auditor / "2.root.json").read_bytes()), copy.auditor / "policy"
    policy.write_text(f"log {log_verifier(root.origin, made.online.public).vkey}\n{policy.read_text()}")
    missed = copy.night.with_name("missed")
    bundle_night(copy.evidence, "cards", "2026-09-04", missed, published=False)
    return copy, {"proof": copy.proof, "night": copy.night, "missed": missed}


def flipped(fast, name, choose):
    """Flip bits one after the other, verify each time, and print the counts.

    Returns:
        What was accepted, or ended the verification before it could say what is wrong: file, byte and bit.
    """
    world, things = fast
    path = things[name]
    means = (ROOT, WITNESS) if path.is_file() else (ROOT, WITNESS, STAMP)
    assert verified(world, path, means).trusted
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    bits = choose([(file, bit) for file in files for bit in range(8 * file.stat().st_size)])
    held, accepted, ended = {file: file.read_bytes() for file in files}, [], []
    for file, bit in bits:
        byte = held[file][bit // 8] ^ 1 << bit % 8
        file.write_bytes(held[file][: bit // 8] + bytes([byte]) + held[file][bit // 8 + 1 :])
        place = file.relative_to(path.parent).as_posix(), bit // 8, bit % 8
        try:
            if verified(world, path, means).ok:
                accepted.append(place)
        except EvidenceError as error:
            ended.append((*place, str(error)))
        file.write_bytes(held[file])
    size = sum(map(len, held.values()))
    print(f"\n{name}: {len(bits):,} single-bit flips in {size:,} bytes of {len(files)} files, {len(accepted)} accepted")
    return accepted + ended


@pytest.mark.parametrize("name", ["proof", "night", "missed"])
def test_no_flip_of_a_sample_is_accepted(fast, name):
    assert not flipped(fast, name, lambda bits: random.Random(SEED).sample(bits, SAMPLE))


@pytest.mark.attacks
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["proof", "missed"])
def test_no_flip_is_accepted(fast, name):
    assert not flipped(fast, name, list)
