"""The words of the pages: what each verdict means, what a control does, a measurement as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gov_pipelines.measure.measurement import Measurement

LIMITS = (
    "Results of the declared controls on the data received; no evidence about requirements that were not declared; "
    "not legal advice."
)

VERDICT_WORDS: Mapping[str, tuple[str, str]] = {
    "fail": ("fail", "Beyond the limit, and the declared test supports it; or decisions were outside the rule."),
    "missing": ("missing", "A result was due and is not there. Treated as seriously as a failure."),
    "insufficient": ("insufficient", "The data cannot tell: too few cases, or a hole in the window. Not a pass."),
    "warn": ("warn", "The value and its interval lie on both sides of the limit: near it, and not shown to be beyond."),
    "pass": ("pass", "All of the interval, or the count or share, is inside the limit; or all decisions were within."),
    "report_only": ("report only", "Measured and shown. The policy sets no limit, so there is nothing to pass."),
    "not_applicable": ("not applicable", "No decision met the condition under which the clause applies."),
}

DECISION_WORDS: Mapping[str, str] = {
    "within": "the decision kept the rule",
    "outside": "it did not: a breach",
    "pending": "its clock still runs",
    "undecidable": "a value the rule needs is absent",
}

# One glyph a verdict, so that no meaning rests on colour. Paths in [-1, 1], stroked, drawn alike in HTML and in charts.
GLYPHS: Mapping[str, str] = {
    "fail": "M-0.65,-0.65L0.65,0.65M-0.65,0.65L0.65,-0.65",
    "missing": "M0.7,0A0.7,0.7,0,1,1,-0.7,0A0.7,0.7,0,1,1,0.7,0M-0.9,0.9L0.9,-0.9",
    "insufficient": "M-0.5,-0.4C-0.5,-1.05,0.55,-1.05,0.55,-0.4C0.55,0.05,0,0,0,0.4M0,0.78L0,0.86",
    "warn": "M0,-0.85L0,0.25M0,0.72L0,0.8",
    "pass": "M-0.75,0.05L-0.2,0.6L0.8,-0.6",
    "report_only": "M-0.7,-0.5L0.7,-0.5M-0.7,0L0.7,0M-0.7,0.5L0.2,0.5",
    "not_applicable": "M-0.5,0L0.5,0",
    "gap": "M-0.75,-0.3L-0.75,-0.75L-0.3,-0.75M0.3,-0.75L0.75,-0.75L0.75,-0.3M0.75,0.3L0.75,0.75L0.3,0.75M-0.3,0.75L-0.75,0.75L-0.75,0.3",
    "unable": "M-0.7,-0.3L0.7,-0.3M-0.7,0.35L0.7,0.35M-0.4,0.9L0.4,-0.85",
    "clock": "M0.85,0A0.85,0.85,0,1,1,-0.85,0A0.85,0.85,0,1,1,0.85,0M0,-0.5L0,0.05L0.4,0.25",
    "person": "M0.35,-0.45A0.35,0.35,0,1,1,-0.35,-0.45A0.35,0.35,0,1,1,0.35,-0.45M-0.75,0.85C-0.75,0,0.75,0,0.75,0.85",
    "eye": "M-0.95,0C-0.45,-0.75,0.45,-0.75,0.95,0C0.45,0.75,-0.45,0.75,-0.95,0M0.15,0A0.15,0.15,0,1,1,-0.15,0A0.15,0.15,0,1,1,0.15,0",
    "signature": "M-0.8,0.3C-0.4,-1,-0.1,-0.6,-0.3,0.1C-0.45,0.6,0,0.4,0.2,-0.05C0.4,-0.35,0.45,0.25,0.8,0.05M-0.8,0.85L0.8,0.85",
    "ring": "M0.6,0A0.6,0.6,0,1,1,-0.6,0A0.6,0.6,0,1,1,0.6,0",
}

STATE_WORDS: Mapping[str, tuple[str, str]] = {
    "failing": ("failing", "Its control's result is bad, or was due and is not there. Red."),
    "none": ("no control", "Nothing stands behind the clause but the policy itself. A gap."),
    "unable_to_fail": ("unable to fail", "A control is named that nothing could ever make fail. A gap."),
    "stale": ("stale", "Never judged, not for more than two days, or no version of the policy is in force. A gap."),
    "human_only": ("human only", "People owe something; nothing in the system enforces it. A gap."),
    "insufficient_long": ("long insufficient", "The data could not tell for 30 partitions in a row or more. A gap."),
    "detect_only": ("only detects", "A bar at intake is asked, and its control finds the outcome afterwards. A gap."),
    "waived": ("waived", "A signed and countersigned exception, until a date. What lies beneath it is said."),
    "not_applicable": ("not applicable", "A control stands there; no decision has met its condition yet."),
    "working": ("working", "A control that can fail is there, and was judged lately. Its verdict says what it found."),
}
"""The worst first, as the coverage matrix ranks them."""

_SIGNS = ("fail", "gap", "unable", "clock", "person", "insufficient", "eye", "signature", "not_applicable", "ring")
STATE_GLYPHS: Mapping[str, str] = dict(zip(STATE_WORDS, _SIGNS, strict=True))

ENFORCEMENT_WORDS: Mapping[str, tuple[str, str]] = {
    "prevents": ("prevents", "a control stops the outcome before it happens"),
    "holds": ("holds", "a control finds it, and holds the decision back until it is mended, reviewed or released"),
    "detects": ("detects", "a control finds it afterwards and stops nothing"),
    "people": ("people only", "an obligation of persons; nothing in the system enforces it"),
    "nothing": ("nothing", "no control and no obligation stands behind the clause"),
}

KIND_WORDS: Mapping[str, str] = {
    "access_pattern": "compares who reads which data, how much and when, with what was usual",
    "approved_model": "holds each decision's model version against the approved ones",
    "data_access": "holds the access log against the data the system may read",
    "deadline": "counts the time between two moments of each decision",
    "decision_rule": "holds each decision against a rule",
    "decision_scope": "holds each decision against what the system may decide",
    "drift": "compares distributions with those of a stored reference",
    "expectation": "runs a Great Expectations expectation on the measurements",
    "fairness": "compares the outcomes of groups over a window",
    "freshness": "measures how old the newest decision, or a document, is",
    "human_review": "looks for a person's review, of the right role and in time",
    "log_quality": "measures how much of the log is absent, quarantined or doubled",
    "operating_range": "holds outputs and volume against the expected ranges",
}

METRIC_WORDS: Mapping[str, str] = {
    "adverse_impact": "selection rate over that of the best group, with what the guidelines look at beside it",
    "adverse_impact_ratio": "selection rate over that of the reference group",
    "availability_z": "standard deviations from the group's share of the declared pool",
    "common_odds_ratio": "odds of a favorable decision over the reference's, within strata",
    "demographic_parity_difference": "how far a selection rate lies below that of the best group",
    "demographic_parity_ratio": "selection rate over that of the best group, the smallest counts",
    "impact_ratio": "selection rate over that of the best group",
    "psi": "population stability index (0 means the reference's distribution)",
    "ks": "largest distance of the distribution functions, from 0 to 1",
    "wasserstein": "how far values have moved on average, in the column's unit",
    "wasserstein_normed": "how far values have moved on average, in standard deviations of the reference",
    "total_variation": "share of decisions that would have to change for the reference's distribution",
    "l_infinity": "largest difference of a share from the reference's",
    "scoring_impact_ratio": "scoring rate over that of the best group",
    "scoring_rate": "share of scores above the median of everyone",
    "selection_rate": "share of decisions that were favorable",
    "standardized_mean_difference": "mean less the reference's, in standard deviations",
}


def number(value: float | None, *, whole: bool = False) -> str:
    """A value for a reader: three decimals for shares and ratios, thousands separated, `undefined` where None."""
    if value is None:
        return "undefined"
    if whole or abs(value) >= 1000:  # from four digits on, decimals only distract
        return f"{value:,.0f}"
    return f"{value:.3f}"


def counts(metric: str) -> bool:
    """Whether a metric counts things, so that its values are whole numbers."""
    return metric.startswith(
        ("decisions_", "reads", "rows", "days_", "selections_", "four_fifths_flag", "flip_flop", "median_review")
    )


def p_words(p: float | None) -> str:
    """A p-value, floored at 0.0001: more digits would claim more than the assumptions bear."""
    if p is None:
        return ""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def days(count: int | None) -> str:
    """`1 day`, `12 days`; nothing where None."""
    return "" if count is None else f"{count:,} day{'' if count == 1 else 's'}"


def sentence(text: str) -> str:
    """A capital at the front and a full stop at the end."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")


def group_words(group: Mapping[str, str | None] | None) -> str:
    """`race: black, sex: female`; an unknown value says so; an aggregate is `all groups`."""
    if not group:
        return "all groups"
    return ", ".join(f"{name}: {'unknown' if value is None else value}" for name, value in group.items())


def subject_words(measurement: Measurement, whole: str = "the log") -> str:
    """What a measurement is of: its group, its column or the `whole`, and the stratum it is limited to."""
    if measurement.group is not None:
        group = group_words(measurement.group)
        own = [name for name in measurement.attribute if name not in measurement.group]
        words = f"{' and '.join(own)} within {group}" if own else group
    else:
        words = " and ".join(measurement.attribute) or whole
    return f"{words}, among {group_words(measurement.stratum)}" if measurement.stratum else words


def metric_words(metric: str) -> str:
    """A metric's name without underscores."""
    return metric.replace("_", " ")


def interval_words(measurement: Measurement) -> str:
    """`0.665 to 0.823`; one-sided `0.665 or more`; nothing where no interval is defined."""
    whole = counts(measurement.metric)
    low, high = (number(end, whole=whole) for end in (measurement.lower, measurement.upper))
    match measurement.lower, measurement.upper:
        case None, None:
            return ""
        case _, None:
            return f"{low} or more"
        case None, _:
            return f"{high} or less"
    return f"{low} to {high}"


def measurement_sentence(measurement: Measurement, whole: str = "the log") -> str:
    """One measurement as a sentence: what, how large, how certain, on how many.

    The sample size is always there; the interval and the adjusted p-value where they are defined.
    """
    value = number(measurement.value, whole=counts(measurement.metric))
    certainty = [f"n {measurement.n:,}"]
    if interval := interval_words(measurement):
        level = "" if measurement.confidence is None else f"{measurement.confidence * 100:g} % "
        certainty.insert(0, f"{level}interval {interval}")
    if measurement.p_adjusted is not None:
        which = "adjusted p" if measurement.e_value is None else "at any night of the year p"
        certainty.append(f"{which} {p_words(measurement.p_adjusted)}")
    against = f", compared with {group_words(measurement.reference_group)}" if measurement.reference_group else ""
    name = metric_words(measurement.metric)
    sentence = f"{subject_words(measurement, whole)}: {name} {value} ({'; '.join(certainty)}){against}."
    return f"{sentence} {measurement.note}" if measurement.note else sentence
