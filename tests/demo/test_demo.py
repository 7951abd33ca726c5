"""The demo finds what is known to be true of its data, every planted fault, and nothing else."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime

import polars as pl
import pytest
from command import ROOT

from gov_pipelines.cli.demo.arrests import arrests
from gov_pipelines.cli.demo.loanapp import (
    DAYS,
    HELD,
    JUNIOR_REVIEW,
    LATE_REVIEW,
    PLANTED,
    SHOW,
    SYSTEM,
    UNREVIEWED,
    applications,
)
from gov_pipelines.cli.demo.people import CAST
from gov_pipelines.evidence import read_leaves
from gov_pipelines.people import authority_of, known_findings, known_obligations, known_waivers, refused_acts, roster_of
from gov_pipelines.pipeline.register import open_books
from gov_pipelines.project import Project
from gov_pipelines.store import Home, all_snapshots, open_store, pending, reading, verdict_history, verdicts_of

LAST = date(2026, 9, 30)


@pytest.fixture(scope="module")
def store(demo_home):
    engine = open_store(Home(demo_home).store_url)
    yield engine
    engine.dispose()


def last_verdicts(store):
    with reading(store) as connection:
        return {row.clause: row for row in verdicts_of(connection, SYSTEM, LAST)}


def test_exactly_the_planted_decisions_wait(demo_home, demo_found):
    days = sorted((demo_home / "artifacts" / SYSTEM).glob("2026-*"))
    cleared, held = (
        pl.concat([pl.read_parquet(day / f"{name}_decisions.parquet") for day in days]) for name in ("cleared", "held")
    )
    assert set(held["decision_id"]) == HELD
    assert (
        cleared.height
        == cleared["decision_id"].n_unique()
        == demo_found["systems"][SYSTEM]["cleared"]
        == 1987 - len(HELD)
    )
    assert demo_found["systems"][SYSTEM]["held"] == len(HELD)
    why = dict(held.filter(pl.col("control") == "house-fair-lending/FL-2").select("decision_id", "reason").iter_rows())
    assert why[UNREVIEWED] == "waits for a review by senior_underwriter"
    assert "only senior_underwriter may review it" in why[JUNIOR_REVIEW]
    assert "it came too late" in why[LATE_REVIEW]
    reviewed = cleared.filter(pl.col("reviews").is_not_null())
    assert reviewed.height == 16
    assert not reviewed["overridden"].any()


def test_its_people_are_told_apart_from_real_ones(demo_home):
    people = demo_home / "demo" / "people"
    assert {folder.name for folder in people.iterdir()} == set(CAST)
    assert all("demo (untrusted)" in (folder / "signing.pub.json").read_text() for folder in people.iterdir())
    assert all((folder / "signing.pem").stat().st_mode & 0o77 == 0 for folder in people.iterdir())


def test_findings_obligations_and_a_waiver(demo_home, store):
    authority = authority_of(Home(demo_home))
    policies = open_books(Project(ROOT, demo_home)).policies
    with reading(store) as connection:
        roster = roster_of(connection, authority)
        found = {each.control: each for each in known_findings(connection, roster, SYSTEM).values()}
        owed = {each.person: each.state for each in known_obligations(connection, roster, policies, datetime.now(UTC))}
        waivers = known_waivers(connection, roster, policies)
        assert refused_acts(connection, roster) == []
    assert set(found) == {f"house-fair-lending/FL-{number}" for number in (1, 2, 3, 4, 5, 12)}
    assert {key for key, each in found.items() if each.state == "closed"} == {"house-fair-lending/FL-12"}
    assert found["house-fair-lending/FL-5"].action
    done = dict.fromkeys(("reviewer-01", "reviewer-02", "reviewer-03"), "done")
    assert owed == done | {"reviewer-04": "overdue", None: "nobody enrolled"}  # Toronto's officers are history
    assert [(each.clause, each.countersigned_by) for each in waivers] == [("house-fair-lending/FL-7", "demo-owner")]


def test_it_finds_every_planted_fault_and_no_other(store):
    with reading(store) as connection:
        history = verdict_history(connection, SYSTEM)
    found = Counter()
    for row in history:
        if row.verdict in {"fail", "missing"} and row.control not in SHOW.known:
            found[row.control, row.partition] += row.breaches
    assert found == {(each.control, each.partition): each.breaches for each in PLANTED}


def test_the_known_truth_of_the_data(demo_home):
    folder = Home(demo_home).partition_dir(SYSTEM, LAST)
    measured = json.loads((folder / "fairness_metrics.json").read_text())["house-fair-lending/FL-5"]
    rows = {row["group"]["race"]: row for row in measured if row["group"]}
    assert rows["Black"]["value"] == pytest.approx(0.743, abs=5e-4)
    assert rows["Hispanic"]["value"] == pytest.approx(0.843, abs=5e-4)
    assert (rows["Black"]["lower"], rows["Black"]["upper"]) == pytest.approx((0.650, 0.826), abs=5e-4)
    assert rows["Black"]["n"] == 197
    assert rows["Black"]["p_value"] == pytest.approx(4e-17, rel=0.5)


def test_the_clause_on_race_fails_against_equality(store):
    row = last_verdicts(store)["FL-5"]
    assert (row.verdict, row.group, row.n) == ("fail", {"race": "Black"}, 197)
    assert row.p_adjusted < 1e-15
    assert row.upper > 0.8  # it is not the interval that fails it: equality is rejected


def test_the_demo_shows_every_verdict_but_missing(store):
    assert {row.verdict for row in last_verdicts(store).values()} == {
        "pass", "warn", "fail", "insufficient", "report_only", "not_applicable",
    }  # fmt: skip


def test_every_row_is_accounted_for_and_666_is_quarantined(demo_home):
    home = Home(demo_home)
    days = sorted((demo_home / "artifacts" / SYSTEM).glob("2026-*"))
    rows = [json.loads((day / "rows.json").read_text()) for day in days]
    total = {name: sum(row[name] for row in rows) for name in ("source_count", "accepted", "quarantined", "duplicate")}
    assert len(days) == DAYS
    assert total == {"source_count": 1989, "accepted": 1987, "quarantined": 2, "duplicate": 0}
    assert all(row["adds_up"] for row in rows)
    quarantine = pl.concat([pl.read_parquet(day / "quarantine.parquet") for day in days])
    assert quarantine.height == 2
    assert all("666" in row for row in quarantine["source_row"])
    assert home.partition_dir(SYSTEM, LAST).name == "2026-09-30"


def test_one_signed_snapshot_a_day_in_one_chain(store):
    with reading(store) as connection:
        chain = all_snapshots(connection, SYSTEM)
    assert [row.sequence for row in chain] == list(range(1, DAYS + 1))
    assert [row.previous_sha256 for row in chain] == [None, *(row.payload_sha256 for row in chain[:-1])]
    assert all(row.retroactive for row in chain)  # the policy was recorded after these days


def test_alerts_tell_of_entering_failure_and_of_recovery(store):
    with reading(store) as connection:
        waiting = pending(connection)
    turns = Counter((row.alert.control, row.alert.transition) for row in waiting)
    assert turns["house-fair-lending/FL-5", "failing"] == 1  # a failure that lasts pages once
    assert turns["house-fair-lending/FL-3", "failing"] == turns["house-fair-lending/FL-3", "recovered"] == 1
    assert not any(transition == "missed_window" for _, transition in turns)


def test_the_same_data_every_time():
    assert applications() == applications()


def test_no_personal_data_in_evidence_alerts_or_pages(demo_home, store):
    ids = {row.application_id for row in applications()} | set(arrests()["arrest_id"])
    evidence = [path for path in (demo_home / "evidence").rglob("*") if path.is_file()]
    pages = list((demo_home / "report").rglob("*.html"))
    assert evidence
    assert pages
    for path in [*evidence, *pages]:
        text = path.read_text("utf-8", errors="replace")  # tiles of the ledger are hashes, not text
        assert not re.search(r"\b(BF|TO)-\d{4}\b", text), f"a decision id in {path}"
        assert "officer-" not in text, f"a person in {path}"
    with reading(store) as connection:
        told = " ".join(row.alert.title + row.alert.body for row in pending(connection))
    assert not re.search(r"\b(BF|TO)-\d{4}\b", told)
    assert "officer-" not in told
    first = min((demo_home / "evidence" / SYSTEM).rglob("decision_leaves.jsonl"))
    leaves = read_leaves(first.read_bytes())
    assert len(leaves) > 60
    assert not any(each.encode() in leaf for leaf in leaves for each in ids)


def test_what_it_prints(demo_found):
    assert demo_found["exact"] is True
    told = demo_found["systems"][SYSTEM]
    assert told["missed"] == told["unexpected"] == []
    failing = told["found"][0]
    assert failing["control"] == "house-fair-lending/FL-5"
    assert "Black" in failing["reason"]
    assert len(told["found"]) == 1 + len(PLANTED)
