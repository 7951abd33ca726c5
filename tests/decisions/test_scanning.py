"""One file that a person names: read as it is, or refused in one sentence."""

import os
import random

import polars as pl
import pytest

from gov_pipelines.decisions import readable, scan_file
from gov_pipelines.errors import WrongUse

ROWS = b"sex,decision\nf,yes\nm,no\n"
WRONG = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\r\n\n", "is empty"),
    "header.csv": (b"sex,decision\n", "has a header and no rows"),
    "header_alone.csv": (b"sex,decision", "has a header and no rows"),
    "torn.csv": (b'sex,decision\nf,"yes\nm,no\n', "a quote"),
    "torn_header.csv": (b'"sex,decision\nf,yes\n' * 20_000, "quote|cannot be read as CSV"),
    "quote_inside.csv": (b'sex,decision\nf,"yes"no\n', "cannot be read as CSV"),
    "zero.csv": (b"sex,decision\nf,y\0es\n", "zero bytes"),
    "latin.csv": ("sex,decision\nf,größer\n".encode("latin-1"), "not UTF-8"),
    "utf16.csv": ("sex,decision\nf,yes\n".encode("utf-16"), "not UTF-8"),
    "cut_character.csv": (ROWS + "ü".encode()[:1], "not UTF-8"),
    "long.csv": (ROWS + b"m,no,no\nf,yes\n", "line 4: 3 fields where the header has 2"),
    "short.csv": (ROWS + b"m,no\nf\nm,no\n", "line 5: 1 fields where the header has 2"),
    "short_last.csv": (ROWS + b"f", "line 4: 1 fields where the header has 2"),
    "balanced.csv": (ROWS + b"f\nm,no,no\n", "line 4: 1 fields"),
    "doubled.csv": (b"sex,sex\nf,yes\n", "more than one column `sex`"),
    "semicolons.csv": (b"sex;decision\nf;yes\n", "Save it with commas"),
    "noise.csv": (random.Random(1).randbytes(4_000), "not UTF-8|zero bytes"),
    "noise.parquet": (random.Random(2).randbytes(4_000), "cannot be read as Parquet"),
    "empty.parquet": (b"", "cannot be read as Parquet"),
    "marked.parquet": (b"PAR1" + random.Random(3).randbytes(400) + b"PAR1", "cannot be read as Parquet"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_not_whole_is_refused_in_one_sentence(tmp_path, name):
    content, words = WRONG[name]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(WrongUse, match=words) as refused, readable(file):
        scan_file(file).collect()
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_file_is_refused(tmp_path):
    for path, words in ((tmp_path, "is no file"), (tmp_path / "gone.csv", "There is no file")):
        with pytest.raises(WrongUse, match=words):
            scan_file(path)


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        ROWS.rstrip(),
        b"\xef\xbb\xbf" + ROWS,
        ROWS.replace(b"\n", b"\r\n"),
        b"\n" + ROWS.replace(b"\n", b"\n\n"),
        ROWS.replace(b"\n", b"\r\n\r\n"),
        b'"sex","decision"\n"f","yes"\n"m","no"\n',
    ],
)
def test_ways_to_write_the_same_rows(tmp_path, content):
    file = tmp_path / "rows"
    file.write_bytes(content)
    assert scan_file(file).collect().rows() == [("f", "yes"), ("m", "no")]
    tabs = tmp_path / "rows.tsv"
    tabs.write_bytes(content.replace(b",", b"\t"))
    assert scan_file(tabs).collect().rows() == [("f", "yes"), ("m", "no")]


def test_text_is_kept_as_it_is(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text('id,of\n007, a\n1.0,"b,\n""c"""\nNA,\n"", \n', "utf-8")
    assert scan_file(file).collect().rows() == [("007", " a"), ("1.0", 'b,\n"c"'), ("NA", None), (None, " ")]


def test_rows_across_chunks_are_counted_as_one(tmp_path, monkeypatch):
    texts = ["f,yes\n", 'm,"no, ""never"""\n', '"f\n",\n', "\n", '"",ü\n']
    chosen = random.Random(4).choices(texts, k=400)
    file = tmp_path / "rows.csv"
    file.write_text("sex,decision\n" + "".join(chosen), "utf-8")
    for size in (1, 7, 64):
        monkeypatch.setattr("gov_pipelines.decisions.scanning._CHUNK", size)
        assert scan_file(file).collect().height == sum(text != "\n" for text in chosen)
    file.write_text("sex,decision\n" + "".join([*chosen, "f\n"]), "utf-8")
    with pytest.raises(WrongUse, match=f"line {2 + sum(text.count(chr(10)) for text in chosen)}: 1 fields"):
        scan_file(file)


def test_parquet_is_known_by_its_first_bytes_too(tmp_path):
    rows = pl.DataFrame({"sex": ["f"], "n": [1]})
    rows.write_parquet(tmp_path / "rows")
    rows.clear().write_parquet(tmp_path / "none.parquet")
    assert scan_file(tmp_path / "rows").collect().rows() == [("f", 1)]
    with pytest.raises(WrongUse, match="has no rows"):
        scan_file(tmp_path / "none.parquet")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(ROWS)
    file.chmod(0)
    with pytest.raises(PermissionError):
        scan_file(file)
