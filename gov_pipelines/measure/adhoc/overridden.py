"""What people did with what the system proposed, in any table: how often they overrode it, and how far they moved the groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gov_pipelines.measure.adhoc.counted import DRAWS, alone
from gov_pipelines.measure.counting.tallies import Tally
from gov_pipelines.measure.fairness.family import joined
from gov_pipelines.measure.measurement import Measurement, finite
from gov_pipelines.measure.rates.confusion import Counts, Values
from gov_pipelines.measure.rates.overrides import HANDLING, handling, override_effect
from gov_pipelines.measure.statistics import resampling
from gov_pipelines.measure.statistics.intervals import wilson
from gov_pipelines.measure.statistics.pairwise import MOST_CELLS
from gov_pipelines.policy.kinds.rates import NEEDS

OVERRIDES = [name for name in HANDLING if NEEDS.get(name) == "proposal"]


def override_rows(
    tally: Tally, by: tuple[str, ...], confidence: float, reference: Mapping[str, str] | None, least: int
) -> Iterator[Measurement]:
    """Each group's rates of proposals and of what became of them, and the effect of overriding beside the named group.

    Without a named group, or of it, the effect is beside everybody else of known groups.
    """
    keys, counts = handling(tally, by)
    groups = [dict(zip(by, key, strict=True)) for key in keys]
    both = counts[:, 4:].sum(-1)
    once = "; rows count once each, whatever they weigh" if "weight" in tally.cells.columns else ""
    for name in OVERRIDES:
        x, n = HANDLING[name].of(counts)
        value, (low, high) = HANDLING[name](counts), wilson(x, n, confidence)
        for at, group in enumerate(groups):
            lacking = int(counts[at, 3] - both[at])
            note = f"{lacking:,} without a proposal left out" if lacking else None
            row = Measurement(name, by, group, n=int(n[at]), method="Wilson interval" + once, note=note)
            if np.isnan(value[at]):
                yield replace(row, note=joined("undefined: it has no row that this is a share of", note))
                continue
            ends: dict[str, Any] = {"lower": float(low[at]), "upper": float(high[at]), "confidence": confidence}
            yield replace(row, value=float(value[at]), **ends)
    yield from _effects(by, groups, counts, confidence, reference, least)


def _effects(
    by: tuple[str, ...], groups: Sequence[dict[str, str | None]], counts: Counts, confidence: float,
    reference: Mapping[str, str] | None, least: int,
) -> Iterator[Measurement]:  # fmt: skip
    both = counts[:, 4:].sum(-1)
    large = [at for at, group in enumerate(groups) if None not in group.values() and both[at] >= max(least, 1)]
    base = next((place for place, at in enumerate(large) if groups[at] == reference), None)
    if len(large) < 2 or (reference and base is None):
        note = (
            f"undefined: fewer than two known groups of {least:,} or more, with a proposal and a decision, to compare"
        )
        yield Measurement("override_effect", by, n=int(both[large].sum()), reference_group=reference, note=note)
        return

    def effect(own: Counts) -> Values:
        return override_effect(own, own.sum(-2, keepdims=True) - own if base is None else own[..., [base], :])

    own = np.where(np.arange(counts.shape[-1]) < 4, 0, counts[large])
    drawn = None
    if own.size <= MOST_CELLS * own.shape[-1] and resampling.enough(confidence, DRAWS):
        drawn = effect(resampling.resample(own, DRAWS, resampling.seeded("overrides", *by)))
    values = effect(own)
    method = "final difference of selection rates less the proposed one; interval of bootstrap draws, alone"
    for place, (low, high) in enumerate(alone(values, drawn, confidence)):
        if place != base:
            interval: dict[str, Any] = (
                {"lower": low, "upper": high, "confidence": confidence} if np.isfinite(low) else {}
            )
            yield Measurement(
                "override_effect", by, groups[large[place]], reference, value=finite(values[place]), n=int(both[large[place]]),
                method=method, note=None if reference else "beside everybody else", recomputable=not interval, **interval,
            )  # fmt: skip
