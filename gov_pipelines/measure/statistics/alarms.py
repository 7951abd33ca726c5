"""Alarms over nights: evidence against equality that may be looked at every night, its error held for a year.

An e-process M is a non-negative process that starts at 1 and, while nothing is wrong, is expected to be at most 1 at any
night at which one may choose to look. By Ville's inequality the chance that it ever reaches 1 / alpha is at most alpha: a
year of looking costs no more than one look. 1 / M is therefore a p value at any night, whatever was seen before.

- A night's factor is the likelihood of its two groups' counts at some odds ratio over that at equal odds, given the night's
  margins (Fisher's noncentral over the central hypergeometric distribution). Given the margins no base rate is left in it: it
  is exact for any size, and rates may differ from night to night. Its mean is 1 given the margins and all nights before.
- The product of the factors from a night on bets that a change began there. M is the mean of these products over odds ratios
  and nights, half of it on the first night, so that what was so before the year is soon found again, and the rest even; what
  is not bet yet is kept. Each product has mean 1, and so has M. The shares of the products are the posterior of the night.
  Nights are those of the calendar: one that was not audited has the factor 1, and added later changes only what it is in.
- A distribution is compared with the reference and all earlier nights together: standardised, these departures are
  independent normal vectors while nothing changes (recursive residuals), approximately so where counts are not tiny. A change
  from a night on moves all later ones one way, by less as the nights since then join what is compared with. The factor is
  that of a normal prior of the shift, its scale in the population stability index.
- Of several e-processes the mean is one, whatever their dependence; the mean of the smallest few over all sets that contain
  one holds the family's error for each.
- Alarms may join during the year: each spends a share of its error from then on, and the shares add up to no more than all of it,
  however many join (see `Year.divisor`).

Sources: Ville (1939), Étude critique de la notion de collectif; Fisher (1935), J. R. Stat. Soc. 98, 39-82, for the conditional
likelihood; Turner, Ly and Grünwald (2024), Stat. Probab. Lett. 204, for e-values of 2 x 2 tables over time; Shin, Ramdas and
Rinaldo (2024), New England J. Stat. Data Sci. 2, for e-processes of changes; Brown, Durbin and Evans (1975), J. R. Stat. Soc. B
37, 149-192, for recursive residuals; Vovk and Wang (2021), Annals of Statistics 49, 1736-1754, for means and families.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.statistics.comparisons import POWER
from gov_pipelines.measure.statistics.intervals import Floats
from gov_pipelines.measure.statistics.strata import expected_favorable
from gov_pipelines.policy.calendar import Partition, partition_key

NIGHT = "night, of the year"  # beside the tally's dimensions; no declared name has a comma
_LOG_ODDS = 0.08 * 1.6 ** np.arange(7)  # 0.08 to 1.34
_SHIFTS = np.array([0.003, 0.02, 0.1, 0.5])
_AT_ONCE = 0.5
_CREDIBLE = 0.95
_LARGEST = 600.0  # of log e, so that sums of e stay finite
_POWER = NormalDist().inv_cdf(POWER)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the nights of a year say of one comparison.

    Attributes:
        log_e: logarithm of the e-process after each night; empty before the first.
        began: for each night the probability that the change began with it, if there is one.
        information: on the log odds ratio, the variances of all nights' counts; 0 of a distribution.
    """

    log_e: Floats
    began: Floats
    information: float = 0.0

    @property
    def now(self) -> float:
        """Logarithm of e after the last night; 0 before the first."""
        return float(self.log_e[-1]) if len(self.log_e) else 0.0

    def since(self) -> tuple[int, int, int]:
        """The night with which the change began: the middle of what is likely, and the ends of 95 % of it."""
        below, tail = np.cumsum(self.began), (1 - _CREDIBLE) / 2
        middle, first, last = (min(int(np.searchsorted(below, q)), len(below) - 1) for q in (0.5, tail, 1 - tail))
        return middle, first, last


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the nights say of one comparison of a control.

    Attributes:
        e: the e-value.
        p: 1 / e, at most 1: a p value at any night.
        p_adjusted: that of e shared in its control's family and with all alarms of the year.
        since: when the change began, in words; None where there is no alarm.
        bound: logarithm of what a product must reach, if it is so since the first night, for all this.
        information: of the evidence.
    """

    e: float
    p: float
    p_adjusted: float
    since: str | None
    bound: float
    information: float


@dataclass(frozen=True)
class Year:
    """The nights over which alarms hold their error: those of a calendar year up to the one judged.

    Attributes:
        counted: tallies of the audited partitions, in order.
        nights: the partitions the system has in the year, audited or not, in order.
        shared: alarms of all systems that share the error.
        first: how many of them the year began with.
        reference: tallies of a reference's partitions, where there is one.
    """

    counted: Mapping[Partition, Tally]
    nights: Sequence[Partition]
    shared: int
    first: int
    reference: Sequence[Tally] = ()

    @cached_property
    def places(self) -> list[int]:
        """Of each audited partition among the nights."""
        at = {night: place for place, night in enumerate(self.nights)}
        return [at[night] for night in self.counted]

    @property
    def so_far(self) -> int:
        """Nights up to the last audited one."""
        return max(self.places, default=-1) + 1

    def placed(self, rows: ArrayLike) -> Floats:
        """Rows of the audited nights as rows of all so far [T, ...]: nothing was counted on the others."""
        counts = np.asarray(rows, float)
        table = np.zeros((self.so_far, *counts.shape[1:]))
        table[self.places] = counts
        return table

    def together(self, names: Iterable[str]) -> Tally:
        """One tally of the nights that count these attributes and strata, its cells counted by the place of the night too."""
        wanted = list(dict.fromkeys(names))
        told = [
            (at, one)
            for at, one in zip(self.places, self.counted.values(), strict=True)
            if {*wanted} <= {*one.dimensions}
        ]
        cells = [
            one.cells.select(
                pl.lit(f"{at}").alias(NIGHT), *wanted, pl.exclude(*one.dimensions, "weight", "weight_squares")
            )
            for at, one in told
        ]
        return replace(told[-1][1], cells=pl.concat(cells))

    @property
    def method(self) -> str:
        """How an alarm was found."""
        return f"mixture e-process of {len(self.counted)} of {len(self.nights)} nights of the year shared by {self.shared} alarms"

    @property
    def divisor(self) -> float:
        """By how much an alarm divides the error: twice how many there are, times as often as they have become.

        Of the m that the year began with each spends 1 / 2m, together one half. One that joins as the i-th spends at most
        m / 2i² of the error, and the sum of 1 / i² over all i above m is below 1 / m: all that join spend less than the other half.
        """
        return 2 * max(self.shared, self.first) ** 2 / self.first

    def alarms(self, found: Sequence[Evidence], size: int, level: float) -> list[Alarm]:
        """What the evidence on each comparison of a control amounts to, all of them together.

        Args:
            found: of each comparison.
            size: how many are paid for; more than are found where the data choose which.
            level: the year's error.
        """
        each_e = [each.now for each in found]
        shared = in_family(each_e) if size <= len(found) else np.array(each_e) - math.log(size)
        bound = math.log(self.divisor * size * 2 * len(_LOG_ODDS) / _AT_ONCE) - math.log(level) if level else math.inf
        return [self._alarm(each, float(log_e), level, bound) for each, log_e in zip(found, shared, strict=True)]

    def _alarm(self, found: Evidence, shared: float, level: float, bound: float) -> Alarm:
        p, since = min(1.0, self.divisor * math.exp(min(-shared, 0))), None
        if p <= level:
            middle, first, last = (partition_key(self.nights[at]) for at in found.since())
            since = f"changed about {middle} ({100 * _CREDIBLE:g} %: {first} to {last})"
        e = math.exp(min(found.now, _LARGEST))
        return Alarm(e, math.exp(min(-found.now, 0)), p, since, bound, found.information)


def odds_evidence(counts: ArrayLike, nights: int, *, above: bool = False) -> Evidence:
    """The evidence that a group's odds of a favorable decision are lower than another's, or higher, too.

    Args:
        counts: a row a night [T, 4]: favorable and decided of the group, then of the other; zeros where none was audited.
        nights: in the whole year, T or more.
        above: whether higher odds count as well.
    """
    table = np.asarray(counts, np.int64).reshape(-1, 4)
    signs = (-1.0, 1.0) if above else (-1.0,)
    odds = np.concatenate([sign * _LOG_ODDS for sign in signs])
    x, n, y, m = table.T
    expected = np.array([[_log_mean(*each, sign) for sign in signs] for each in zip(n, m, x + y, strict=True)])
    ratios = x[:, None] * odds - expected.reshape(len(table), len(odds))
    through = np.cumsum(ratios, axis=0)
    prior, kept = _betting(len(table), nights)
    stakes = prior[:, None] - np.log(len(odds)) - (through - ratios)
    begun = _log_sum(np.logaddexp.accumulate(stakes, axis=0) + through, axis=1)
    return _evidence(begun, _log_sum(stakes + through[-1:], axis=1), kept, float(information(table).sum()))


def information(counts: ArrayLike) -> Floats:
    """On the log odds ratio near equality, of tables [..., 4]: the variance of the group's favorable decisions, margins given."""
    x, n, y, m = np.moveaxis(np.asarray(counts, float), -1, 0)
    total = n + m
    return np.asarray(n * m * (x + y) * (total - x - y) / np.maximum(total**2 * (total - 1), 1))


def detectable_odds(told: float, bound: float) -> float:
    """The log odds ratio at which a product reaches `bound` with 80 % power at so much information; infinite at none.

    At a bet on g the logarithm of a product is normal with mean (g theta - g² / 2) I and variance g² I; the best bet counts.
    """
    if not told:
        return math.inf
    return float(np.min(_LOG_ODDS / 2 + bound / (_LOG_ODDS * told))) + _POWER / math.sqrt(told)


def needed_information(log_odds: float, bound: float) -> float:
    """The information at which this log odds ratio, either way, reaches `bound` with 80 % power; infinite where no bet is that small."""
    gain = abs(log_odds) - _LOG_ODDS / 2
    bets, gain = _LOG_ODDS[gain > 0], gain[gain > 0]
    root = (_POWER + np.sqrt(_POWER**2 + 4 * gain * bound / bets)) / (2 * gain)
    return float(np.min(root, initial=math.inf) ** 2)


@lru_cache(maxsize=1 << 17)
def _log_mean(n: int, m: int, favorable: int, sign: float) -> Floats:
    """Logarithm of the mean of theta^X over the grid, X hypergeometric: `favorable` decisions fall on a group of n and one of m.

    Summed where the tilted distribution has its mass: a sum of independent indicators is beyond 12 standard deviations and
    40 with a chance below e^-60.
    """
    least, most, odds = max(0, favorable - m), min(n, favorable), sign * _LOG_ODDS
    if least == most:
        return np.asarray(least * odds)
    centre = np.array([expected_favorable(n, m, favorable, theta) for theta in np.exp(odds)])
    inverse = sum(
        1 / np.maximum(cell, 1e-9) for cell in (centre, n - centre, favorable - centre, m - favorable + centre)
    )
    reach = 12 / np.sqrt(inverse) + 40
    low, high = np.maximum(least, np.floor(centre - reach)), np.minimum(most, np.ceil(centre + reach))
    at = low[:, None] + np.arange(int(np.max(high - low)))
    rising = (n - at) * (favorable - at) / ((at + 1) * (m - favorable + at + 1))
    with np.errstate(divide="ignore"):
        steps = np.log(np.where(at < high[:, None], rising, 0.0)) + odds[:, None]
    every = _log_choose(n + m, favorable)
    start = np.array([_log_choose(n, j) + _log_choose(m, favorable - j) - every for j in low.tolist()])
    logs = np.cumsum(np.concatenate([(start + low * odds)[:, None], steps], axis=1), axis=1)
    return np.asarray(_log_sum(logs, axis=1))


def _log_choose(n: float, k: float) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def shift_evidence(counts: ArrayLike, reference: ArrayLike, nights: int) -> Evidence:
    """The evidence that shares have moved from the reference's.

    Days scatter more than chance alone has it, and their tails are long: by how much is taken from the reference's own days,
    two standard errors above what they show and never below chance, and no day says more than five standard deviations.

    Args:
        counts: a row a night and a column a category [T, K]; zeros where none was audited.
        reference: the same of the reference's days [R, K].
        nights: in the whole year, T or more.
    """
    now, then = np.asarray(counts, float), np.asarray(reference, float)
    if not len(now):
        return Evidence(np.zeros(0), np.zeros(0))
    there = then.sum(axis=0) + now.sum(axis=0) > 0
    now, then = now[:, there], then[:, there]
    freedom = max(now.shape[1] - 1, 1)
    inside = _departures(then, np.zeros_like(then[0]))[0][1:]
    degrees = max(freedom * len(inside), 1)
    scatter = max(1.0, float(np.sum(inside**2)) / degrees * (1 + 2 * (2 / degrees) ** 0.5))
    departure, before, weight = _departures(now, then.sum(axis=0))
    most = scatter * (freedom + 5 * (2 * freedom) ** 0.5)
    departure *= np.sqrt(most / np.maximum(np.sum(departure**2, axis=1), most))[:, None]
    moved = np.cumsum(weight[:, None] * departure, axis=0) / scatter
    told = np.cumsum(weight**2) / scatter
    gone, known = np.vstack([np.zeros_like(moved[:1]), moved[:-1]]), np.concatenate([[0.0], told[:-1]])[: len(told)]
    squares = np.sum(moved**2, axis=1)[None] + np.sum(gone**2, axis=1)[:, None] - 2 * gone @ moved.T
    total = np.maximum(told[None] - known[:, None], 0) * before[:, None] ** 2
    prior = _SHIFTS / freedom
    widened = 1 + total[..., None] * prior
    push = (np.maximum(squares, 0) * before[:, None] ** 2)[..., None] * prior / widened
    prior_night, kept = _betting(len(now), nights)
    each = _log_sum((push - freedom * np.log(widened)) / 2, axis=2) + prior_night[:, None] - np.log(len(_SHIFTS))
    each = np.where(np.tri(len(now), dtype=bool).T, each, -np.inf)  # a change yet to come bets nothing
    return _evidence(_log_sum(each, axis=0), each[:, -1:].sum(axis=1), kept)


def _departures(counts: Floats, base: Floats) -> tuple[Floats, Floats, Floats]:
    """Each night's standardised departure [T, K] from all before it, how many rows those are, and the weight [T].

    The weight times the rows before a change times the shift is what the departure of a later night is expected to be. What
    is rarer than once a night is standardised as if it were not: else its rows, one by one, are each a great surprise.
    """
    until = base + np.cumsum(counts, axis=0)
    earlier = until - counts
    n, before = counts.sum(axis=1), earlier.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(n * before / (n + before))
        shares = np.maximum(until / (n + before)[:, None], 1 / n[:, None])
        apart = (counts / n[:, None] - earlier / before[:, None]) / np.sqrt(shares)
        weight = scale / before
    return np.nan_to_num(scale[:, None] * apart), before, np.nan_to_num(weight)


def _betting(steps: int, nights: int) -> tuple[Floats, Floats]:
    """Logarithms: of what is bet on a change with each night, and of what is kept after it for those to come."""
    bets = np.full(steps, (1 - _AT_ONCE) / max(nights - 1, steps - 1, 1))
    bets[:1] = _AT_ONCE
    with np.errstate(divide="ignore"):
        return np.log(bets), np.log(np.maximum(1 - np.cumsum(bets), 0))


def _evidence(begun: Floats, last: Floats, kept: Floats, told: float = 0.0) -> Evidence:
    """From log sums: after each night over the changes so far, after the last one of each change; and what is kept."""
    return Evidence(np.logaddexp(begun, kept), np.exp(last - _log_sum(last, axis=0)) if len(last) else last, told)


def in_family(log_e: Sequence[float]) -> Floats:
    """The e of each member of a family so that all may be looked at: its smallest mean with any of the others; logarithms."""
    e = np.exp(np.clip(np.asarray(log_e, float), -_LARGEST, _LARGEST))
    order = np.argsort(e, kind="stable")
    rising = e[order]
    smaller = np.concatenate([[0.0], np.cumsum(rising)[:-1]])[: len(e)]
    means = (rising[:, None] + smaller) / np.arange(1, len(e) + 1)
    found = np.empty_like(e)
    found[order] = np.min(np.where(np.tri(len(e), dtype=bool), means, np.inf), axis=1, initial=np.inf)
    return np.asarray(np.log(found))


def _log_sum(values: Floats, axis: int) -> Floats:
    most = np.max(values, axis=axis, keepdims=True)
    return np.asarray(np.log(np.sum(np.exp(values - most), axis=axis)) + np.squeeze(most, axis=axis))
