"""The store as a file, and back: from either database into either."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from earlier import assert_intact, make_old, shape
from stored import alert

from gov_pipelines.errors import WrongUse
from gov_pipelines.store import dump_store, enqueue, load_store, open_store, pending, reading
from gov_pipelines.store.tables import SCHEMA_VERSION, metadata


@pytest.fixture
def dump(url, tmp_path):
    """The dump of a store with rows in all tables of version 2."""
    make_old(url, 2)
    engine = open_store(url)
    dump_store(engine, tmp_path / "store.jsonl")
    engine.dispose()
    return tmp_path / "store.jsonl"


def everything(engine):
    with reading(engine) as connection:
        return {each.name: sorted(map(repr, connection.execute(sa.select(each)))) for each in metadata.sorted_tables}


@pytest.mark.parametrize("back_end", ["sqlite", "postgresql"])
def test_every_row_comes_back_in_either_database(dump, url, back_end, postgres, tmp_path):
    other = f"sqlite:///{tmp_path}/copy.db" if back_end == "sqlite" else postgres()
    copy = load_store(dump, other)
    assert_intact(copy, 2)
    original = open_store(url)
    assert everything(copy) == everything(original)
    if url.split(":")[0].split("+")[0] == back_end:
        assert shape(copy) == shape(original)
    with copy.begin() as connection:  # numbers go on after those of the copy
        assert enqueue(connection, [alert("three")]) == 1
    with reading(copy) as connection:
        assert pending(connection)[-1].alert.key == "three"
    copy.dispose()
    original.dispose()


def test_a_dump_of_an_earlier_version_is_upgraded(home, tmp_path):
    make_old(home.store_url, 1)
    old = sa.create_engine(home.store_url)
    lines = []
    with old.connect() as connection:
        reflected = sa.MetaData()
        reflected.reflect(old)
        for table in sorted(reflected.tables.values(), key=lambda each: each.name != "store_schema"):
            order = table.c.get("sequence", next(iter(table.primary_key)))
            rows = connection.execute(sa.select(table).order_by(order)).mappings()
            lines += [[table.name, {key: value for key, value in row.items() if value is not None}] for row in rows]
    dump = tmp_path / "store.jsonl"
    dump.write_text("".join(json.dumps(line, default=str) + "\n" for line in lines))
    copy = load_store(dump, f"sqlite:///{tmp_path}/copy.db")
    assert_intact(copy, 1)
    copy.dispose()


def test_a_store_that_holds_something_is_not_written_over(dump, url):
    with pytest.raises(WrongUse, match="holds tables already"):
        load_store(dump, url)


def test_a_dump_of_a_later_version_is_refused(dump, tmp_path):
    dump.write_text(f'["store_schema", {{"version": {SCHEMA_VERSION + 1}}}]\n')
    with pytest.raises(WrongUse, match="Install a later one"):
        load_store(dump, f"sqlite:///{tmp_path}/copy.db")
