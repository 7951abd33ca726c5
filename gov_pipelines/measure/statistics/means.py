"""Means of groups compared, from exact sums: the standardized mean difference, its interval and Welch's test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

UNIT = 1_000_000  # values are counted in millionths, whole, so that sums are exact and the same in any order

Denominator = Literal["population", "pooled", "reference"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of a number over some rows, in units of `UNIT` and its square.

    Attributes:
        n: rows with a value.
        sum: of the values.
        squares: of their squares.
    """

    n: int = 0
    sum: int = 0
    squares: int = 0

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.sum + other.sum, self.squares + other.squares)

    @property
    def mean(self) -> Fraction:
        """The exact mean; of no rows, an error."""
        return Fraction(self.sum, self.n * UNIT)

    @property
    def departures(self) -> Fraction:
        """The exact sum of squared departures from the mean."""
        return Fraction(self.n * self.squares - self.sum**2, self.n * UNIT**2)


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """A standardized mean difference and its test.

    Attributes:
        value: mean of the group less that of the reference, in standard deviations.
        error: standard error of `value`, the denominator's own uncertainty included.
        freedom: Welch's degrees of freedom.
        p: two-sided, of Welch's test that the means are equal.
    """

    value: float
    error: float
    freedom: float
    p: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Interval of the standardized difference, Student's with Welch's degrees of freedom."""
        reach = self.reach(confidence)
        return self.value - reach, self.value + reach

    def reach(self, confidence: float) -> float:
        """Half the interval's width."""
        from scipy.special import stdtrit  # noqa: PLC0415  (loading the code location must not pay for SciPy)

        return float(stdtrit(self.freedom, 1 - (1 - confidence) / 2)) * self.error


def mean_difference(
    group: Moments, reference: Moments, everyone: Moments, denominator: Denominator
) -> MeanDifference | None:
    """The standardized mean difference over a stated standard deviation; None where a group is too small or all are alike.

    Args:
        group: the group's sums.
        reference: those of the group it is compared with.
        everyone: those of all rows, people of unknown groups among them.
        denominator: `population` (standard deviation of everyone, divided by n), `pooled` (of the two groups within
            themselves) or `reference` (of the reference alone), the last two divided by n - 1.

    Source: Welch (1947), Biometrika 34, 28-35, for the test; the term for the denominator follows Hedges (1981),
    J. Educational Statistics 6, 107-128. Coverage is simulated in the tests.
    """
    from scipy.special import stdtr  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    if group.n < 2 or reference.n < 2:
        return None
    within = group.n + reference.n - 2
    variance, freedom = {
        "population": (everyone.departures / everyone.n, everyone.n),
        "pooled": ((group.departures + reference.departures) / within, within),
        "reference": (reference.departures / (reference.n - 1), reference.n - 1),
    }[denominator]
    parts = [float(each.departures / (each.n - 1) / each.n) for each in (group, reference)]
    total = math.fsum(parts)
    if not variance or not total:
        return None
    sd = math.sqrt(variance)
    difference = float(group.mean - reference.mean)
    welch = total**2 / math.fsum(part**2 / (each.n - 1) for part, each in zip(parts, (group, reference), strict=True))
    value = difference / sd
    error = math.sqrt(total / float(variance) + value**2 / (2 * freedom))
    return MeanDifference(value, error, welch, 2 * float(stdtr(welch, -abs(difference) / math.sqrt(total))))
