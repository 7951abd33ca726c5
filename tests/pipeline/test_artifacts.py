"""What goes into metadata and files: small, plain, whole, and each in its place."""

from datetime import date

import dagster as dg
import numpy as np
import polars as pl
import pytest

from gov_pipelines.errors import WrongUse
from gov_pipelines.pipeline.io_manager import ArtifactFiles
from gov_pipelines.pipeline.metadata import markdown_table, shown

DAYS = dg.DailyPartitionsDefinition(start_date="2026-09-01", end_date="2026-09-04")


def test_values_become_metadata_of_their_kind():
    given = {"n": 3, "share": 0.5, "ok": True, "none": None, "day": date(2026, 9, 1), "text": "a", "md": "| a |\n| - |"}
    found = dg.AssetCheckResult(passed=True, metadata=shown(given)).metadata
    assert [type(value).__name__ for value in found.values()] == [
        "IntMetadataValue",
        "FloatMetadataValue",
        "BoolMetadataValue",
        "NullMetadataValue",
        "TextMetadataValue",
        "TextMetadataValue",
        "MarkdownMetadataValue",
    ]


@pytest.mark.parametrize("value", [np.bool_(True), np.int64(1), pl.DataFrame({"a": [1]}), object()])
def test_numpys_scalars_and_frames_are_refused(value):
    with pytest.raises(dg.DagsterError, match="x"):
        dg.AssetCheckResult(passed=True, metadata=shown({"x": value}))


def test_a_table_is_cut_and_the_cut_is_said():
    found = shown({"rows": [{"a": i, "b": None if i else "x"} for i in range(51)]})
    assert len(found["rows"].records) == 50
    assert found["rows (cut)"] == "the first 50 of 51 rows"
    assert [column.type for column in found["rows"].schema.columns] == ["int", "string"]
    told = markdown_table([{"a|b": "c|d", "n": None}] * 51)
    assert told.splitlines()[2] == "| c\\|d | - |"
    assert told.endswith("1 more rows in the artifact.")


def run(home, *assets, partition="2026-09-01"):
    return dg.materialize(
        list(assets),
        partition_key=partition,
        resources={"io_manager": ArtifactFiles(home=str(home))},
        instance=dg.DagsterInstance.ephemeral(),
    )


def written(home):
    return sorted(str(path.relative_to(home / "artifacts")) for path in home.rglob("*.*") if path.is_file())


def test_frames_and_json_go_from_asset_to_asset_by_partition(tmp_path):
    @dg.asset(key=["s", "frame"], partitions_def=DAYS)
    def frame():
        return pl.DataFrame({"a": [1, 2]})

    @dg.asset(key=["s", "counts"], partitions_def=DAYS, ins={"frame": dg.AssetIn(["s", "frame"])})
    def counts(frame: pl.DataFrame):
        return {"rows": frame.height}

    @dg.asset(key=["s", "last"], partitions_def=DAYS, ins={"counts": dg.AssetIn(["s", "counts"])})
    def last(counts: dict):
        assert counts == {"rows": 2}

    result = run(tmp_path, frame, counts, last)
    assert result.success
    assert written(tmp_path) == ["s/2026-09-01/extensions/counts.json", "s/2026-09-01/extensions/frame.parquet"]
    metadata = result.asset_materializations_for_node("s__frame")[0].metadata
    assert set(metadata) == {"dagster/row_count"}, "no sample of rows"


def test_an_asset_over_all_days_gets_a_dict_by_day(tmp_path):
    @dg.asset(key=["s", "frame"], partitions_def=DAYS)
    def frame(context):
        return pl.DataFrame({"day": [context.partition_key]})

    @dg.asset(key=["s", "all"], ins={"frame": dg.AssetIn(["s", "frame"])})
    def over(frame: dict[str, pl.DataFrame]):
        return sorted(frame)

    manager = {"io_manager": ArtifactFiles(home=str(tmp_path))}
    for day in DAYS.get_partition_keys():
        run(tmp_path, frame, partition=day)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([frame, over], selection=[over], resources=manager, instance=instance)
    assert result.output_for_node("s__all") == ["2026-09-01", "2026-09-02", "2026-09-03"]


@pytest.mark.parametrize("given", [object(), {"a": object()}, float("nan")])
def test_what_no_file_can_hold_is_refused(tmp_path, given):
    @dg.asset(key=["s", "odd"], partitions_def=DAYS)
    def odd():
        return given

    with pytest.raises((TypeError, ValueError), match="not JSON"):
        run(tmp_path, odd)
    assert written(tmp_path) == []


def test_an_extension_cannot_replace_evidence(tmp_path):
    @dg.asset(key=["s", "salts"], partitions_def=DAYS)
    def salts():
        return pl.DataFrame({"a": [1]})

    run(tmp_path, salts)
    assert written(tmp_path) == ["s/2026-09-01/extensions/salts.parquet"]


def test_an_artifact_that_is_not_there_is_said(tmp_path):
    @dg.asset(key=["s", "frame"], partitions_def=DAYS)
    def frame(): ...

    @dg.asset(key=["s", "next"], partitions_def=DAYS, ins={"frame": dg.AssetIn(["s", "frame"])})
    def after(frame: pl.DataFrame): ...

    with pytest.raises(WrongUse, match="s/frame of 2026-09-01 has no artifact"):
        run(tmp_path, frame, after)


def test_several_partitions_in_one_run_are_refused(tmp_path):
    def frame():
        return pl.DataFrame({"a": [1]})

    once = dg.BackfillPolicy.single_run()
    with pytest.warns(dg.BetaWarning, match="backfill_policy"):
        frame = dg.asset(key=["s", "frame"], partitions_def=DAYS, backfill_policy=once)(frame)
    with pytest.raises(Exception, match="partition"):
        dg.materialize(
            [frame],
            tags={
                "dagster/asset_partition_range_start": "2026-09-01",
                "dagster/asset_partition_range_end": "2026-09-03",
            },
            resources={"io_manager": ArtifactFiles(home=str(tmp_path))},
            instance=dg.DagsterInstance.ephemeral(),
        )
