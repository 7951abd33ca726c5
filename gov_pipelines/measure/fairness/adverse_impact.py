"""Adverse impact from counts: the screens, tests and practical measures of the Uniform Guidelines and the cases.

Every function takes whole numbers: x favorable of n decided, of a group and of the group it is compared with. Where the
law counts, so do these: no float is made before the last division.
"""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist

from gov_pipelines.measure.statistics.comparisons import exact_tests


def four_fifths(x: int, n: int, x_ref: int, n_ref: int) -> bool:
    """Whether a group's rate is below four fifths of the other's. Exactly four fifths is not.

    A screen of the enforcement agencies, not a test and not a limit that any statute sets.

    Source: 29 CFR 1607.4(D).
    """
    return 5 * x * n_ref < 4 * x_ref * n


def selections_to_four_fifths(x: int, n: int, x_ref: int, n_ref: int) -> int:
    """How many more of the group would have to be favored for four fifths; 0 where there are enough."""
    return max(-(-4 * x_ref * n // (5 * n_ref)) - x, 0)


def shortfall(x: int, n: int, x_ref: int, n_ref: int) -> float:
    """Favorable decisions expected of the group under one common rate, less those it had."""
    return float(Fraction(n * (x + x_ref), n + n_ref) - x)


def z_pooled(x: int, n: int, x_ref: int, n_ref: int) -> float | None:
    """The difference of two rates in standard deviations, pooled, without continuity correction; None where all are alike.

    The courts' "two or three standard deviations". Use Fisher's test where a group is small.
    """
    p = Fraction(x + x_ref, n + n_ref)
    variance = p * (1 - p) * (Fraction(1, n) + Fraction(1, n_ref))
    return float(Fraction(x, n) - Fraction(x_ref, n_ref)) / math.sqrt(variance) if variance else None


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal value."""
    return 2 * NormalDist().cdf(-abs(z))


def z_binomial(x: float, n: int, share: float) -> float:
    """How many standard deviations x of n lies from n times the `share` available; the share is above 0 and below 1.

    Source: Castaneda v. Partida, 430 U.S. 482 (1977), note 17; Hazelwood v. United States, 433 U.S. 299 (1977), note 14.
    """
    return (x - n * share) / math.sqrt(n * share * (1 - share))


def binomial_p(x: int, n: int, share: float) -> float:
    """Two-sided exact p that x of n come from a pool with this share."""
    from scipy.stats import binomtest  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    return float(binomtest(x, n, share).pvalue)


def fisher_p(x: int, n: int, x_ref: int, n_ref: int) -> tuple[float, float]:
    """Fisher's exact two-sided p and Lancaster's mid-p; see `exact_tests`."""
    p, mid = exact_tests(x, n, x_ref, n_ref)
    return float(p[0]), float(mid[0])


def flip_flop(x: int, n: int, x_ref: int, n_ref: int) -> bool:
    """Whether one favorable decision moved from the other group to this one would turn the difference round.

    If so, the sample is too small to find adverse impact from it alone.

    Source: Questions and Answers on the Uniform Guidelines, 44 FR 11996 (1979), question 21.
    """
    return (x + 1) * n_ref > (x_ref - 1) * n


def relative_rate_adverse(x: int, n: int, x_ref: int, n_ref: int) -> float | None:
    """How many times as often the group is refused; None where nobody of the other group is.

    Source: the same, question 20: 10 % against 4 % refused is 2.5 times, though the rates of selection are at 0.9375.
    """
    refused = (n_ref - x_ref) * n
    return float(Fraction((n - x) * n_ref, refused)) if refused else None


def odds_ratio(x: int, n: int, x_ref: int, n_ref: int) -> float | None:
    """The group's odds of a favorable decision over the other's; None where they have no bound."""
    below = x_ref * (n - x)
    return float(Fraction(x * (n_ref - x_ref), below)) if below else None
