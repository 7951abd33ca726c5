"""From the store, the policies and the files of a partition to what the pages show."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from projects import authority, found_home

from gov_pipelines.decisions import RowAccounting
from gov_pipelines.evidence import PublicKey, generate
from gov_pipelines.measure import Measurement
from gov_pipelines.people import authority_of, countersign, enrol, hand_of, known_waivers, roster_of, waive
from gov_pipelines.policy import Policy, SystemDeclaration
from gov_pipelines.report import gather, render
from gov_pipelines.report.charts.overlay import Share
from gov_pipelines.store import (
    Home,
    SnapshotRow,
    VerdictRow,
    all_snapshots,
    open_store,
    put_verdicts,
    record_snapshot,
    write_frame,
)

START = date(2026, 9, 1)
START_INSTANT = datetime(2026, 9, 1, 12, tzinfo=UTC)
AS_OF = datetime(2026, 9, 6, 3, tzinfo=UTC)  # still the fifth in New York, so the fourth is the newest due

RFC_8032 = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = PublicKey.ed25519("demo (untrusted)", RFC_8032)
OFFICE = authority(KEY, START_INSTANT)

LOANS = SystemDeclaration.model_validate({
    "system": "loans", "owner": "team:credit", "purpose": "Decide on loans.", "risk": "high", "zone": "America/New_York",
    "starts": START, "source": {"path": "loans.csv"}, "outcomes": {"favorable": ["yes"], "unfavorable": ["no"]},
    "protected_attributes": {"race": {}}, "intake": {"needs_review": "reviewed_at IS NULL AND product = 'boat'"},
    "policies": ["house"], "about_data": "Old loans.",
    "synthetic": {"columns": ["product", "model_version", "reviewed_at"], "access_log": True, "note": "Planted."},
})  # fmt: skip

HOUSE = Policy.model_validate({
    "policy": "house", "version": 2, "in_force": {"from": START}, "owner": "credit-risk", "document": {"title": "Lending"},
    "clauses": [
        {"id": "A-1", "text": "Fair.", "level": "runtime",
         "control": {"kind": "fairness", "metric": "impact_ratio", "by": ["race"], "at_least": 0.8, "window": "90 days"}},
        {"id": "A-2", "text": "Approved.", "level": "output", "control": {"kind": "approved_model"}},
        {"id": "A-3", "text": "Trained.", "level": "people",
         "obligation": {"who": "underwriters", "every": "1 year", "escalate": [{"to": "manager", "after": "5 working days"}]}},
        {"id": "A-4", "text": "Reviewed.", "level": "intake", "control": {"kind": "human_review", "role": "senior", "before": "notice_sent_at"}},
    ],
})  # fmt: skip

BLACK = Measurement(
    metric="impact_ratio", attribute=("race",), group={"race": "black"}, reference_group={"race": "white"}, value=0.74,
    lower=0.66, upper=0.82, confidence=0.95, n=197, window_start=AS_OF, window_end=AS_OF,
)  # fmt: skip


def verdict(day, clause, said, **more):
    kind = {"A-1": "fairness", "A-2": "approved_model", "A-4": "human_review"}.get(clause)
    return VerdictRow(**({
        "system": "loans", "partition": day, "revision": 1, "control": f"house/{clause}", "policy": "house",
        "policy_version": 2, "clause": clause, "level": "runtime", "kind": kind, "acts": "detects", "severity": "warning",
        "verdict": said, "reason": f"{clause} says {said}.", "window_start": AS_OF, "window_end": AS_OF, "as_of": AS_OF,
        "recorded_at": AS_OF,
    } | more))  # fmt: skip


@pytest.fixture
def home(tmp_path):
    """Three of four due partitions signed: A-1 fails from the second, A-2 passes with one number, A-4 never ran."""
    home, previous = Home(tmp_path), None
    with open_store(home.store_url).begin() as connection:
        for sequence, day in enumerate((START, START + timedelta(days=1), START + timedelta(days=2)), start=1):
            put_verdicts(connection, [
                verdict(day, "A-1", "pass" if sequence == 1 else "fail", threshold="at least 0.8", n=197),
                verdict(day, "A-2", "pass", metric="decisions_outside", value=0.0, n=66, attribute=("model_version",)),
            ])  # fmt: skip
            record_snapshot(connection, SnapshotRow(
                system="loans", partition=day, revision=1, sequence=sequence, previous_sha256=previous,
                payload_sha256=f"{sequence:x}" * 64, content_digest="c" * 64, path="p", key_id=KEY.keyid if sequence == 3 else "k" * 64, signed_at=AS_OF,
                as_of=AS_OF, retroactive=True,
            ))  # fmt: skip
            previous = f"{sequence:x}" * 64
            folder = home.partition_dir("loans", day)
            folder.mkdir(parents=True)
            rows = {"source_count": 67, "accepted": 66, "quarantined": 1, "duplicate": 0, "undated": 2}
            (folder / "rows.json").write_text(json.dumps(rows | {"adds_up": True}))
            measured = asdict(BLACK) | {"window_start": AS_OF.isoformat(), "window_end": AS_OF.isoformat()}
            (folder / "fairness_metrics.json").write_text(json.dumps({"house/A-1": [measured]}))
            (folder / "access_patterns.json").write_text(json.dumps({"measurements": {}, "outside": []}))
    return home


def gathered(home, key=OFFICE, **more):
    with open_store(home.store_url).connect() as connection:
        return gather(connection, home, {"loans": LOANS}, [HOUSE], AS_OF, key, **more)


def views(report):
    return {view.clause: view for _, view in report.cells}


def test_a_failing_control_with_its_numbers_and_its_days(home):
    view = views(gathered(home))["A-1"]
    assert (view.verdict, view.reason, view.threshold, view.n) == ("fail", "A-1 says fail.", "at least 0.8", 197)
    assert (view.metric, view.limit, view.limit_is, view.window) == ("impact_ratio", 0.8, "at_least", "90 days")
    assert view.measurements == (BLACK,)
    assert [past.verdict for past in view.history] == ["pass", "fail", "fail"]
    assert (view.since, view.days_open, view.age_days) == (date(2026, 9, 2), 3, 1)
    assert (view.version, view.in_force_from, view.owner) == (2, START, "credit-risk")
    assert view.gap is None


def test_a_control_without_a_limit_has_its_lowest_group_first(home):
    clause = HOUSE.clauses[0].model_copy(
        update={"control": HOUSE.clauses[0].control.model_copy(update={"at_least": None})}
    )
    free = HOUSE.model_copy(update={"clauses": [clause]})
    with open_store(home.store_url).connect() as connection:
        view = views(gather(connection, home, {"loans": LOANS}, [free], AS_OF, OFFICE))["A-1"]
    assert (view.limit, view.limit_is, view.state) == (None, "at_least", "failing")


def test_the_deciding_number_stands_in_where_no_file_has_all(home):
    view = views(gathered(home))["A-2"]
    assert [(m.metric, m.value, m.n) for m in view.measurements] == [("decisions_outside", 0.0, 66)]
    assert (view.acts, view.on_fail, view.days_open) == ("holds", "hold_decision", None)


def test_what_people_owe_and_what_never_ran_are_gaps(home):
    found = views(gathered(home))
    assert (
        found["A-3"].obligation == "underwriters, every 1 year, shown by attestation; to manager after 5 working days"
    )
    assert (found["A-3"].enforcement, found["A-3"].gap, found["A-3"].gap_days_open) == ("people", "human only", 4)
    assert (found["A-4"].verdict, found["A-4"].gap, found["A-4"].gap_days_open) == (None, "stale", 4)


def test_made_up_columns_are_named_where_they_feed_a_control(home):
    found = views(gathered(home))
    assert found["A-1"].synthetic == ()
    assert found["A-2"].synthetic == ("model_version",)
    assert found["A-4"].synthetic == ("product", "reviewed_at")
    assert gathered(home).systems[0].synthetic == ("product", "model_version", "reviewed_at", "access log")


def test_the_shares_of_the_column_that_decided(home):
    drift = {
        "kind": "drift", "of": ["x", "y"], "per": ["race"], "at_most": 0.25, "reference": {"from": "2026-08-01", "until": "2026-08-11"},
    }  # fmt: skip
    clause = {"id": "A-5", "text": "As it was.", "level": "runtime", "control": drift}
    house = Policy.model_validate(
        HOUSE.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"clauses": [clause]}
    )
    rows = [
        asdict(Measurement("psi", (name,), group={"race": "black"}, value=value))
        for name, value in (("x", 0.4), ("y", 0.3))
    ]
    shares = [
        {"column": name, "group": {"race": "black"}, "shares": [[name, 30, 20], ["missing", 7, 9]]} for name in "xy"
    ]

    def shown(sequence, content, **decisive):
        day = START + timedelta(days=sequence - 1)
        (folder := home.partition_dir("loans", day)).mkdir()
        (folder / "distribution_shift.json").write_text(json.dumps(content))
        with open_store(home.store_url).begin() as connection:
            put_verdicts(connection, [verdict(day, "A-5", "fail", kind="drift", **decisive)])
            record_snapshot(
                connection,
                replace(
                    all_snapshots(connection, "loans")[-1],
                    partition=day,
                    sequence=sequence,
                    previous_sha256=f"{sequence - 1:x}" * 64,
                    payload_sha256=f"{sequence:x}" * 64,
                ),
            )
            return views(gather(connection, home, {"loans": LOANS}, [house], AS_OF, OFFICE))["A-5"].shares

    kept = {"measurements": {"house/A-5": rows}, "shares": {"house/A-5": shares}}
    assert shown(4, kept) == {"x within race: black": [Share("x", 30, 20), Share("missing", 7, 9)]}  # the largest
    decisive = {"metric": "psi", "value": 0.3, "attribute": ("y",), "group": {"race": "black"}}
    assert [*shown(5, kept, **decisive)] == ["y within race: black"]
    assert shown(6, {"house/A-5": rows}) == {}  # as before shares were kept


def test_partitions_rows_and_snapshots(home):
    page = gathered(home).systems[0]
    assert (len(page.partitions), page.missed) == (3, (date(2026, 9, 4),))
    assert page.totals == RowAccounting(201, 198, 3, 0, 2)  # undated rows: each day finds the same
    assert (page.snapshots[-1].sequence, page.key_of(page.snapshots[-1])) == (3, "demo (untrusted)")
    assert page.keys == ("k" * 12, "demo (untrusted)")


def test_a_system_that_has_ended_stops_the_count(home):
    ended = LOANS.model_copy(update={"ends": date(2026, 9, 4)})
    with open_store(home.store_url).connect() as connection:
        report = gather(connection, home, {"loans": ended}, [HOUSE], datetime(2027, 1, 1, tzinfo=UTC), OFFICE)
    assert report.systems[0].missed == ()
    assert (views(report)["A-1"].days_open, views(report)["A-1"].age_days) == (2, 0)


def test_a_waiver_shows_while_it_stands_and_for_those_whose_key_counts(home, tmp_path):
    signer, ours = found_home(tmp_path / "ours", created=START_INSTANT), authority_of(Home(tmp_path / "ours"))
    hands = {}
    with open_store(home.store_url).begin() as connection:
        for person, role in (("ann", "underwriter"), ("bo", HOUSE.owner)):
            own = generate(tmp_path / person, name=person, created=START_INSTANT)
            enrol(connection, ours, signer, person, [role], own.public, START_INSTANT)
            hands[person] = hand_of(connection, roster_of(connection, ours), person, own, START_INSTANT)
        given = {"why": "A tool is down.", "until": date(2026, 9, 8), "now": START_INSTANT}
        waive(hands["ann"], LOANS, HOUSE, HOUSE.clauses[0], **given)
        (asked,) = known_waivers(connection, roster_of(connection, ours), [HOUSE])

    def state(as_of, key=ours):
        with open_store(home.store_url).connect() as connection:
            report = gather(connection, home, {"loans": LOANS}, [HOUSE], as_of, key)
        view = views(report)["A-1"]
        return view.state, view.waiver

    assert state(AS_OF) == ("failing", None)  # nobody has countersigned it
    with open_store(home.store_url).begin() as connection:
        countersign(replace(hands["bo"], connection=connection), asked, [HOUSE.owner], START_INSTANT)
    assert state(AS_OF) == ("waived", "until 2026-09-08 by ann, countersigned by bo: A tool is down")
    assert state(AS_OF + timedelta(days=3)) == ("failing", None)
    found_home(tmp_path / "stranger", created=START_INSTANT)
    assert state(AS_OF, authority_of(Home(tmp_path / "stranger"))) == ("failing", None)


def test_what_was_cleared_and_held_is_counted_once_a_decision(home):
    folder = home.partition_dir("loans", START)
    write_frame(folder / "cleared_decisions.parquet", pl.DataFrame({"decision_id": ["a", "b"]}))
    held = {
        "decision_id": ["c", "c", "d"],
        "control": ["house/A-2", "house/A-4", None],
        "on_fail": ["hold_decision", "hold_decision", "gate"],
    }
    write_frame(folder / "held_decisions.parquet", pl.DataFrame(held))
    (day,) = gathered(home).systems[0].cleared
    assert (day.partition, day.cleared, day.held) == (START, 2, 2)
    assert day.by == {"house/A-2": 1, "house/A-4": 1, "gate": 1}


def test_an_empty_store_gathers_and_renders(tmp_path):
    report = gathered(Home(tmp_path), mistakes=["assets/x/defs.yaml: wrong"])
    assert {view.gap for _, view in report.cells} == {"stale", "human only", "unable to fail"}
    assert report.mistakes == ("assets/x/defs.yaml: wrong",)
    assert len(render(report, tmp_path / "report")) == 3
