"""The kernel: rows of a Polars query counted batch by batch with numpy, at about the cost of decoding them.

Rows are told apart by the numbers of their Enum values, or by a 64-bit hash of the values: looked up by its upper 16 bits,
then compared whole. A number's bin is its upper bits. So nothing is parsed, sorted or put into a hash table. One is added to
the counter of each row in place (`np.add.at`): NumPy's `bincount` takes half as long again, and makes an array each time.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

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
_MOST_KNOWN = _MOST >> (
    32 - PAIR_BITS
)  # combinations that are numbered before, seen or not; each has all bins of pairs
_TOGETHER = 1 << 12  # combinations of features that are counted together
_BLOCK = 64  # bins that get their counters together
_MISSING_BITS = 0x7FFFFFFF
_MISSING = struct.unpack("<f", struct.pack("<I", _MISSING_BITS))[0]  # not a number, with bits that others are rid of


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
    coded = narrow.with_columns(counters.codes)  # where the rows were decoded, which costs half of what it costs here
    counters.add(coded.head(0).collect())  # without rows there are groups that are known before
    for batch in coded.collect_batches(maintain_order=False):
        for rows in batch.iter_slices(_ROWS):
            counters.add(rows)
    return [*counters.answers()], counters.tables()


class _Values:
    """Rows told apart by their values: each combination has a number, by which it is found in `seen`."""

    def __init__(self, log: pl.DataFrame, values: Mapping[str, pl.Expr]) -> None:
        self.values, self.seen, self.codes = values, log.clear().select(**values), list[pl.Expr]()
        self.name = ", ".join(["number", *values])  # no column of a log has such a name
        self.hashes, self.slots = np.zeros(0, np.uint64), np.zeros(1 << 16, np.int64)
        sizes = [_size(dtype) for dtype in self.seen.dtypes]
        if math.prod(sizes) <= _MOST_KNOWN:  # few, and known before: a number of the base of these sizes
            code = pl.lit(0, pl.UInt16)
            for value, size in zip(values.values(), sizes, strict=True):
                code = code * size + value.to_physical().cast(pl.UInt16).fill_null(size - 1)
            self.codes = [code.cast(pl.Int64).alias(self.name)]
            places = np.unravel_index(np.arange(math.prod(sizes)), sizes)
            known = zip(self.seen.schema.items(), places, strict=True)
            self.seen = pl.DataFrame({name: _known(dtype)[place] for (name, dtype), place in known})

    def numbers(self, rows: pl.DataFrame) -> Numbers:
        """The number of each row, which has its code where there is one; new combinations get the next ones."""
        if self.codes:
            return rows[self.name].to_numpy()
        rows = rows.select(**self.values)
        hashes = rows.hash_rows().to_numpy()
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
        self.seen = pl.concat([self.seen, rows[where[first[fresh]]]])


def _size(dtype: pl.DataType) -> int:
    """How many values there are, with the missing one; too many where that is not known."""
    known = {pl.Null: 1, pl.Boolean: 3}.get(type(dtype), _MOST)
    return len(dtype.categories) + 1 if isinstance(dtype, pl.Enum) else known


def _known(dtype: pl.DataType) -> pl.Series:
    """All values in the order of their numbers, the missing one last."""
    values = dtype.categories.to_list() if isinstance(dtype, pl.Enum) else [False, True][: _size(dtype) - 1]
    return pl.Series([*values, None], dtype=dtype)


class _Groups:
    """Rows counted by their values and the number of a group: `counts` [values, groups]."""

    def __init__(self, log: pl.DataFrame, values: Mapping[str, pl.Expr]) -> None:
        self.values, self.counts = _Values(log, values), np.zeros((0, 1), np.int64)

    def add(self, rows: pl.DataFrame, groups: Numbers | None = None, width: int = 1) -> Numbers:
        """Count rows, and give their numbers."""
        numbers = self.values.numbers(rows)
        self.counts = _padded(self.counts, self.values.seen.height, width)
        np.add.at(self.counts.reshape(-1), numbers if groups is None else numbers * width + groups, 1)
        return numbers


class _Parts:
    """Into which group each combination of keys falls."""

    def __init__(self, seen: pl.DataFrame, keys: Iterable[str]) -> None:
        self.values = _Values(_every(seen), {key: pl.col(key) for key in ["every", *keys]})
        self.numbers = np.zeros(0, np.int64)

    def of(self, seen: pl.DataFrame, rows: Numbers) -> tuple[Numbers, int]:
        """The group of each row, and how many groups there are."""
        if seen.height > len(self.numbers):
            self.numbers = self.values.numbers(_every(seen).with_columns(self.values.codes))
        return self.numbers.take(rows), self.values.seen.height


class _Bins:
    """Numbers counted by their bin and the number of a group: `counts` [bins, groups]. Every bin there is has its counter."""

    def __init__(self, bits: int) -> None:
        self.bits, self.counts = bits, np.zeros((1 << (32 - bits), 1), np.int64)

    def add(self, floats: NDArray[np.float32], groups: Numbers | None = None, width: int = 1) -> None:
        """Count numbers, each in its group."""
        self.counts = _padded(self.counts, len(self.counts), width)
        places = upper(floats, self.bits)
        if groups is not None:
            places *= np.uint32(width)
            places += groups.astype(np.uint32)
        np.add.at(self.counts.reshape(-1), places.astype(np.int64), 1)

    def by(self, dropped: int) -> tuple[pl.DataFrame, Numbers]:
        """As `_merged`."""
        return _merged(np.arange(len(self.counts)), self.counts, self.bits, dropped)


class _Scores:
    """The same where bins are narrow and groups many: blocks of bins that hold a number have counters, after one for all others."""

    def __init__(self) -> None:
        self.raw = np.zeros(_BLOCK, np.int64)
        self.counts, self.places = np.zeros((_BLOCK, 1), np.int64), np.zeros(1 << (32 - SCORE_BITS), np.int64)

    def add(self, floats: NDArray[np.float32], groups: Numbers, width: int) -> None:
        """Count scores, each in its group."""
        raw = upper(floats, SCORE_BITS)
        if width > (old := self.counts.shape[1]):
            self.places = self.places // old * width
            self.counts = _padded(self.counts, len(self.raw), width)
        places = self.places.take(raw)
        if not places.all():
            self._learn(raw[places == 0])
            places = self.places.take(raw)
        places += groups
        np.add.at(self.counts.reshape(-1), places, 1)

    def by(self, dropped: int) -> tuple[pl.DataFrame, Numbers]:
        """As `_merged`."""
        return _merged(self.raw, self.counts, SCORE_BITS, dropped)

    def _learn(self, raw: NDArray[np.uint32]) -> None:
        for block in np.flatnonzero(np.bincount(raw // _BLOCK)):
            bins = block * _BLOCK + np.arange(_BLOCK)
            self.places[bins] = (len(self.raw) + np.arange(_BLOCK)) * self.counts.shape[1]
            self.raw = np.concatenate([self.raw, bins])
        self.counts = _padded(self.counts, len(self.raw), self.counts.shape[1])


def _floats(values: pl.Series) -> NDArray[np.float32]:
    """As of 32 bits; `_MISSING` where there is none. What is not a number has the same bits however it came about."""
    if values.dtype.is_float() and values.is_nan().any():
        values = values.fill_nan(math.nan)
    if values.null_count():
        return values.cast(pl.Float64).cast(pl.Float32).fill_null(_MISSING).to_numpy()
    if values.dtype == pl.Float32:
        return values.to_numpy()
    with np.errstate(over="ignore"):  # beyond the largest it is infinite
        return values.cast(pl.Float64).to_numpy().astype(np.float32)  # a third of what Polars takes


def _merged(raw: Numbers, counts: Numbers, bits: int, dropped: int) -> tuple[pl.DataFrame, Numbers]:
    """Of counts [bins, groups] by so many bits: `bin` without those that are dropped, in order, null where a number is missing."""
    used = np.flatnonzero(counts.any(axis=1))
    left = raw[used] >> (dropped - bits)
    bins = np.where(left == _MISSING_BITS >> dropped, -1 << 32, in_order(left, dropped))
    order = np.argsort(bins, kind="stable")
    unlike, first = np.unique(bins[order], return_index=True)
    together = np.add.reduceat(counts[used[order]], first, axis=0)
    return pl.select(bin=pl.Series(unlike, dtype=pl.Int64).replace(-1 << 32, None)), together


def _by(counts: Numbers, values: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """Counts [values, groups] as rows in order: what is said of the group, groups alike together; the value; and `n`."""
    alike = (
        groups.with_row_index("number").group_by(groups.columns).agg("number").sort(groups.columns, nulls_last=False)
    )
    sizes = alike["number"].list.len().cast(pl.Int64)
    n = np.add.reduceat(counts.T[alike["number"].explode().to_numpy()], (sizes.cum_sum() - sizes).to_numpy())
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


def _together(log: pl.DataFrame, names: Iterable[str]) -> list[list[str]]:
    """Features in sets that are counted as one, as long as few combinations are known before."""
    sets: list[list[str]] = []
    for name in sorted(names):
        if sets and math.prod(_size(log.schema[each]) for each in [*sets[-1], name]) <= _TOGETHER:
            sets[-1].append(name)
        else:
            sets.append([name])
    return sets


class _Counters:
    """All that is counted of a log."""

    def __init__(self, columns: Columns, schema: pl.Schema) -> None:
        self.columns = columns
        keys = {str(place): name for place, name in enumerate(columns.dimensions)}
        self.attributes = {name: key for key, name in keys.items() if name in columns.attributes}
        told = {"decision": columns.decision, "label": columns.label, "proposed": columns.proposed}
        self.keys = keys | {key: name for key, name in told.items() if name is not None}
        values = {key: pl.col(name) for key, name in self.keys.items()}
        if columns.reviewed:
            values["reviewed"] = pl.col(columns.reviewed).is_not_null()
        log, self.nulls = schema.to_frame(), np.zeros(len(columns.all), np.int64)
        self.rows = _Groups(log, values)
        self.by_attribute = _Parts(self.rows.values.seen, self.attributes.values())
        self.by_label = _Parts(
            self.rows.values.seen, [*self.attributes.values(), *(["label"] if columns.label else [])]
        )
        numbers = {name for name in columns.pairs if schema[name].is_numeric()}
        self.paired = {*columns.pairs} - numbers - {*self.keys.values()}
        alone = {*columns.categories} - self.paired - {*self.keys.values()}
        sets = [*_together(log, alone), *_together(log, self.paired)]
        self.sets = {tuple(names): _Groups(log, {name: pl.col(name) for name in names}) for names in sets}
        self.features = {name: values for names, values in self.sets.items() for name in names}
        self.codes = [code for each in (self.rows, *self.sets.values()) for code in each.values.codes]
        self.histograms = {name: _Bins(HISTOGRAM_BITS) for name in {*columns.numbers} - {columns.score}}
        self.scores, self.pairs = _Scores(), {name: _Bins(PAIR_BITS) for name in numbers}
        self.numbers = sorted({*columns.numbers, *numbers, *([columns.score] if columns.score else [])})

    def add(self, batch: pl.DataFrame) -> None:
        """Count some rows."""
        rows, seen = self.rows.add(batch), self.rows.values.seen
        self.nulls += np.array([batch[name].null_count() for name in self.columns.all], np.int64)
        attributes = self.by_attribute.of(seen, rows) if self.columns.pairs else ()
        for names, values in self.sets.items():
            values.add(batch, *(attributes if names[0] in self.paired else ()))
        for name in self.numbers:
            floats = _floats(batch[name])
            if name in self.histograms:
                self.histograms[name].add(floats)
            if name in self.pairs:
                self.pairs[name].add(floats, *attributes)
            if name == self.columns.score:
                self.scores.add(floats, *self.by_label.of(seen, rows))

    def answers(self) -> Iterator[pl.DataFrame]:
        """As to `cells.queries`."""
        yield self._cells()
        yield pl.DataFrame([self.nulls], schema=self.columns.all, orient="row")
        keys = {name: key for key, name in self.keys.items()}
        for name in self.columns.categories:
            if name in keys:
                yield self._cells().select("n", value=keys[name])
            else:
                yield self.features[name].values.seen.select(
                    value=name, n=pl.Series(self.features[name].counts.sum(axis=1), dtype=pl.Int64)
                )

    def tables(self) -> Tables:
        """`histograms`, `scores`, `pairs`, in order."""
        columns, made = self.columns, defaultdict[str, list[pl.DataFrame]](list)
        for name in sorted({*columns.numbers}):
            bins, counts = (self.scores if name == columns.score else self.histograms[name]).by(HISTOGRAM_BITS)
            n = pl.Series(counts.sum(axis=1), dtype=pl.Int64)
            made["histograms"].append(bins.with_columns(column=pl.lit(name), n=n))
        bins, counts = self.scores.by(SCORE_BITS)
        for attribute in ("", *sorted(self.attributes)) if columns.score else ():
            groups = self.by_label.values.seen
            value = cells.text(groups, self.attributes.get(attribute, ""))
            said = _said(groups, attribute=pl.lit(attribute), value=value, label=cells.label(groups, columns))
            made["scores"].append(_by(counts, bins, said))
        for name in sorted({*columns.pairs}) if self.attributes else ():
            made["pairs"] += self._pairs(name)
        return made

    def _pairs(self, name: str) -> Iterator[pl.DataFrame]:
        """A feature beside each attribute."""
        own, missing = name in self.pairs or name in self.features, pl.lit(None)
        groups = self.by_attribute.values.seen if own else self._cells()
        if name in self.pairs:
            values, counts = self.pairs[name].by(PAIR_BITS)
        elif own:
            values, counts = self.features[name].values.seen, self.features[name].counts
            values = _said(values, value=cells.text(values, name))
        for attribute, key in sorted(self.attributes.items()):
            said = _said(groups, column=pl.lit(name), attribute=pl.lit(attribute), group=cells.text(groups, key))
            if name in self.pairs:
                yield _by(counts, values, said).with_columns(value=missing.cast(pl.String))
            elif own:
                yield summed([_by(counts, values, said).with_columns(bin=missing)], TABLES["pairs"])
            else:
                value = cells.text(groups, next(key for key, told in self.keys.items() if told == name))
                yield summed([said.with_columns(groups.select("n", value=value), bin=missing)], TABLES["pairs"])

    def _cells(self) -> pl.DataFrame:
        reviewed = pl.col("reviewed") if self.columns.reviewed else pl.lit(value=False)
        return self.rows.values.seen.with_columns(reviewed=reviewed, n=pl.Series(self.rows.counts[:, 0]))


def _every(seen: pl.DataFrame) -> pl.DataFrame:
    """With a column that holds nothing, for groups by nothing else are one."""
    return seen.with_columns(every=pl.lit(None))


def _said(groups: pl.DataFrame, **what: pl.Expr) -> pl.DataFrame:
    """Something about each group, and nothing else."""
    return groups.with_columns(**what).select(*what)
