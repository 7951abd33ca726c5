"""How people review: how often they override, how long they take, and signs that they look at nothing.

Computed from rows of reviews, which no tally keeps, so none of it is recomputable from a snapshot. A sign is a reason to
ask, not a finding: who gets the easy cases overrides less.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.statistics.comparisons import adjusted, fisher
from gov_pipelines.measure.statistics.intervals import wilson

REVIEW_SCHEMA = {
    "decision_id": pl.String(),
    "reviewer": pl.String(),
    "opened_at": pl.Datetime("us", "UTC"),
    "reviewed_at": pl.Datetime("us", "UTC"),
    "proposed": pl.String(),
    "final": pl.String(),
}
"""One row a review; attributes of the person decided about stand beside them. `opened_at` is null where nobody noted it."""

QUICK = 10.0
"""Seconds in which nobody reads a case."""

FEWEST = 5
"""Timed reviews below which haste is no sign."""

_RARE = 0.05
_METHOD = "rows of reviews"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One person's reviews.

    Attributes:
        name: of the reviewer.
        reviews: whose proposed and final decision are known.
        overrides: those whose final decision is another than the proposed one.
        rate: overrides a review; None without reviews.
        lower: of the 95 % Wilson interval of the rate.
        upper: of the same.
        longest_agreement: most reviews in a row without an override, in the order of time.
        median_seconds: from opening a case to the review; None where no opening is noted.
        quick: reviews that took less than `QUICK` seconds, of those with an opening.
        timed: reviews with an opening.
        p_fewer: adjusted chance of so few overrides if this reviewer overrode as the others do.
        signs: of rubber-stamping, in words; empty where there are none.
    """

    name: str
    reviews: int
    overrides: int
    rate: float | None
    lower: float | None
    upper: float | None
    longest_agreement: int
    median_seconds: float | None
    quick: int
    timed: int
    p_fewer: float | None
    signs: tuple[str, ...]


def review_measurements(reviews: pl.DataFrame, attributes: tuple[str, ...] = ()) -> list[Measurement]:
    """`override_rate` and `agreement_rate` of all reviews and by group, and `median_review_seconds`; no names.

    Args:
        reviews: `REVIEW_SCHEMA` and the attributes, text.
        attributes: columns that define groups, each on its own.

    Returns:
        An aggregate of each metric, and for each attribute one override rate a group, compared with all others by
        Fisher's exact test, adjusted (Holm) over all groups of all attributes. A review whose proposed or final decision
        is unknown is in none of the rates, and counted in the note.
    """
    known = _known(reviews)
    unknown = reviews.height - known.height
    note = f"{unknown:,} reviews without a proposed or final decision are left out" if unknown else None
    overridden = int(known["override"].sum())
    overall = _rate("override_rate", overridden, known.height, note=note)
    agreement = _rate("agreement_rate", known.height - overridden, known.height, note=note)
    groups = [row for name in attributes for row in _by_group(known, name)]
    p = [row.p_value for row in groups if row.p_value is not None]
    family = iter(adjusted(p).tolist() if p else [])
    corrected = [replace(row, p_adjusted=None if row.p_value is None else next(family)) for row in groups]
    return [overall, agreement, _seconds(reviews), *corrected]


def reviewers(reviews: pl.DataFrame) -> list[Reviewer]:
    """Each reviewer's own figures, most reviews first. They name people: for who manages them, not for a snapshot.

    The chance of so few overrides is Fisher's, one-sided, against all other reviewers, Holm-adjusted over the reviewers; it
    supposes that cases fall to reviewers by chance.

    Args:
        reviews: `REVIEW_SCHEMA`.
    """
    known = _known(reviews)
    names = known.group_by("reviewer").len().sort(["len", "reviewer"], descending=[True, False])["reviewer"].to_list()
    total, overridden = known.height, int(known["override"].sum())
    own = [known.filter(pl.col("reviewer") == name).sort("reviewed_at", "decision_id") for name in names]
    p = [_fewer(int(each["override"].sum()), each.height, overridden, total) for each in own]
    told = [value for value in p if value is not None]
    corrected = iter(adjusted(told).tolist() if told else [])
    return [
        _reviewer(name, each, None if value is None else next(corrected))
        for name, each, value in zip(names, own, p, strict=True)
    ]


def _known(reviews: pl.DataFrame) -> pl.DataFrame:
    both = reviews.drop_nulls(["proposed", "final"])
    return both.with_columns(override=pl.col("proposed") != pl.col("final"), seconds=_taken())


def _taken() -> pl.Expr:
    taken = (pl.col("reviewed_at") - pl.col("opened_at")).dt.total_microseconds() / 1e6
    return pl.when(taken >= 0).then(taken)  # an opening after the review tells of clocks, not of haste


def _rate(metric: str, x: int, n: int, *, note: str | None = None) -> Measurement:
    if not n:
        return Measurement(metric=metric, method=_METHOD, note=note or "no reviews", recomputable=False)
    lower, upper = wilson(x, n)
    return Measurement(
        metric=metric,
        value=x / n,
        lower=float(lower),
        upper=float(upper),
        confidence=0.95,
        n=n,
        method=f"Wilson interval; {_METHOD}",
        recomputable=False,
        note=note,
    )


def _by_group(known: pl.DataFrame, attribute: str) -> list[Measurement]:
    counts = known.group_by(attribute).agg(x=pl.col("override").sum(), n=pl.len()).sort(attribute, nulls_last=True)
    named = counts.drop_nulls(attribute)
    every, overridden = named["n"].sum(), named["x"].sum()
    rows = []
    for value, x, n in counts.iter_rows():
        row = _rate("override_rate", x, n)
        compared = value is not None and 0 < n < every
        p = float(fisher(x, n, overridden - x, every - n)[0]) if compared else None
        rows.append(_grouped(row, attribute, value, p))
    return rows


def _grouped(row: Measurement, attribute: str, value: str | None, p: float | None) -> Measurement:
    method = f"{row.method}; Fisher's exact test against all others, Holm over all groups"
    return replace(
        row, attribute=(attribute,), group={attribute: value}, p_value=p, tested=p is not None, method=method
    )


def _seconds(reviews: pl.DataFrame) -> Measurement:
    taken = reviews.select(seconds=_taken())["seconds"].drop_nulls()
    untimed = reviews.height - taken.len()
    note = f"{untimed:,} reviews without an opening noted before them are left out" if untimed else None
    median = taken.median()
    value = float(median) if isinstance(median, int | float) else None
    return Measurement(
        metric="median_review_seconds",
        value=value,
        n=taken.len(),
        method=f"median; {_METHOD}",
        note=note,
        recomputable=False,
    )


def _fewer(x: int, n: int, overridden: int, total: int) -> float | None:
    """The chance of x or fewer overrides among n of the total; None where there is nobody to compare with."""
    from scipy.stats import hypergeom  # noqa: PLC0415  (loading the code location must not pay for it)

    return float(hypergeom.cdf(x, total, overridden, n)) if 0 < n < total else None


def _reviewer(name: str, own: pl.DataFrame, p_fewer: float | None) -> Reviewer:
    override = own["override"].to_numpy()
    breaks = np.flatnonzero(np.concatenate(([True], override, [True])))
    longest = int(np.diff(breaks).max() - 1)
    timed = own["seconds"].drop_nulls()
    quick = int((timed < QUICK).sum())
    median = timed.median()
    rate = _rate("override_rate", int(override.sum()), own.height)
    signs = []
    if p_fewer is not None and p_fewer < _RARE:
        signs.append(
            f"{int(override.sum())} overrides in {own.height:,} reviews, fewer than the others' (p = {p_fewer:.2g})"
        )
    if quick * 2 > timed.len() >= FEWEST:
        signs.append(f"{quick:,} of {timed.len():,} timed reviews took less than {QUICK:g} seconds")
    return Reviewer(
        name,
        own.height,
        int(override.sum()),
        rate.value,
        rate.lower,
        rate.upper,
        longest,
        float(median) if isinstance(median, int | float) else None,
        quick,
        timed.len(),
        p_fewer,
        tuple(signs),
    )
