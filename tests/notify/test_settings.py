"""Who is told, and when: routes, rules, quiet hours, digests and escalation by the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import stored
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.notify import lint_alerts, load_settings
from gov_pipelines.notify.settings import AlertSettings, Route
from gov_pipelines.policy import load_policies

NEW_YORK = ZoneInfo("America/New_York")
NIGHTS = Route.model_validate(
    {"zone": "America/New_York", "digest": "08:30", "quiet": {"from": "19:00", "until": "07:00", "but": ["critical"]}}
)


def local(*when):
    return datetime(*when, tzinfo=NEW_YORK)


def settings(**said):
    return AlertSettings.model_validate(said)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (local(2026, 11, 3, 18, 59), local(2026, 11, 3, 18, 59)),
        (local(2026, 11, 3, 19), local(2026, 11, 4, 7)),
        (local(2026, 11, 4, 2), local(2026, 11, 4, 7)),
        (local(2026, 11, 4, 7), local(2026, 11, 4, 7)),
        (local(2026, 10, 31, 23), local(2026, 11, 1, 7)),  # thirteen hours of night: clocks go back at two
        (local(2026, 3, 7, 23), local(2026, 3, 8, 7)),  # and forward
        (local(2026, 11, 1, 1, 30).replace(fold=1), local(2026, 11, 1, 7)),
    ],
)
def test_messages_wait_for_the_morning_of_their_zone(at, opens):
    assert NIGHTS.opens(at, "warning") == opens.astimezone(UTC)
    assert NIGHTS.opens(at, "critical") == at


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))
def test_whatever_waits_goes_out_of_quiet_hours_and_within_half_a_day(at):
    opens = NIGHTS.opens(at, "info")
    assert at <= opens <= at + timedelta(hours=13)
    assert 7 <= opens.astimezone(NEW_YORK).hour < 19
    assert NIGHTS.opens(opens, "info") == opens


@pytest.mark.parametrize(
    ("at", "digest"),
    [
        (local(2026, 11, 3, 8, 29), local(2026, 11, 3, 8, 30)),
        (local(2026, 11, 3, 8, 30), local(2026, 11, 4, 8, 30)),
        (local(2026, 10, 31, 12), local(2026, 11, 1, 8, 30)),
    ],
)
def test_a_digest_goes_at_its_local_hour(at, digest):
    assert NIGHTS.digested(at) == digest
    said = settings(routes={"default": {"zone": "America/New_York", "digest": "08:30"}})
    assert said.due(stored.alert("a", transition="warning", raised_at=at), "default") == digest


def test_recoveries_break_no_quiet():
    said = settings(routes={"default": {"quiet": {"from": "19:00", "until": "07:00", "but": ["critical"]}}})
    night = datetime(2026, 11, 4, 2, tzinfo=UTC)
    page, over = (stored.alert(each, transition=each, raised_at=night) for each in ("failing", "recovered"))
    assert said.due(page, "default") == night
    assert said.due(over, "default") == datetime(2026, 11, 4, 7, tzinfo=UTC)


def test_a_page_goes_from_route_to_route_by_working_days():
    said = settings(
        holidays=["2026-11-26"],
        routes={
            "oncall": {"zone": "America/New_York", "escalate": {"to": "head", "after": "1 working day"}},
            "head": {"zone": "America/New_York", "escalate": {"to": "board", "after": "4 hours"}},
        },
    )
    page = stored.alert("a", notify=("oncall",), raised_at=local(2026, 11, 25, 9, 15))  # the day before Thanksgiving
    assert [(each.route, each.at) for each in said.escalations(page)] == [
        ("head", local(2026, 11, 27, 9, 15).astimezone(UTC)),
        ("board", local(2026, 11, 27, 13, 15).astimezone(UTC)),
    ]


def test_patience_begins_when_the_page_can_be_read():
    said = settings(
        routes={
            "oncall": {"quiet": {"from": "19:00", "until": "07:00"}, "escalate": {"to": "head", "after": "2 hours"}}
        }
    )
    page = stored.alert("a", notify=("oncall",), raised_at=datetime(2026, 11, 4, 2, tzinfo=UTC))
    (step,) = said.escalations(page)
    assert step.at == datetime(2026, 11, 4, 9, tzinfo=UTC)


def test_who_is_told_the_control_then_the_first_rule_then_the_default():
    said = settings(
        rules=[
            {"system": "lending", "severity": ["info"], "notify": ["lending-info"]},
            {"system": "lending", "notify": ["lending"], "recover_after": 5},
            {"control": "house/FL-2", "recover_after": 7},
        ]
    )
    assert said.routes_of(stored.alert("a", notify=("oncall",))) == ("oncall",)
    assert said.routes_of(stored.alert("a", severity="info")) == ("lending-info",)
    assert said.routes_of(stored.alert("a")) == ("lending",)
    assert said.routes_of(stored.alert("a", system="hiring")) == ("default",)
    assert said.clean("lending", "house/FL-1", "info") == 5
    assert said.clean("hiring", "house/FL-2", "info") == 7
    assert said.clean("hiring", "house/FL-1", "info") == 3


def project(root: Path, alerts: str | None) -> Path:
    (root / "expectations").mkdir()
    (root / "expectations" / "house.yaml").write_text(
        "policy: house\nversion: 1\nin_force: {from: 2026-01-01}\nowner: x\ndocument: {title: T}\nholidays: [2026-11-26]\nclauses:\n"
        "  - {id: A, text: T., level: runtime, control: {kind: deadline, from: completed_at, to: notice_sent_at, within: 30 days, notify: [oncall]}}\n"
    )
    if alerts is not None:
        (root / "alerts.yaml").write_text(alerts)
    return root


def linted(root):
    return [str(each) for each in lint_alerts(root, load_policies(root / "expectations")[0])]


def test_without_a_file_nothing_is_wrong_and_all_is_usual(tmp_path):
    root = project(tmp_path, None)
    assert linted(root) == []
    assert load_settings(root) == AlertSettings()


def test_a_route_that_is_named_and_not_declared_is_a_mistake(tmp_path):
    root = project(
        tmp_path, "routes: {on-call: {escalate: {to: board, after: 1 working day}}}\nrules: [{notify: [on-cal]}]\n"
    )
    said = linted(root)
    assert [each.split(": ", 2)[1] for each in said] == ["rules[0]", "routes.on-call", "clauses[A]"]
    assert "Did you mean" in said[0]
    assert load_settings(root).holidays == [date(2026, 11, 26)], "the policies' holidays are no working days"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("routs: {}\n", "routs"),
        (
            "routes: {a: {escalate: {to: b, after: 1 day}}, b: {escalate: {to: a, after: 1 day}}}\n",
            "goes round: a to b to a",
        ),
        ("routes: {a: {zone: Mars/Base}}\n", "is not a time zone"),
        ("recover_after: 0\n", "recover_after"),
    ],
)
def test_a_mistake_is_named_by_lint_and_silences_nobody(tmp_path, caplog, text, words):
    root = project(tmp_path, text)
    assert words in " ".join(linted(root))
    assert load_settings(root) == AlertSettings()
    assert "gov lint" in caplog.text
