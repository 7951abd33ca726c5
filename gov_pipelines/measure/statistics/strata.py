"""One comparison over many strata: the Mantel-Haenszel odds ratio, its test, and whether the strata agree.

Pooling requisitions or periods can make or hide a difference that none of them has; these do not pool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gov_pipelines.measure.statistics.intervals import normal_quantile

Table = tuple[int, int, int, int]
_LOG_LIMIT, _HALVINGS = 25.0, 60
_LEAST_CELL = 1e-9  # an expected count is none only by rounding


@dataclass(frozen=True, slots=True)
class CommonOdds:
    """What strata say together of two groups.

    Attributes:
        odds_ratio: the group's odds of a favorable decision over the other's; None where they have no bound.
        error: standard error of its logarithm; None where a margin is empty.
        chi_square: Cochran-Mantel-Haenszel, one degree of freedom, without continuity correction; None where no
            stratum has both groups and both outcomes.
        p: of the chi-square.
        heterogeneity: Breslow and Day's chi-square with Tarone's correction; None where fewer than two strata count.
        heterogeneity_p: of it; a small one says that no single odds ratio describes the strata.
        strata: how many strata have both groups and both outcomes.
        n: decisions in those.
        own: decisions of the group in those.
        tables: those strata.
    """

    odds_ratio: float | None
    error: float | None
    chi_square: float | None
    p: float | None
    heterogeneity: float | None
    heterogeneity_p: float | None
    strata: int
    n: int
    own: int
    tables: tuple[Table, ...] = ()

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Robins, Breslow and Greenland's interval of the odds ratio, at 0 the score interval; None where it has no bound."""
        if self.odds_ratio is None:
            return None
        if self.error is None:
            return 0.0, _highest(self.tables, float(normal_quantile(confidence)))
        reach = float(normal_quantile(confidence)) * self.error
        return self.odds_ratio * math.exp(-reach), self.odds_ratio * math.exp(reach)


def common_odds(tables: Sequence[Table]) -> CommonOdds:
    """The common odds ratio of 2 x 2 tables, each (x, n, x_ref, n_ref): x favorable of n, of a group and of the other.

    Source: Mantel and Haenszel (1959), J. Natl. Cancer Inst. 22, 719-748; the variance of Robins, Breslow and Greenland
    (1986), Biometrics 42, 311-323; heterogeneity of Tarone (1985), Biometrika 72, 91-95.
    """
    from scipy.special import chdtrc  # noqa: PLC0415  (loading the code location must not pay for SciPy)

    told = [(x, n, y, m) for x, n, y, m in tables if n and m and 0 < x + y < n + m]
    cells = [(x, n - x, y, m - y, n + m) for x, n, y, m in told]
    forward = [a * d / n for a, _, _, d, n in cells]
    backward = [b * c / n for _, b, c, _, n in cells]
    agree = [(a + d) / n for a, _, _, d, n in cells]
    r, s = math.fsum(forward), math.fsum(backward)
    ratio = r / s if s else None
    error = None
    if r and s:
        each = zip(agree, forward, backward, strict=True)
        error = math.sqrt(
            math.fsum(
                p * f / (2 * r * r) + (p * b + (1 - p) * f) / (2 * r * s) + (1 - p) * b / (2 * s * s)
                for p, f, b in each
            )
        )
    excess = math.fsum(x - n * (x + y) / (n + m) for x, n, y, m in told)
    spread = math.fsum(n * m * (x + y) * (n + m - x - y) / ((n + m) ** 2 * (n + m - 1)) for x, n, y, m in told)
    chi_square = excess**2 / spread if spread else None
    differ = _tarone(told, ratio) if ratio and len(told) > 1 else None
    return CommonOdds(
        odds_ratio=ratio,
        error=error,
        chi_square=chi_square,
        p=None if chi_square is None else float(chdtrc(1, chi_square)),
        heterogeneity=differ,
        heterogeneity_p=None if differ is None else float(chdtrc(len(told) - 1, differ)),
        strata=len(told),
        n=sum(n + m for _, n, _, m in told),
        own=sum(n for _, n, _, _ in told),
        tables=tuple(told),
    )


def _tarone(tables: Sequence[Table], ratio: float) -> float:
    departures, variances = _departures(tables, ratio)
    squares = math.fsum(d * d / v for d, v in zip(departures, variances, strict=True))
    return squares - math.fsum(departures) ** 2 / math.fsum(variances)


def _highest(tables: Sequence[Table], z: float) -> float:
    """The ratio at which so few favorable decisions lie `z` standard deviations below what is expected, by bisection."""
    low, high = -_LOG_LIMIT, _LOG_LIMIT
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        departures, variances = _departures(tables, math.exp(middle))
        beyond = math.fsum(departures) < -z * math.sqrt(math.fsum(variances))
        low, high = (low, middle) if beyond else (middle, high)
    return math.exp(high)


def _departures(tables: Sequence[Table], ratio: float) -> tuple[list[float], list[float]]:
    """Of each table, favorable decisions of the group less those expected at a common odds ratio, and their variance."""
    departures, variances = [], []
    for x, n, y, m in tables:
        expected = expected_favorable(n, m, x + y, ratio)
        other = x + y - expected
        cells = (expected, n - expected, other, m - other)
        departures.append(x - expected)
        variances.append(1 / sum(1 / max(cell, _LEAST_CELL) for cell in cells))
    return departures, variances


def expected_favorable(n: int, m: int, favorable: int, ratio: float) -> float:
    """Favorable decisions of the first group at the common odds ratio and these margins: the root of a quadratic."""
    if ratio == 1:
        return n * favorable / (n + m)
    a = ratio - 1
    b = -(ratio * (n + favorable) + m - favorable)
    c = ratio * n * favorable
    # (-b - sqrt(b² - 4ac)) / 2a, written so that nothing cancels
    return 2 * c / (-b + math.sqrt(b * b - 4 * a * c))
