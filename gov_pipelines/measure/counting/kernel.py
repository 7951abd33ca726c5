"""The kernel: rows of a Polars query counted batch by batch with numpy, at about the cost of decoding them.

Rows are told apart by a 64-bit hash of their values (of an Enum by its number): looked up by its upper 16 bits, then
compared whole. A number's bin is looked up by its upper bits. So nothing is parsed, sorted or put into a hash table, and
the counters are small arrays.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gov_pipelines.measure.counting import cells
from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, PAIR_BITS, SCORE_BITS, in_order, upper
from gov_pipelines.measure.counting.columns import Columns
from gov_pipelines.measure.counting.tallies import TABLES, summed

Numbers = NDArray[np.int64]
Tables = dict[str, list[pl.DataFrame]]
_ROWS = 1 << 18  # of a batch: its temporary arrays stay in the cache
_SAMPLE = 1 << 12  # rows from which most values are learnt
_MOST_VALUES, _MOST = 1 << 20, 1 << 23  # combinations that are told apart; counters of one table
_BLOCK = 64  # bins that get their counters together
_MISSING_BITS = 0x7FFFFFFF
_MISSING = struct.unpack("<f", struct.pack("<I", _MISSING_BITS))[0]  # not a number, with bits that no arithmetic makes


class TooWideError(Exception):
    """There are more values or groups than are counted in memory."""


def counted(frame: pl.LazyFrame, columns: Columns) -> tuple[list[pl.DataFrame], Tables]:
    """Count the rows of a query of Polars in one pass.

    Returns:
        The answers to `cells.queries` without those about moments and weights; and what the tables `histograms`, `scores`
        and `pairs` are made of.

    Raises:
        TooWideError: the counters would take too much memory.
    """
    np.empty(1 << 21)  # once so much was freed, the C library keeps arrays in its heap instead of mapping each anew
    narrow = frame.select(columns.all)
    counters = _Counters(columns, narrow.collect_schema())
    counters.add(narrow.head(0).collect())
    for batch in narrow.collect_batches(maintain_order=False):
        for rows in batch.iter_slices(_ROWS):
            counters.add(rows)
    return [*counters.answers()], counters.tables()


@dataclass(slots=True)
class _Values:
    """Rows told apart by their values: each combination has a number, in the order of appearance."""

    seen: pl.DataFrame = field(default_factory=pl.DataFrame)
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    slots: Numbers = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    code: pl.Expr | None = None

    def numbers(self, rows: pl.DataFrame) -> Numbers:
        """The number of each row; new combinations get the next ones."""
        if not self.hashes.size:
            self.code = _code(rows.schema)
        if self.code is None:
            hashes = rows.hash_rows().to_numpy()
        else:
            hashes = rows.select(self.code).to_series().to_numpy().astype(np.uint64) << np.uint64(48)
        if not self.hashes.size:
            self._learn(rows, hashes, np.arange(min(_SAMPLE, rows.height)))
        found = self.slots.take(hashes.view(np.uint16)[3::4])
        lost = np.flatnonzero(self.hashes.take(found) != hashes)
        if lost.size:
            self._learn(rows, hashes, lost)
            order = np.argsort(self.hashes)
            found[lost] = order[np.searchsorted(self.hashes, hashes[lost], sorter=order)]
        return found

    def _learn(self, rows: pl.DataFrame, hashes: NDArray[np.uint64], where: Numbers) -> None:
        new, first = np.unique(hashes[where], return_index=True)
        fresh = ~np.isin(new, self.hashes)
        if len(self.hashes) + fresh.sum() > _MOST_VALUES:
            raise TooWideError
        self.slots[new[fresh] >> np.uint64(48)] = len(self.hashes) + np.arange(fresh.sum())
        self.hashes = np.concatenate([self.hashes, new[fresh]])
        unseen = rows[where[first[fresh]]]
        self.seen = pl.concat([self.seen, unseen]) if self.seen.width else unseen


def _code(schema: pl.Schema) -> pl.Expr | None:
    """A number of 16 bits for the values of a row, where they are few and known before; else None."""
    sizes = [len(each.categories) + 1 if isinstance(each, pl.Enum) else _MOST for each in schema.values()]
    sizes = [3 if each == pl.Boolean else size for each, size in zip(schema.values(), sizes, strict=True)]
    if math.prod(sizes) > 1 << 16:
        return None
    code = pl.lit(0, pl.UInt16)
    for name, size in zip(schema, sizes, strict=True):
        code = code * size + pl.col(name).to_physical().cast(pl.UInt16).fill_null(size - 1)
    return code


@dataclass(slots=True)
class _Groups:
    """Rows counted by their values and the number of a group: `counts` [values, groups]."""

    values: _Values = field(default_factory=_Values)
    counts: Numbers = field(default_factory=lambda: np.zeros((0, 1), np.int64))

    def add(self, rows: pl.DataFrame, groups: Numbers | None = None, width: int = 1) -> Numbers:
        """Count rows, and give their numbers."""
        numbers = self.values.numbers(rows)
        self.counts = _padded(self.counts, len(self.values.hashes), width)
        places = numbers if groups is None else numbers * width + groups
        self.counts += np.bincount(places, minlength=self.counts.size).reshape(self.counts.shape)
        return numbers


@dataclass(slots=True)
class _Bins:
    """Rows counted by the bin of a number and the number of a group: `counts` [bins, groups]; `raw` are the bins' bits.

    The first bin stands for all that have no counters yet.
    """

    bits: int
    raw: Numbers = field(default_factory=lambda: np.zeros(1, np.int64))
    counts: Numbers = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    places: Numbers = field(init=False)

    def __post_init__(self) -> None:
        self.places = np.zeros(1 << (32 - self.bits), np.int64)

    def add(self, values: pl.Series, groups: Numbers | None = None, width: int = 1) -> None:
        """Count values, by group where there are groups."""
        floats = values if values.dtype == pl.Float32 else values.cast(pl.Float64).cast(pl.Float32)
        known = floats.fill_null(_MISSING) if floats.null_count() else floats
        raw = upper(known.to_numpy(), self.bits)
        self._widen(width)
        places = self._places(raw, groups)
        found = np.bincount(places, minlength=self.counts.size)
        if found[:width].any():
            new = np.flatnonzero(places < width)
            found[:width] = 0
            self.counts += found.reshape(self.counts.shape)
            self._learn(raw[new])
            found = np.bincount(
                self._places(raw[new], None if groups is None else groups[new]), minlength=self.counts.size
            )
        self.counts += found.reshape(self.counts.shape)

    def merged(self, bits: int) -> tuple[pl.DataFrame, NDArray[np.float64]]:
        """`bin` of so many bits less, in order, null where a number is missing; and the counts [bins, groups]."""
        step = 1 << (bits - self.bits)
        used = 1 + np.flatnonzero(self.counts[1:].any(axis=1))
        raw = self.raw[used] // step
        bins = np.where(raw == _MISSING_BITS >> bits, -1 << 32, in_order(raw, bits))
        counts = self.counts[used].astype(np.float64)  # whole, exact up to 2^53
        order = np.argsort(bins, kind="stable")
        unlike, first = np.unique(bins[order], return_index=True)
        together = np.add.reduceat(counts[order], first, axis=0) if first.size else counts
        return pl.select(bin=pl.Series(unlike, dtype=pl.Int64).replace(-1 << 32, None)), together

    def _places(self, raw: NDArray[np.uint32], groups: Numbers | None) -> Numbers:
        places = self.places.take(raw)
        if groups is not None:
            places += groups
        return places

    def _learn(self, raw: NDArray[np.uint32]) -> None:
        for block in np.unique(raw // _BLOCK).astype(np.int64):
            bins = block * _BLOCK + np.arange(_BLOCK)
            self.places[bins] = (len(self.raw) + np.arange(_BLOCK)) * self.counts.shape[1]
            self.raw = np.concatenate([self.raw, bins])
        self.counts = _padded(self.counts, len(self.raw), self.counts.shape[1])

    def _widen(self, width: int) -> None:
        if width > (old := self.counts.shape[1]):
            self.places = self.places // old * width
            self.counts = _padded(self.counts, len(self.raw), width)


def _by(counts: NDArray[np.float64], values: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Counts [values, groups] as rows in order: what is said of the group, groups alike together; the value; and `n`."""
    numbered = groups.with_row_index("number")
    alike = numbered.group_by(groups.columns).agg("number").sort(groups.columns, nulls_last=False)
    n = np.array([counts[:, each.to_numpy()].sum(axis=1) for each in alike["number"]])
    n = n.reshape(alike.height, values.height)
    group, value = np.nonzero(n)
    rows = [alike[group].drop("number"), values[value]]
    return pl.concat(rows, how="horizontal").with_columns(n=pl.Series(n[group, value], dtype=pl.Int64))


def _padded(counts: Numbers, rows: int, width: int) -> Numbers:
    if counts.shape == (rows, width):
        return counts
    if rows * width > _MOST:
        raise TooWideError
    wide = np.zeros((rows, width), np.int64)
    wide[: counts.shape[0], : counts.shape[1]] = counts
    return wide


class _Counters:
    """All that is counted of a log."""

    def __init__(self, columns: Columns, schema: pl.Schema) -> None:
        self.columns = columns
        keys = {str(place): name for place, name in enumerate(columns.dimensions)}
        self.attributes = {name: key for key, name in keys.items() if name in columns.attributes}
        told = {"decision": columns.decision, "label": columns.label, "proposed": columns.proposed}
        self.keys = keys | {key: name for key, name in told.items() if name is not None}
        numbers = {name for name in columns.pairs if schema[name].is_numeric()}
        self.rows, self.nulls = _Groups(), np.zeros(len(columns.all), np.int64)
        self.by_attribute, self.by_label = _Values(), _Values()
        categories = {*columns.categories, *({*columns.pairs} - numbers)} - {*self.keys.values()}
        self.values = {name: _Groups() for name in sorted(categories)}
        self.bins = {name: _Bins(HISTOGRAM_BITS) for name in sorted({*columns.numbers, *numbers})}
        if columns.score is not None:
            self.bins[columns.score] = _Bins(SCORE_BITS)

    def add(self, batch: pl.DataFrame) -> None:
        """Count some rows."""
        keys = {key: pl.col(name) for key, name in self.keys.items()}
        if self.columns.reviewed:
            keys["reviewed"] = pl.col(self.columns.reviewed).is_not_null()
        rows = self.rows.add(batch.select(**keys))
        self.nulls += np.array(batch.null_count().row(0), np.int64)
        seen = self.rows.values.seen.with_columns(every=pl.lit(0))
        by = ["every", *self.attributes.values()]
        attributes = self.by_attribute.numbers(seen.select(by)).take(rows)
        labels = self.by_label.numbers(seen.select(*by, *(["label"] if self.columns.label else []))).take(rows)
        for name, values in self.values.items():
            paired = (attributes, len(self.by_attribute.hashes)) if name in self.columns.pairs else ()
            values.add(batch.select(value=name), *paired)
        for name, bins in self.bins.items():
            paired = (attributes, len(self.by_attribute.hashes)) if name in self.columns.pairs else ()
            bins.add(batch[name], *((labels, len(self.by_label.hashes)) if name == self.columns.score else paired))

    def answers(self) -> Iterator[pl.DataFrame]:
        """As to `cells.queries`."""
        yield self._cells()
        yield pl.DataFrame([self.nulls], schema=self.columns.all, orient="row")
        keys = {name: key for key, name in self.keys.items()}
        for name in self.columns.categories:
            if name in keys:
                yield self._cells().select("n", value=keys[name])
            else:
                yield self.values[name].values.seen.with_columns(n=pl.Series(self.values[name].counts.sum(axis=1)))

    def tables(self) -> Tables:
        """`histograms`, `scores`, `pairs`, in order."""
        columns, made = self.columns, defaultdict[str, list[pl.DataFrame]](list)
        for name in sorted({*columns.numbers}):
            bins, counts = self.bins[name].merged(HISTOGRAM_BITS)
            made["histograms"].append(_by(counts, bins, _said(self._groups(name), column=pl.lit(name))))
        bins, counts = self.bins[columns.score].merged(SCORE_BITS) if columns.score else (pl.DataFrame(), np.zeros(0))
        for attribute in ("", *sorted(self.attributes)) if columns.score else ():
            groups = self.by_label.seen
            value = cells.text(groups, self.attributes.get(attribute, ""))
            said = _said(groups, attribute=pl.lit(attribute), value=value, label=cells.label(groups, columns))
            made["scores"].append(_by(counts, bins, said))
        for name in sorted({*columns.pairs}) if self.attributes else ():
            made["pairs"] += self._pairs(name)
        return made

    def _pairs(self, name: str) -> Iterator[pl.DataFrame]:
        """A feature beside each attribute."""
        own = name in self.bins or name in self.values
        groups, missing = self._groups(name) if own else self._cells(), pl.lit(None)
        if name in self.bins:
            values, counts = self.bins[name].merged(PAIR_BITS)
        elif own:
            values, counts = self.values[name].values.seen, self.values[name].counts.astype(np.float64)
            values = _said(values, value=cells.text(values, "value"))
        for attribute, key in sorted(self.attributes.items()):
            said = _said(groups, column=pl.lit(name), attribute=pl.lit(attribute), group=cells.text(groups, key))
            if name in self.bins:
                yield _by(counts, values, said).with_columns(value=missing.cast(pl.String))
            elif own:
                yield summed([_by(counts, values, said).with_columns(bin=missing)], TABLES["pairs"])
            else:
                value = cells.text(groups, next(key for key, told in self.keys.items() if told == name))
                yield summed([said.with_columns(groups.select("n", value=value), bin=missing)], TABLES["pairs"])

    def _cells(self) -> pl.DataFrame:
        reviewed = pl.col("reviewed") if self.columns.reviewed else pl.lit(value=False)
        return self.rows.values.seen.with_columns(reviewed=reviewed, n=pl.Series(self.rows.counts[:, 0]))

    def _groups(self, name: str) -> pl.DataFrame:
        """The groups by which a number is counted."""
        if name == self.columns.score:
            return self.by_label.seen
        return self.by_attribute.seen if name in self.columns.pairs else pl.DataFrame({"every": [0]})


def _said(groups: pl.DataFrame, **what: pl.Expr) -> pl.DataFrame:
    """Something about each group, and nothing else."""
    return groups.with_columns(**what).select(*what)
