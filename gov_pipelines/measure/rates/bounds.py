"""What missing data leave open: the lowest and the highest value a rate can have, whatever is missing. No sampling error is in them.

Source: Manski (2003), Partial Identification of Probability Distributions, for the idea.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from gov_pipelines.measure.rates.confusion import (
    FAVORABLE,
    FN,
    FP,
    RATES,
    TN,
    TP,
    UNFAVORABLE,
    Counts,
    Rate,
    Values,
    over,
)


def decision_bounds(counts: Counts, missing: Counts) -> tuple[Values, Values]:
    """The selection rate were all of the missing decisions unfavorable, and were all favorable: `[..., 6]`, `[...]`."""
    x, n = RATES["selection_rate"].of(counts)
    return over(x, n + missing), over(x + missing, n + missing)


def label_bounds(counts: Counts, rate: Rate) -> tuple[Values, Values]:
    """The lowest and the highest value of a rate of labels, `[..., 6]` to `[...]` twice.

    A proportion of counts that grow with them is extreme where the labels of all favorable decisions are alike, and of
    all unfavorable ones.
    """
    ends = []
    for favorable, unfavorable in product((TP, FP), (FN, TN)):
        filled = counts.copy()
        filled[..., favorable] += counts[..., FAVORABLE]
        filled[..., unfavorable] += counts[..., UNFAVORABLE]
        filled[..., FAVORABLE:] = 0
        ends.append(rate(filled))
    return np.fmin.reduce(ends), np.fmax.reduce(ends)
