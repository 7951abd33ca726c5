"""One part of the work by one peer: `python -m benchmarks.speed_peers PEER FILE REFERENCE` prints its CPU and wall seconds.

Run by the interpreter of `make peers`: nothing of gov_pipelines is imported. Importing is not timed, loading the file is.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence

import pandas as pd

NUMBERS = [*(f"money_{at}" for at in range(5)), *(f"times_{at}" for at in range(3)), "debt_ratio", "amount", "score"]
CATEGORIES = ["product", "region"]
ATTRIBUTES = ["sex", "race", "age"]
Work = Callable[[], object]
os.environ |= {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}


def _decided(file: str, attributes: Sequence[str]) -> pd.DataFrame:
    frame = pd.read_parquet(file, columns=[*attributes, "decision", "label", "score"])
    frame = frame[frame["decision"].isin(["approved", "denied"])].dropna()
    return frame.assign(pred=(frame["decision"] == "approved").astype(int), label=frame["label"].astype(int))


def _fairlearn(file: str, _: str) -> Work:
    from fairlearn import metrics

    names = [
        "selection_rate",
        "true_positive_rate",
        "false_positive_rate",
        "true_negative_rate",
        "false_negative_rate",
        "count",
    ]
    chosen = {name: getattr(metrics, name) for name in names}

    def work() -> object:
        data = _decided(file, ["sex", "race"])
        frame = metrics.MetricFrame(
            metrics=chosen, y_true=data["label"], y_pred=data["pred"], sensitive_features=data[["sex", "race"]]
        )
        return frame.by_group, frame.difference(), frame.ratio()

    return work


def _evidently(file: str, reference: str) -> Work:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    def work() -> object:
        columns = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES)
        frames = (pd.read_parquet(each, columns=[*NUMBERS, *CATEGORIES]) for each in (file, reference))
        current, base = (Dataset.from_pandas(each, data_definition=columns) for each in frames)
        return Report([DataDriftPreset()]).run(current, base).dict()

    return work


def _nannyml(file: str, reference: str) -> Work:
    import nannyml

    def work() -> object:
        base, current = (pd.read_parquet(each, columns=[*NUMBERS, *CATEGORIES]) for each in (reference, file))
        drift = nannyml.UnivariateDriftCalculator(
            column_names=[*NUMBERS, *CATEGORIES],
            treat_as_categorical=CATEGORIES,
            continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
            categorical_methods=["chi2", "jensen_shannon"],
            chunk_number=1,
        )
        return drift.fit(base).calculate(current).to_df()

    return work


def _jurity(file: str, _: str) -> Work:
    from jurity.fairness import BinaryFairnessMetrics

    def work() -> object:
        data = _decided(file, ["sex"])
        member = (data["sex"] == "female").astype(int).tolist()
        return BinaryFairnessMetrics.get_all_scores(data["label"].tolist(), data["pred"].tolist(), member)

    return work


def _aequitas(file: str, _: str) -> Work:
    from aequitas.bias import Bias
    from aequitas.fairness import Fairness
    from aequitas.group import Group

    def work() -> object:
        data = _decided(file, ATTRIBUTES)
        data = data[[*ATTRIBUTES, "pred", "label"]].rename(columns={"pred": "score", "label": "label_value"})
        counts, _names = Group().get_crosstabs(data, attr_cols=ATTRIBUTES)
        bias = Bias().get_disparity_major_group(counts, original_df=data, alpha=0.05)
        return Fairness().get_group_value_fairness(bias)

    return work


def _aif360(file: str, _: str) -> Work:
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric

    def work() -> object:
        found = []
        for attribute, group in (("sex", "male"), ("race", "White")):
            data = _decided(file, [attribute])
            table = pd.DataFrame({"label": data["label"], attribute: (data[attribute] == group).astype(int)})
            truth = BinaryLabelDataset(df=table, label_names=["label"], protected_attribute_names=[attribute])
            said = truth.copy()
            said.labels = data[["pred"]].to_numpy(float)
            metric = ClassificationMetric(truth, said, [{attribute: 0}], [{attribute: 1}])
            rates = metric.performance_measures(privileged=False), metric.performance_measures(privileged=True)
            found.append((rates, metric.disparate_impact(), metric.average_odds_difference(), metric.theil_index()))
        return found

    return work


def _duckdb(file: str, _: str) -> Work:
    import duckdb

    def work() -> object:
        keys = [f"{', '.join([*ATTRIBUTES, 'decision', 'label'])}", *CATEGORIES, "model_version"]
        keys += [f"floor(ln(abs({name}) + 1e-9) * 100)" for name in NUMBERS]
        return [duckdb.sql(f"select {key}, count(*) from '{file}/*.parquet' group by all").fetchall() for key in keys]  # noqa: S608

    return work


PEERS = {
    "fairlearn": _fairlearn,
    "Evidently": _evidently,
    "NannyML": _nannyml,
    "jurity": _jurity,
    "Aequitas": _aequitas,
    "AIF360": _aif360,
    "DuckDB": _duckdb,
}

if __name__ == "__main__":
    peer, now, before = sys.argv[1:]
    timed = PEERS[peer](now, before)
    cpu, wall = time.process_time(), time.perf_counter()
    timed()
    sys.stdout.write(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}) + "\n")
