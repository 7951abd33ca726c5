"""Days that the policies keep no longer: deleted with proof, never twice, and never where anything is in doubt."""

import json
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from bank import DEFS
from projects import house, night_of, signed, write_project

from gov_pipelines.errors import WrongUse
from gov_pipelines.evidence import load_signer, verify
from gov_pipelines.pipeline import AuditHome
from gov_pipelines.pipeline.erasing import deleted_on, erase
from gov_pipelines.pipeline.keeping import RETENTION, retention
from gov_pipelines.pipeline.lookback import changed_since_audited
from gov_pipelines.pipeline.night import read_decisions
from gov_pipelines.pipeline.overdue import overdue
from gov_pipelines.pipeline.retaining import kept_days, retain, retention_table
from gov_pipelines.store import act_rows, entries_waiting, erasures, pending, reading, snapshot_of

FIRST = date(2026, 9, 1)
MAXIMUM = "{of: decisions, keep: 10 days, delete_after: 30 days}"
QUALITY = "control: {kind: log_quality, metric: quarantined_share, at_most: 0.5}"


def policy(*retentions):
    kept = "".join(
        f"  - {{id: K{n}, text: Kept so long., level: people, retention: {each}}}\n"
        for n, each in enumerate(retentions)
    )
    return house(f"  - {{id: Q, text: Few rows are unusable., level: runtime, {QUALITY}}}\n{kept}")


class Archive:
    """A home with three signed days of four decisions, under policies on retention."""

    def __init__(self, root, *retentions):
        self.root = root
        write_project(root, DEFS, policy(*retentions))
        self.write({f"L{n}" for n in range(12)})
        for n in range(3):
            signed(self.night(n))

    def write(self, ids, told="2026-09-20T12:00:00"):
        rows = [
            f"L{n},{FIRST + timedelta(days=n // 4)}T09:0{n % 4}:00,yes,f,100,kim,{told if n % 4 else ''}"
            for n in range(12)
            if f"L{n}" in ids
        ]
        (self.root / "loans.csv").write_text("\n".join(["id,at,d,sex,amount,asked,told", *rows]) + "\n")

    def night(self, number=0):
        return night_of(self.root, FIRST + timedelta(days=number), as_of=datetime(2026, 9, 30, tzinfo=UTC))

    def retain(self, year, month, day):
        one = self.night()
        now = datetime(year, month, day, 6, tzinfo=UTC)
        return retain(one.home, one.store, load_signer(one.home.keys_dir), one.declaration, one.policies, now)

    def table(self, today):
        one = self.night()
        with reading(one.store) as connection:
            days = kept_days(one.home, connection, one.declaration, one.policies, today)
        return retention_table(days, one.declaration, today)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path, MAXIMUM)


def test_what_is_over_is_deleted_and_its_count_is_what_was_signed(archive):
    assert archive.retain(2026, 9, 30) == []
    evidence = {file: file.read_bytes() for file in (archive.root / ".gov" / "evidence").rglob("*") if file.is_file()}
    assert archive.table(date(2026, 10, 2)) == {
        "system": "loans", "kept_since": "2026-09-01", "retain_until": "2026-09-11", "delete_by": "2026-10-01",
        "deletable_days": 2, "deletable_rows": 8, "conflicts": [],
    }  # fmt: skip
    done = archive.retain(2026, 10, 2)
    assert [(row.partition, row.count, row.reason) for row in done] == [
        (FIRST, 4, "retention"), (FIRST + timedelta(days=1), 4, "retention"),
    ]  # fmt: skip
    folder = archive.night().folder
    assert {file.name for file in folder.rglob("*.parquet")} == {"access_log.parquet"}
    assert (folder / "tally.json").is_file()
    assert archive.night(2).folder.joinpath("salts.parquet").is_file()
    assert {file: file.read_bytes() for file in evidence} == evidence
    assert verify.verify(archive.root / ".gov" / "evidence").ok
    assert archive.retain(2026, 10, 2) == []
    with reading(archive.night().store) as connection:
        (act,) = act_rows(connection, "expire", "loans")
        noted = [json.loads(each.entry) for each in entries_waiting(connection)]
        (entry,) = [each for each in noted if each["kind"] == "erasure" and each["partition"] == "2026-09-01"]
        assert snapshot_of(connection, "loans", FIRST).revision == 1
    said = {"system": "loans", "partition": "2026-09-01", "count": 4, "reason": "retention", "sha256": act.id}
    assert entry == {"v": 1, "kind": "erasure", **said}


def test_a_day_without_rows_is_not_audited_again_by_anybody(archive):
    archive.retain(2026, 10, 2)
    one = archive.night(2)
    looked = {"before": FIRST + timedelta(days=10), "project": one.project, "environ": one.environ}
    archive.write({"L0", "L11"})
    assert changed_since_audited(one.home, one.declaration, **looked) == [FIRST + timedelta(days=2)]
    late = {"before": FIRST + timedelta(days=2), "as_of": one.as_of}
    assert overdue(one.home, one.declaration, one.policies, **late) == {}
    with pytest.raises(WrongUse, match=r"The rows of 2026-09-01 were deleted on 2026-10-02.*cannot be audited again"):
        read_decisions(archive.night())
    with reading(one.store) as connection:
        assert deleted_on(connection, "loans", FIRST) == date(2026, 10, 2)
        assert deleted_on(connection, "loans", FIRST + timedelta(days=2)) is None
    signed(one)  # the days that are kept go on


@pytest.mark.parametrize("retentions", [(), ("{of: decisions, keep: 1 day}",)])
def test_by_default_nothing_is_ever_deleted(tmp_path, retentions):
    archive = Archive(tmp_path, *retentions)
    assert archive.retain(2099, 1, 1) == []
    assert archive.table(date(2099, 1, 1))["deletable_rows"] == 0


def test_a_minimum_above_a_maximum_is_told_once_and_deletes_nothing(tmp_path):
    archive = Archive(tmp_path, "{of: decisions, keep: 25 months}", "{of: decisions, delete_after: 30 days}")
    for _ in range(2):
        assert archive.retain(2027, 1, 1) == []
    (conflict, *_) = archive.table(date(2027, 1, 1))["conflicts"]
    assert conflict == "house/K1 deletes by 2026-10-01 what house/K0 keeps until 2028-10-01"
    with reading(archive.night().store) as connection:
        told = [each.alert for each in pending(connection) if "|retention|" in each.alert.key]
    assert len(told) == 1
    assert "house/K1 deletes by 2026-10-01" in told[0].body


def test_a_clock_that_has_not_begun_for_one_decision_keeps_the_day(tmp_path):
    archive = Archive(tmp_path, "{of: decisions, keep: 1 month, from: notice_sent_at, delete_after: 2 months}")
    assert archive.retain(2099, 1, 1) == []
    assert archive.table(date(2099, 1, 1))["retain_until"] == "not begun"


def test_rows_that_are_not_those_signed_are_not_deleted(archive):
    archive.write({f"L{n}" for n in range(12)} - {"L1"})
    read_decisions(archive.night())  # read, and never signed
    assert [row.partition for row in archive.retain(2026, 10, 2)] == [FIRST + timedelta(days=1)]
    (conflict,) = archive.table(date(2026, 10, 2))["conflicts"]
    assert conflict == "2026-09-01 keeps 3 decisions, and 4 are signed; audit it again"
    signed(archive.night())
    assert [row.count for row in archive.retain(2026, 10, 2)] == [3]


def test_what_was_erased_before_is_not_missed(archive):
    one = archive.night()
    now = datetime.now(UTC)
    erase(one.home, one.store, one.declaration, lambda *_: "a" * 64, reason="", now=now, decision="L1")
    assert [row.count for row in archive.retain(2026, 10, 1)] == [3]
    with reading(one.store) as connection:
        assert [(row.count, row.done) for row in erasures(connection, "loans", FIRST)] == [(3, True), (1, True)]


def test_the_nightly_asset_deletes_and_says_what_and_how_many(archive, monkeypatch):
    monkeypatch.delenv("GOV_STORE_URL", raising=False)
    archive.night().store.dispose()
    home = AuditHome(project=str(archive.root), home=str(archive.root / ".gov"))
    definitions = dg.Definitions.merge(retention(), dg.Definitions(resources={"audit": home}))
    done = definitions.resolve_job_def("retention_of_home").execute_in_process()
    (event,) = done.asset_materializations_for_node("home__retention")
    assert event.asset_key == RETENTION
    over = [
        day
        for day in (FIRST + timedelta(days=n) for n in range(3))
        if datetime.now(UTC).date() >= day + timedelta(days=30)
    ]
    assert event.metadata["decisions"].value == 4 * len(over)
