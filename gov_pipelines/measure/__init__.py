"""What the decisions amount to: tally, fairness, drift, quality, intervals, tests, and the verdict rule."""

from __future__ import annotations

from gov_pipelines.measure.adhoc.cautions import cautions
from gov_pipelines.measure.adhoc.metrics import metrics
from gov_pipelines.measure.counting.columns import Columns, columns_of
from gov_pipelines.measure.counting.scan import count, tally
from gov_pipelines.measure.counting.tallies import Tally, total
from gov_pipelines.measure.counting.text import (
    BULKY,
    disclosed,
    tally_digest,
    tally_from_json,
    tally_json,
    total_from_json,
)
from gov_pipelines.measure.distributions.drift import drift, drift_measurements, drift_shares
from gov_pipelines.measure.distributions.proxy import proxy_measurements
from gov_pipelines.measure.distributions.shifts import over_the_year
from gov_pipelines.measure.distributions.usual import (
    LEAST_DAYS,
    Series,
    departures,
    unusable,
    usual_measurements,
    weekday_of,
)
from gov_pipelines.measure.fairness.bias_audit import Base, ImpactTable, Line, impact_tables, printed
from gov_pipelines.measure.fairness.controls import fairness_measurements
from gov_pipelines.measure.fairness.published import PUBLISHED_COLUMNS, Defect, defects, published_rows
from gov_pipelines.measure.measurement import WORST_FIRST, Judgement, Measurement, Verdict
from gov_pipelines.measure.quality import freshness_measurement, quality_measurements, range_measurements
from gov_pipelines.measure.rates.catalogue import OF_GROUP, OF_GROUPS, OF_PAIR, Metric
from gov_pipelines.measure.rates.groups import examples
from gov_pipelines.measure.rates.scoring import SCORING, scored_tally
from gov_pipelines.measure.statistics.alarms import Year
from gov_pipelines.measure.verdict import judge

__all__ = [
    "BULKY",
    "LEAST_DAYS",
    "OF_GROUP",
    "OF_GROUPS",
    "OF_PAIR",
    "PUBLISHED_COLUMNS",
    "SCORING",
    "WORST_FIRST",
    "Base",
    "Columns",
    "Defect",
    "ImpactTable",
    "Judgement",
    "Line",
    "Measurement",
    "Metric",
    "Series",
    "Tally",
    "Verdict",
    "Year",
    "cautions",
    "columns_of",
    "count",
    "defects",
    "departures",
    "disclosed",
    "drift",
    "drift_measurements",
    "drift_shares",
    "examples",
    "fairness_measurements",
    "freshness_measurement",
    "impact_tables",
    "judge",
    "metrics",
    "over_the_year",
    "printed",
    "proxy_measurements",
    "published_rows",
    "quality_measurements",
    "range_measurements",
    "scored_tally",
    "tally",
    "tally_digest",
    "tally_from_json",
    "tally_json",
    "total",
    "total_from_json",
    "unusable",
    "usual_measurements",
    "weekday_of",
]
