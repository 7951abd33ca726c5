"""How often groups that fare alike fail an audit: counts drawn at equality, measured and judged as every night.

Each audit is of one family: `by: [race]`, all pairs of so many groups; or, as `2 x 5`, of race, sex and their intersection.
Two limits are judged on the same measurements: four fifths, and one so near equality that any departure is beyond it, so
that only the test is left. Beside them: the bare rule of four fifths, and whether fairlearn's bootstrap interval (95 %
percentiles, 100 resamples) of the demographic parity difference leaves out 0, as a reader of it would look.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics.audits import DECLARATION, SEED, control, counted, told
from gov_pipelines.measure import Measurement, fairness_measurements, judge
from gov_pipelines.measure.statistics.intervals import clopper_pearson
from gov_pipelines.policy.kinds import Fairness

LEVEL, FOUR_FIFTHS = 0.05, 0.8
GROUPS, SIZES, RATES = (2, 3, 5, 10, 20), (30, 100, 1_000, 10_000), (0.02, 0.1, 0.5)
_FAIRLEARN_AUDITS, _FAIRLEARN_ROWS = 20, 600


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of the audits of one kind.

    Attributes:
        name: the family.
        n: rows of each group.
        rate: everyone's.
        audits: how many.
        failed: with the limit of four fifths.
        rejected: with a limit next to equality.
        bare: below four fifths, tested or not.
        fairlearn: share of its intervals that leave out 0; None where they were not worked out.
    """

    name: str
    n: int
    rate: float
    audits: int
    failed: int
    rejected: int
    bare: int
    fairlearn: float | None

    @property
    def holds(self) -> bool:
        """Whether no more audits fail than chance explains at the level."""
        return float(clopper_pearson(max(self.failed, self.rejected), self.audits, 0.99)[0]) <= LEVEL


def audited(groups: int, n: int, rate: float, audits: int, *, crossed: bool = False, beside: bool = False) -> Cell:
    """Audit so many draws of so many groups.

    Args:
        groups: how many; of `crossed` ones, how many races, each of two sexes.
        n: rows of each.
        rate: everyone's.
        audits: how many draws.
        crossed: audit race, sex and their intersection together.
        beside: let fairlearn work out its intervals, too.
    """
    random = np.random.default_rng([SEED, groups, n, int(rate * 100), crossed])
    names = [(f"race {place}", f"sex {sex}") for place in range(groups) for sex in range(1 + crossed)]
    asked = control(at_least=FOUR_FIFTHS, by=["race", "sex", ["race", "sex"]] if crossed else ["race"])
    near = asked.model_copy(update={"at_least": 1 - 1e-9})
    failed = rejected = bare = 0
    for _ in range(audits):
        drawn = random.binomial(n, rate, len(names))
        tally = counted([(*name, int(x), n) for name, x in zip(names, drawn, strict=True)])
        rows = fairness_measurements(tally, asked, DECLARATION)
        failed += _fails(asked, rows)
        rejected += _fails(near, rows)
        bare += any(row.value is not None and row.value < FOUR_FIFTHS for row in rows if row.group is None)
    theirs = _fairlearn(groups, n, rate, random) if beside and not crossed else None
    return Cell(f"2 x {groups}" if crossed else f"{groups}", n, rate, audits, failed, rejected, bare, theirs)


def _fails(asked: Fairness, rows: Sequence[Measurement]) -> bool:
    return judge(asked, rows, partitions_present=1, partitions_expected=1).verdict == "fail"


def _fairlearn(groups: int, n: int, rate: float, random: np.random.Generator) -> float:
    """How often the interval of a difference between equal groups leaves out 0."""
    from fairlearn.metrics import MetricFrame, selection_rate  # noqa: PLC0415  (slow to load, and only needed here)

    apart, of = 0, np.repeat(np.arange(groups), n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(_FAIRLEARN_AUDITS):
            y: NDArray[np.int64] = (random.random(groups * n) < rate).astype(np.int64)
            frame = MetricFrame(
                metrics=selection_rate, y_true=y, y_pred=y, sensitive_features=of, n_boot=100,
                ci_quantiles=[0.025, 0.975], random_state=seed,
            )  # fmt: skip
            low, high = frame.difference_ci(method="between_groups")
            apart += not low <= 0 <= high
    return apart / _FAIRLEARN_AUDITS


def cells(audits: int) -> Iterator[Cell]:
    """Every family of the table; the wide ones with fewer audits."""
    for groups in GROUPS:
        for n in SIZES:
            for rate in RATES:
                few = max(audits // (1 + groups // 5), 1)
                yield audited(groups, n, rate, few, beside=groups * n <= _FAIRLEARN_ROWS and rate == RATES[1])
    for n in SIZES:
        for rate in RATES:
            yield audited(5, n, rate, max(audits // 4, 1), crossed=True)


def main() -> None:
    """Print the table and what it comes to."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--audits", type=int, default=400, help="of two groups; fewer of many")
    options = parser.parse_args()
    told(__doc__)
    told(
        "| groups | rows each | base rate | audits | fail, four fifths | fail, any departure | bare rule | fairlearn |"
    )
    told("|---|---|---|---|---|---|---|---|")
    found = []
    for cell in cells(options.audits):
        found.append(cell)
        shares = " | ".join(f"{100 * count / cell.audits:.1f} %" for count in (cell.failed, cell.rejected, cell.bare))
        theirs = "" if cell.fairlearn is None else f"{100 * cell.fairlearn:.0f} %"
        told(f"| {cell.name} | {cell.n:,} | {cell.rate:g} | {cell.audits} | {shares} | {theirs} |")
    audits = sum(cell.audits for cell in found)
    for name in ("failed", "rejected", "bare"):
        total = sum(getattr(cell, name) for cell in found)
        most = max(getattr(cell, name) / cell.audits for cell in found)
        told(
            f"{name}: {total:,} of {audits:,} audits ({100 * total / audits:.2f} %), at most {100 * most:.1f} % of a kind"
        )
    broken = [cell for cell in found if not cell.holds]
    told(f"kinds above {100 * LEVEL:g} % beyond chance: {len(broken)} of {len(found)}")
    if broken:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
