"""Bringing what changed at the source into what was kept of a partition, so that the rest need not be read again. Pure.

Rows are known by fingerprints: a frame `id`, `fingerprint` has one row for each row of the source. Ids are compared as the
log writes them, and a null id is one id: rows without one stand or fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

import polars as pl

from gov_pipelines.decisions.beside import REVIEW
from gov_pipelines.decisions.casts import as_category
from gov_pipelines.decisions.log import Canonical

SEEN_SCHEMA = {"id": pl.String(), "fingerprint": pl.String(), "again": pl.Boolean()}
"""Of the kept fingerprints of a place. `again`: the row is read again whatever its fingerprint: what it amounts to depends
on more than its content."""

KEY = "__key"

Change = Literal["late", "corrected", "labelled", "reviewed", "moved", "vanished"]
"""What became of a decision since the day was last signed: arrived, has other content, has its outcome now, was reviewed, \
is dated on another day now, or is gone from the source."""

CHANGE_SCHEMA = {"decision_id": pl.String(), "change": pl.String()}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the last reading of a partition left behind.

    Attributes:
        parts: log (with what was joined to it), quarantine and duplicates.
        seen: the fingerprints of every place, `place` before the columns of `SEEN_SCHEMA`.
        vanished: decisions that had vanished before.
        fits: whether these may be built upon; else they only tell what has changed.
    """

    parts: Canonical
    seen: pl.DataFrame
    vanished: pl.Series
    fits: bool

    def fits_at(self, as_of: datetime | None) -> bool:
        """Whether these may be built upon, and know nothing that has not happened yet."""
        moments = self.parts.log.select("reviewed_at", "label_at")
        return self.fits and (as_of is None or not moments.select((pl.all() > as_of).any()).row(0).count(True))

    def of(self, place: str) -> pl.DataFrame:
        """The fingerprints of one place."""
        return self.seen.filter(pl.col("place") == place).drop("place")


def keyed(frame: pl.DataFrame, column: str = "id") -> pl.DataFrame:
    """A frame with its ids in `__key`, written so that 7, "7" and "7.0" are one."""
    return frame.with_columns(as_category(pl.col(column).cast(pl.String), pl.String()).alias(KEY))


def among(frame: pl.DataFrame, keys: pl.DataFrame, column: str = "id") -> pl.DataFrame:
    """The rows whose id is one of the keys."""
    return keyed(frame, column).join(keys, on=KEY, how="semi", nulls_equal=True, maintain_order="left").drop(KEY)


def apart(frame: pl.DataFrame, keys: pl.DataFrame, column: str = "id") -> pl.DataFrame:
    """The rows whose id is none of the keys."""
    return keyed(frame, column).join(keys, on=KEY, how="anti", nulls_equal=True, maintain_order="left").drop(KEY)


def changed(before: pl.DataFrame, now: pl.DataFrame, *, ordered: bool = False) -> pl.DataFrame:
    """The keys whose rows are others than before, gone or new, as a frame of one column.

    Args:
        before: fingerprints that were kept, as `SEEN_SCHEMA`.
        now: those of the source.
        ordered: whether the order of rows that share a key matters; fingerprints do not show it, so that keys with several
            different rows count as changed.
    """
    columns = (KEY, "fingerprint")
    sides = (keyed(frame).select(*columns, n=pl.lit(n, pl.Int64)) for frame, n in ((before, -1), (now, 1)))
    sums = pl.concat(sides).group_by(columns).agg(pl.col("n").sum(), n_now=(pl.col("n") == 1).sum())
    other = pl.concat([sums.filter(pl.col("n") != 0).select(KEY), keyed(before).filter("again").select(KEY)])
    several = sums.filter(pl.col("n_now") > 0).group_by(KEY).len().filter(pl.col("len") > 1).select(KEY)
    return pl.concat([other, several] if ordered else [other]).unique()


def hangs_together(parts: Canonical, seen: pl.DataFrame) -> bool:
    """Whether log and quarantine hold the very ids of the fingerprints, and all rows are accounted for."""
    ids = pl.concat([parts.log.select("decision_id"), parts.quarantine.select("decision_id")])
    keys = (keyed(frame, column).select(KEY).unique() for frame, column in ((ids, "decision_id"), (seen, "id")))
    mine, theirs = keys
    same = mine.height == theirs.height == mine.join(theirs, on=KEY, how="semi", nulls_equal=True).height
    return same and ids.height + parts.duplicate == seen.height


def merged(
    kept: Canonical, seen: pl.DataFrame, touched: pl.DataFrame, parts: Canonical, joined: Sequence[str]
) -> Canonical:
    """Replace all rows of the touched keys by those that were read again.

    Args:
        kept: log, quarantine and duplicates of the last reading.
        seen: the fingerprints of that reading.
        touched: the keys that were read again, or are gone.
        parts: what their rows amount to now.
        joined: columns of the log that come from other places; decisions that were in the log keep them.
    """
    replaced = [among(kept.log, touched, "decision_id"), among(kept.quarantine, touched, "decision_id")]
    carried = parts.log.drop(joined).join(replaced[0].select("decision_id", *joined), on="decision_id", how="left")
    return Canonical(
        pl.concat([apart(kept.log, touched, "decision_id"), carried.select(kept.log.columns)]).sort("decision_id"),
        pl.concat([apart(kept.quarantine, touched, "decision_id"), parts.quarantine]).sort(
            "decision_id", "source_row", "reason"
        ),
        kept.duplicate - (among(seen, touched).height - sum(frame.height for frame in replaced)) + parts.duplicate,
    )


def inputs_digest(seen: pl.DataFrame) -> str:
    """SHA-256 (hex) over the sorted fingerprints of a place: the same whichever way its rows were read."""
    return sha256("\n".join(seen["fingerprint"].sort()).encode()).hexdigest()


def changes(
    before: pl.DataFrame, after: pl.DataFrame, known: pl.DataFrame, there: pl.DataFrame, anywhere: pl.DataFrame
) -> pl.DataFrame:
    """What became of the decisions of a day between two logs of it: one row a changed decision, `CHANGE_SCHEMA`.

    Args:
        before: the earlier log.
        after: the later one. Columns that only one of the two has are not compared.
        known: keys that the source had then.
        there: keys that the source has now, on that day.
        anywhere: of the keys that are gone from the day, those that the source still has.
    """
    both = [name for name in after.columns if name in before.columns and name != "decision_id"]
    pairs = before.join(after, on="decision_id", suffix=" now")
    differ = {name: pl.col(name).ne_missing(pl.col(f"{name} now")) for name in both}
    rest = [name for name in both if name not in {"label", "label_at", *REVIEW}]
    same = pl.lit(value=True)
    kind = (
        pl.when(pl.any_horizontal(~same, *(differ[name] for name in rest)))
        .then(pl.lit("corrected"))
        .when(differ.get("label", ~same))
        .then(pl.when(pl.col("label").is_null()).then(pl.lit("labelled")).otherwise(pl.lit("corrected")))
        .when(pl.any_horizontal(~same, *(differ[name] for name in REVIEW if name in differ)))
        .then(pl.lit("reviewed"))
        .when(differ.get("label_at", ~same))
        .then(pl.lit("corrected"))
    )
    new, gone = (a.join(b, on="decision_id", how="anti") for a, b in ((after, before), (before, after)))

    def told(frame: pl.DataFrame, change: Change) -> pl.DataFrame:
        return frame.select("decision_id", change=pl.lit(change))

    lost = apart(gone, there, "decision_id")
    return pl.concat(
        [
            pairs.select("decision_id", change=kind).drop_nulls("change"),
            told(apart(new, known, "decision_id"), "late"),
            told(among(new, known, "decision_id"), "corrected"),
            told(among(gone, there, "decision_id"), "corrected"),
            told(among(lost, anywhere, "decision_id"), "moved"),
            told(apart(lost, anywhere, "decision_id"), "vanished"),
        ]
    ).sort("decision_id")
