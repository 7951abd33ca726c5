import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.tlog import merkle
from gov_pipelines.evidence.tlog.checkpoint import parse_checkpoint
from gov_pipelines.evidence.tlog.notes import parse_note, parse_vkey, verified
from gov_pipelines.evidence.tlog.tiles import (
    ENTRIES,
    WIDTH,
    parse_bundle,
    read_entries,
    read_hashes,
    tile_path,
    write_bundle,
)

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def write_log(folder, entries):
    """The files of a log, by the formula of the specification: hash i of tile n at level l is of 256**l entries."""
    hashes = merkle.leaf_hashes(entries)
    written = {}
    for start in range(0, len(entries), WIDTH):
        some = entries[start : start + WIDTH]
        written[tile_path(ENTRIES, start // WIDTH, len(some))] = write_bundle(some)
    for level in range(3):
        span = WIDTH**level
        nodes = [merkle.root(hashes[at : at + span]) for at in range(0, len(hashes) // span * span, span)]
        for start in range(0, len(nodes), WIDTH):
            some = nodes[start : start + WIDTH]
            written[tile_path(level, start // WIDTH, len(some))] = b"".join(some)
    for name, data in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.mark.parametrize(
    ("index", "width", "name"),
    [
        (0, 256, "tile/0/000"),
        (0, 1, "tile/0/000.p/1"),
        (999, 256, "tile/0/999"),
        (1000, 256, "tile/0/x001/000"),
        (1_234_067, 5, "tile/0/x001/x234/067.p/5"),
    ],
)
def test_tiles_are_named_as_the_specification_does(index, width, name):
    assert tile_path(0, index, width) == name
    assert tile_path(ENTRIES, index, width) == name.replace("/0/", "/entries/", 1)


def test_the_log_of_others_is_read_at_every_size(vectors):
    folder = vectors("transparency-dev-tessera") / "testdata" / "log"
    before = None
    for size in range(1, 16):
        note = parse_note((folder / f"checkpoint.{size}").read_bytes())
        assert verified(note, [parse_vkey(TESSERA)])
        checkpoint = parse_checkpoint(note.text)
        assert checkpoint.size == size
        hashes = read_hashes(folder, size)
        assert merkle.root(hashes) == checkpoint.root
        assert merkle.leaf_hashes(read_entries(folder, size)) == hashes
        if before:
            proof = merkle.consistency_proof(hashes, before.size)
            assert merkle.verify_consistency(before.size, before.root, size, checkpoint.root, proof)
        before = checkpoint
    assert parse_checkpoint(parse_note((folder / "checkpoint.0").read_bytes()).text).root == merkle.root([])


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 1000, 65_536, 65_793])
def test_logs_of_every_shape_are_read(tmp_path, size):
    entries = [number.to_bytes(4, "big") for number in range(size)]
    write_log(tmp_path, entries)
    assert read_hashes(tmp_path, size) == merkle.leaf_hashes(entries)
    assert read_entries(tmp_path, size) == entries


def test_a_full_tile_serves_for_a_partial_one_that_was_deleted(tmp_path):
    entries = [bytes([number]) for number in range(256)] * 2
    write_log(tmp_path, entries[:300])
    write_log(tmp_path, entries)
    for name in (tile_path(0, 1, 44), tile_path(ENTRIES, 1, 44)):
        (tmp_path / name).unlink()
    assert read_entries(tmp_path, 300) == entries[:300]
    assert read_hashes(tmp_path, 300) == merkle.leaf_hashes(entries[:300])


@pytest.fixture
def log(tmp_path):
    """600 entries: two full tiles and a partial one under one of two roots."""
    write_log(tmp_path, [number.to_bytes(2, "big") for number in range(600)])
    return tmp_path


@pytest.mark.parametrize(
    "name", ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"]
)
def test_a_changed_short_long_or_absent_file_is_named(log, name):
    path = log / name
    sound = path.read_bytes()
    for data in (sound[:-1] + bytes([sound[-1] ^ 1]), sound[:-1], sound + b"\0", b""):
        path.write_bytes(data)
        with pytest.raises(EvidenceError, match="tile/"):
            read_entries(log, 600)
    path.unlink()
    with pytest.raises(EvidenceError, match="No such file"):
        read_entries(log, 600)
    path.symlink_to("/dev/zero")
    with pytest.raises(EvidenceError, match="plain file"):
        read_entries(log, 600)


def test_a_size_that_the_log_does_not_have_is_refused_at_once(log):
    for size in (601, 2**62):
        with pytest.raises(EvidenceError, match="No such file"):
            read_hashes(log, size)


def test_a_bundle_ends_with_an_entry():
    data = write_bundle([b"", b"one", b"x" * 65_535])
    assert parse_bundle(data) == [b"", b"one", b"x" * 65_535]
    for cut in (1, 3, 6, len(data) - 1):
        with pytest.raises(EvidenceError, match="ends within"):
            parse_bundle(data[:cut])
    with pytest.raises(EvidenceError, match="65,535"):
        write_bundle([b"x" * 65_536])
