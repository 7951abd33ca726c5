"""What a reader should know before the numbers of `adhoc.metrics`, and what to do about it; read off the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.measure.sentences import group

_MANY = 0.1  # share of decisions without a group or a label
_TINY = 30  # decisions of a group that sets the bar
_NAMED = 5


def cautions(rows: Sequence[Measurement]) -> list[str]:
    """Warnings with the next step, the gravest first.

    Args:
        rows: as `metrics` gives them.
    """
    over_all = [row for row in rows if row.stratum is None]
    return [*_polarity(over_all), *_classes(over_all), *_bar(over_all), *_missing(over_all)]


def _of(rows: Sequence[Measurement], metric: str, attribute: tuple[str, ...] | None = None) -> list[Measurement]:
    """A metric's rows, one a group: of an attribute, or else of the first one, whose groups are everybody."""
    found = [row for row in rows if row.metric == metric and row.group is not None]
    wanted = found[0].attribute if attribute is None and found else attribute
    return [row for row in found if row.attribute == wanted]


def _polarity(rows: Sequence[Measurement]) -> Iterator[str]:
    selected = [row for row in _of(rows, "selection_rate") if row.value is not None]
    for extreme, words in ((0, "No decision is"), (1, "Every decision is")):
        if selected and all(row.value == extreme for row in selected):
            yield f"{words} favorable, so groups cannot differ. Check that --favorable names the right values."
    agreeing = [(row.value, row.n) for row in _of(rows, "accuracy") if row.value is not None]
    n = sum(n for _, n in agreeing)
    accuracy = sum(value * n for value, n in agreeing) / n if n else 1.0
    if accuracy < 0.5:
        yield (
            f"Polarity looks reversed: decisions agree with the label in {round(accuracy * n):,} of {n:,} rows, fewer than half. "
            "Check --favorable and --label-positive: each names what a person wants."
        )


def _classes(rows: Sequence[Measurement]) -> Iterator[str]:
    for attribute in dict.fromkeys(row.attribute for row in rows):
        labels = _of(rows, "base_rate", attribute)
        alike = [group(row.group or {}) for row in labels if row.n and row.value in {0.0, 1.0}]
        if alike:
            yield (
                f"{_names(alike)} ({', '.join(attribute)}) with labels of one class only: rates of the other class are "
                "undefined there. Read gaps of those rates as gaps among the other groups, or wait for labels."
            )


def _bar(rows: Sequence[Measurement]) -> Iterator[str]:
    for row in rows:
        if row.metric == "impact_ratio" and row.group is None and row.value is not None:
            best = next(one for one in _of(rows, "selection_rate", row.attribute) if one.group == row.reference_group)
            if best.n < _TINY:
                yield (
                    f"One tiny group sets the bar: {group(row.reference_group or {})} ({', '.join(row.attribute)}) has the highest "
                    f"selection rate with {best.n:,} decisions. Leave small groups out of comparisons: --min-group-size {_TINY}."
                )


def _missing(rows: Sequence[Measurement]) -> Iterator[str]:
    for attribute in dict.fromkeys(row.attribute for row in rows if len(row.attribute) == 1):
        decided = _of(rows, "selection_rate", attribute)
        n, unknown = sum(row.n for row in decided), sum(row.n for row in decided if None in (row.group or {}).values())
        if n and unknown / n >= _MANY:
            yield (
                f"{attribute[0]} is missing in {unknown / n:.0%} of decisions ({unknown:,} of {n:,}): shown as unknown, and in "
                "no gap. Find out whose it is: the gaps could be other ones."
            )
    n, labelled = (sum(row.n for row in _of(rows, metric)) for metric in ("selection_rate", "accuracy"))
    if _of(rows, "accuracy") and n and 1 - labelled / n >= _MANY:
        yield (
            f"The label is missing in {1 - labelled / n:.0%} of decisions ({n - labelled:,} of {n:,}): rates "
            "that need it rest on the others. Ask whether labels come for one decision, or one group, more than another."
        )


def _names(groups: Sequence[str]) -> str:
    more = f" and {len(groups) - _NAMED:,} more groups" if len(groups) > _NAMED else ""
    return f"{', '.join(groups[:_NAMED])}{more}"
