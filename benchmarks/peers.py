"""The same twelve rules in Great Expectations and pandera: one prepared column a rule, one check on it.

What their built-in checks cannot say of a row (local dates, working days, who reviewed) is computed for them by Polars
beforehand, faster than their users would. A prepared value is null where the rule does not concern the decision, waits or
cannot tell; both libraries pass over nulls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from benchmarks.workload import AS_OF, DAY, POLICY, ZONE

_NOW = pl.lit(AS_OF).cast(pl.Datetime("us", "UTC"))


def _date(moment: pl.Expr) -> pl.Expr:
    return moment.dt.convert_time_zone(ZONE).dt.date()


def _by_now(column: str) -> pl.Expr:
    return pl.when(pl.col(column) <= _NOW).then(pl.col(column))


def _reviewed(role: str, concerned: pl.Expr) -> pl.Expr:
    reviewed, told = _by_now("reviewed_at"), _by_now("notice_sent_at")
    someone_else = pl.col("reviewer") != pl.col("requester")
    proper = reviewed.is_not_null() & (pl.col("reviewer_role") == role) & someone_else
    in_time = reviewed.is_not_null() & (reviewed <= told)
    return pl.when(concerned & told.is_not_null()).then(in_time & proper)


_DENIED = pl.col("decision") == "denied"
_SENT = _by_now("notice_sent_at").fill_null(_NOW)
_LAST = _date(pl.col("completed_at")).dt.add_business_days(20, holidays=POLICY.holidays, roll="backward")
PREPARED: dict[str, pl.Expr] = {
    "B-01": pl.when(pl.col("product") == "home_loan").then("amount"),
    "B-02": pl.when(_DENIED).then(pl.col("reason_codes").fill_null("none")),
    "B-03": pl.when(pl.col("decision") == "approved").then("score"),
    "B-04": pl.when(_DENIED).then("score"),
    "B-05": pl.when(_DENIED).then("reason_codes"),
    "B-06": (pl.lit(DAY) - _date(pl.col("completed_at"))).dt.total_days(),
    "B-07": pl.when(_DENIED).then((_date(_SENT) - _LAST).dt.total_days()),
    "B-08": (_SENT - pl.col("decided_at")).dt.total_seconds() / 3600,
    "B-09": _reviewed("senior_underwriter", _DENIED & (pl.col("amount") > 400_000)),
    "B-10": _reviewed("underwriter", pl.col("score").is_between(0.49, 0.51)),
    "B-11": pl.when(pl.col("product").is_in(["home_loan", "car_loan"])).then("amount").otherwise(1e9),
    "B-12": pl.col("model_version"),
}
# Rule to the check of its column: at most, at least, one of, none of, not like.
CHECKS: dict[str, tuple[str, Any]] = {
    "B-01": ("most", 500_000),
    "B-02": ("none_of", ["none"]),
    "B-03": ("least", 0.2),
    "B-04": ("most", 0.995),
    "B-05": ("unlike", "R9"),
    "B-06": ("most", 30),
    "B-07": ("most", 0),
    "B-08": ("most", 12),
    "B-09": ("one_of", [True]),
    "B-10": ("one_of", [True]),
    "B-11": ("most", 595_000),
    "B-12": ("one_of", ["v3", "v4"]),
}


def prepare(log: pl.LazyFrame) -> pl.DataFrame:
    """`decision_id` and one column a rule."""
    columns = (expression.alias(name) for name, expression in PREPARED.items())
    return log.select("decision_id", *columns).collect(engine="streaming")


def great_expectations() -> Callable[[Any], dict[str, int]]:
    """Row-level validation of a pandas frame: complete results, with the ids of what is unexpected."""
    import great_expectations as gx  # noqa: PLC0415  (seconds, and only here)

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(name="bench")
    expect = {
        "most": lambda name, limit: gx.expectations.ExpectColumnValuesToBeBetween(column=name, max_value=limit),
        "least": lambda name, limit: gx.expectations.ExpectColumnValuesToBeBetween(column=name, min_value=limit),
        "one_of": lambda name, values: gx.expectations.ExpectColumnValuesToBeInSet(column=name, value_set=values),
        "none_of": lambda name, values: gx.expectations.ExpectColumnValuesToNotBeInSet(column=name, value_set=values),
        "unlike": lambda name, text: gx.expectations.ExpectColumnValuesToNotMatchRegex(column=name, regex=text),
    }
    for name, (kind, value) in CHECKS.items():
        suite.add_expectation(expect[kind](name, value))
    asset = context.data_sources.add_pandas("bench").add_dataframe_asset("decisions")
    batches = asset.add_batch_definition_whole_dataframe("day")
    complete = {"result_format": "COMPLETE", "unexpected_index_column_names": ["decision_id"]}

    def validate(frame: Any) -> dict[str, int]:
        batch = batches.get_batch({"dataframe": frame})
        found = batch.validate(suite, result_format=complete)
        return {each.expectation_config.kwargs["column"]: each.result["unexpected_count"] for each in found.results}

    return validate


def pandera() -> Callable[[pl.DataFrame], dict[str, int]]:
    """Validation of a Polars frame, all failures collected."""
    import pandera.polars as pa  # noqa: PLC0415  (only here)

    check = {
        "most": pa.Check.le,
        "least": pa.Check.ge,
        "one_of": pa.Check.isin,
        "none_of": pa.Check.notin,
        "unlike": lambda text: pa.Check(lambda data: data.lazyframe.select(~pl.col(data.key).str.contains(text))),
    }
    columns = {name: pa.Column(checks=check[kind](value), nullable=True) for name, (kind, value) in CHECKS.items()}
    schema = pa.DataFrameSchema(columns)

    def validate(frame: pl.DataFrame) -> dict[str, int]:
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            return dict(error.failure_cases.group_by("column").len().iter_rows())
        return {}

    return validate
