"""Counts made by a cluster are those of one machine, also where half of the cluster dies meanwhile."""

import threading
import time

import narwhals as nw
import polars as pl
import pytest
from engines import COLUMNS, NASTY, bits, log, tables_of

from gov_pipelines.measure import Columns, count
from gov_pipelines.measure.counting import cells
from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, PAIR_BITS, SCORE_BITS

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]


def executors(session):
    return session.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1  # without the driver


def test_numbers_of_every_exponent_have_the_bins_of_their_bits(session):
    frame = nw.from_native(session.createDataFrame([(value,) for value in NASTY], "x double"))
    for dropped in (HISTOGRAM_BITS, SCORE_BITS, PAIR_BITS):
        found = pl.DataFrame(cells.binned(frame, "x", dropped, {}).to_native().toArrow())
        expected = pl.DataFrame({"bin": bits(NASTY, dropped)}, {"bin": pl.Int64}).group_by("bin").len("n")
        assert sorted(found.rows(), key=str) == sorted(expected.rows(), key=str)


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_and_a_single_row_are_counted_alike(session, tmp_path, rows):
    log(rows).write_parquet(tmp_path / "log.parquet")
    assert tables_of(count(session.read.parquet(str(tmp_path)), COLUMNS)) == tables_of(count(log(rows), COLUMNS))


def test_names_that_spark_takes_for_the_same_or_for_their_own_are_none(session, tmp_path):
    odd = log(200).rename({"sex": "Decision", "age": "the N", "said": "n"})
    odd.write_parquet(tmp_path / "log.parquet")
    columns = Columns("n", frozenset({"yes"}), attributes=("Decision", "the N"), categories=("n",), numbers=("the N",))
    assert tables_of(count(session.read.parquet(str(tmp_path)), columns)) == tables_of(count(odd, columns))


def test_a_worker_that_is_killed_while_they_are_made_changes_no_count(session, cluster, tmp_path):
    frame = log(400_000)
    for number, part in enumerate(frame.iter_slices(50_000)):
        part.write_parquet(tmp_path / f"{number}.parquet")
    killed = {}

    def kill_one_at_work():
        """As soon as both workers have a task in hand, in the midst of the second job."""
        tracker = session.sparkContext.statusTracker()
        while "at" not in killed and not done.is_set():
            stages = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
            busy = max((stage.numActiveTasks for stage in stages if stage), default=0)
            jobs = tracker.getActiveJobsIds()
            if busy == 2 and any(job > first + 1 for job in jobs):
                cluster.kill(1)
                killed.update(at=time.monotonic(), jobs=jobs, tasks=busy)
            time.sleep(0.01)

    assert executors(session) == 2
    done = threading.Event()
    first = max(session.sparkContext.statusTracker().getJobIdsForGroup(None), default=0)
    killer = threading.Thread(target=kill_one_at_work)
    began = time.monotonic()
    killer.start()
    found = count(session.read.parquet(str(tmp_path)), COLUMNS)
    ended = time.monotonic()
    done.set()
    killer.join()
    print(
        f"\ncounted {frame.height:,} rows in {ended - began:.0f} s; killed after {killed['at'] - began:.0f} s, {killed}"
    )
    assert began < killed["at"] < ended - 1
    assert executors(session) == 1
    assert tables_of(found) == tables_of(count(frame, COLUMNS))
