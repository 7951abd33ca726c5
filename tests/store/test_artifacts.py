from __future__ import annotations

import json
import multiprocessing
import os
import time
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Event
from pathlib import Path

import polars as pl
import pytest

from gov_pipelines.errors import EvidenceError, WrongUse
from gov_pipelines.policy import partition_key
from gov_pipelines.store import Home, as_written, read_frame, write_atomic, write_frame
from gov_pipelines.store.artifacts import ROW_GROUP

DAY = date(2026, 11, 4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_layout_of_a_home():
    home = Home(Path("h"))
    assert home.partition_dir("lending", DAY) == Path("h/artifacts/lending/2026-11-04")
    assert home.snapshot_dir("lending", DAY, 2) == Path("h/evidence/lending/2026-11-04/r2")
    assert (home.keys_dir, home.dagster_dir, home.report_dir) == (Path("h/keys"), Path("h/dagster"), Path("h/report"))
    assert home.store_url.startswith("sqlite:////")


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "tally.json"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["tally.json"]


def test_a_failed_write_leaves_the_old_content(tmp_path):
    path = tmp_path / "tally.json"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "not bytes")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["tally.json"]


def test_old_leftovers_are_swept_and_only_they(tmp_path):
    two_days_ago = time.time() - 2 * 86_400
    for name in (".tally.json.0123456789abcdef.tmp", ".fresh.json.0123456789abcdef.tmp", ".other.tmp"):
        (tmp_path / name).write_bytes(b"half")
        if "fresh" not in name:
            os.utime(tmp_path / name, (two_days_ago, two_days_ago))
    write_atomic(tmp_path / "rows.json", b"{}")
    assert names(tmp_path) == [".fresh.json.0123456789abcdef.tmp", ".other.tmp", "rows.json"]


FORK = multiprocessing.get_context("fork")


def _write_on(path: Path, ready: Event) -> None:
    ready.set()
    while True:
        for letter in b"ab":
            write_atomic(path, bytes([letter]) * 3_000_000)


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "log.bin"
    write_atomic(path, b"a" * 3_000_000)
    leftovers = 0
    for turn in range(12):
        ready = FORK.Event()
        process = FORK.Process(target=_write_on, args=(path, ready))
        process.start()
        assert ready.wait(60)
        time.sleep(0.02 + 0.007 * turn)
        process.kill()
        process.join()
        content = path.read_bytes()
        assert content in (b"a" * 3_000_000, b"b" * 3_000_000)
        leftovers += len(names(tmp_path)) - 1
    assert leftovers, "no kill fell between creation and rename: the test shows nothing"


FRAME = pl.DataFrame(
    {
        "decision_id": ["b", "a", "c"],
        "decided_at": [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)],
        "score": [0.5, None, 1.0],
    }
)


def test_a_frame_comes_back_in_its_own_order(tmp_path):
    write_frame(tmp_path / "log.parquet", FRAME)
    assert read_frame(tmp_path / "log.parquet").equals(FRAME)
    assert names(tmp_path) == ["log.parquet"]


def test_one_frame_makes_one_file_however_it_was_read(tmp_path):
    write_frame(tmp_path / "whole.parquet", FRAME)
    write_frame(tmp_path / "pieces.parquet", pl.concat([FRAME[:1], FRAME[1:]], rechunk=False))
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


def test_row_groups_have_a_fixed_size(tmp_path):
    path = tmp_path / "log.parquet"
    write_frame(path, pl.DataFrame({"n": range(2 * ROW_GROUP + 1)}))
    footer = pl.read_parquet_metadata(path)
    assert not any("pandas" in key for key in footer)
    content = path.read_bytes()
    write_frame(path, pl.DataFrame({"n": range(2 * ROW_GROUP + 1)}))
    assert path.read_bytes() == content


def test_a_frame_that_is_not_there_is_said(tmp_path):
    with pytest.raises(WrongUse, match="was not audited in this home"):
        read_frame(tmp_path / "log.parquet")


def test_what_somebody_put_beside_the_days_is_none_of_them(tmp_path):
    home = Home(tmp_path)
    for name in ("2026-09-02", "2026-09-01T14Z", "2026-09-01", "2026-09-01 (copy)", "2026-09-01.bak", "old"):
        write_atomic(home.root / "artifacts" / "loans" / name / "rows.json", b"{}")
    found = home.audited("loans", "rows.json")
    assert [partition_key(each) for each in found] == ["2026-09-01", "2026-09-01T14Z", "2026-09-02"]


@pytest.mark.parametrize("written", [b"", b"PAR1 and no more", b'{"accepted": 3}', b"[]"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, written):
    for name, read in (("log.parquet", read_frame), ("rows.json", lambda file: json.loads(file.read_bytes())["dated"])):
        file = tmp_path / name
        file.write_bytes(written)
        with (
            pytest.raises(EvidenceError, match=rf"{name} is not as this version writes it: .* Restore it"),
            as_written(file),
        ):
            read(file)
