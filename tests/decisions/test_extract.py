from datetime import date

import polars as pl

from gov_pipelines.decisions import elsewhere, read_partition

DAY = date(2026, 9, 8)


def test_undated_rows_leave_every_day_incomplete(declare, tmp_path):
    declaration = declare(source={"path": "a.csv"})
    header, dated = "id,decided_on,action,sex\n", "1,2026-09-08,denied,F\n"
    for text, complete in ((header + dated, True), (header + dated + "2,08/09/2026,denied,F\n", False)):
        (tmp_path / "a.csv").write_text(text)
        for day in (DAY, date(2026, 9, 20)):
            rows = read_partition(declaration, day, project=tmp_path, environ={}).rows
            assert rows.adds_up
            assert rows.complete is complete


def test_a_decision_that_moved_to_another_day_is_found_there(tmp_path):
    logs = [tmp_path / f"2026-09-0{day}" / "decision_log.parquet" for day in (3, 2, 1)]
    for log, ids in zip(logs, (["a", "b"], ["a", "c", None], ["x"]), strict=True):
        log.parent.mkdir()
        pl.DataFrame({"decision_id": ids, "n": 1}, schema_overrides={"decision_id": pl.String}).write_parquet(log)
    found = elsewhere(logs, pl.Series(["a", "b", "d"]))
    assert list(found.items()) == [(date(2026, 9, 2), 1), (date(2026, 9, 3), 2)]
    assert elsewhere(logs, pl.Series([], dtype=pl.String)) == elsewhere([], pl.Series(["a"])) == {}
