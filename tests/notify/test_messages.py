"""What goes together: the digest of a route, quiet hours, escalation, and the count of it all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from gov_pipelines.notify import acknowledge, alerts_for, deliver, missed_window, open_pages
from gov_pipelines.notify.settings import AlertSettings
from gov_pipelines.store import enqueue, pending, reading

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NIGHT = datetime(2026, 11, 5, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def settings(**said):
    return AlertSettings.model_validate(said)


def tell(engine, *alerts):
    with engine.begin() as connection:
        enqueue(connection, alerts)


def pages(engine):
    with reading(engine) as connection:
        return open_pages(connection)


def test_a_digest_says_the_last_of_each_control_once_a_day_for_all_systems(engine, receiver, raised):
    routes, at = {"default": [receiver.url]}, {"raised_at": NIGHT}
    facts = "Clause: c\nVerdict: warn. It is near the limit.\nInterval: 0.78 to 0.9\nPage: http://ui/FL-1\nAlert key: k"
    raised("lending: FL-1 cannot be decided", transition="undecided", **at)
    raised("lending: FL-1 warns", transition="warning", body=facts, **at)
    raised("hiring: H-1 is well again", transition="settled", system="hiring", control="house/H-1", **at)
    assert deliver(engine, routes, NIGHT + 5 * HOUR).delivered == 0
    assert receiver.taken == [], "it goes at eight"
    assert deliver(engine, routes, NIGHT + 6 * HOUR).delivered == 3
    (message,) = receiver.taken
    assert message["title"] == "Digest: 1 warn, 1 well again (2 systems)"
    assert message["type"] == "info"
    assert message["message"].splitlines()[:6] == [
        "hiring: H-1 is well again",
        "",
        "lending: FL-1 warns",
        "  Verdict: warn. It is near the limit.",
        "  Interval: 0.78 to 0.9",
        "  Page: http://ui/FL-1",
    ]
    assert "lending: FL-1 cannot be decided" in message["message"].splitlines()[-1], "every key is there"
    for day in range(1, 4):
        deliver(engine, routes, NIGHT + 6 * HOUR + day * DAY)
    assert len(receiver.taken) == 1, "quiet when nothing changed"


def test_a_digest_goes_to_each_route_at_its_own_hour(engine, new_receiver, raised):
    early, late = new_receiver(), new_receiver()
    said = settings(routes={"early": {"digest": "06:00"}, "late": {"digest": "16:00", "zone": "America/New_York"}})
    raised("a", transition="warning", notify=("early", "late"), raised_at=NIGHT)
    routes = {"early": [early.url], "late": [late.url]}
    for hour in range(24):
        deliver(engine, routes, NIGHT + hour * HOUR, said)
        assert (len(early.taken), len(late.taken)) == (hour >= 4, hour >= 19)


def test_messages_wait_for_the_morning_and_critical_ones_break_through(engine, receiver, raised):
    said = settings(routes={"default": {"quiet": {"from": "19:00", "until": "07:00", "but": ["critical"]}}})
    raised("critical", raised_at=NIGHT)
    raised("warning", severity="warning", control="house/FL-2", raised_at=NIGHT)
    raised("recovered", transition="recovered", raised_at=NIGHT)
    routes = {"default": [receiver.url]}
    deliver(engine, routes, NIGHT, said)
    assert receiver.titles == ["critical"]
    deliver(engine, routes, NIGHT + 5 * HOUR, said)
    assert receiver.titles[1:] == ["lending 2026-11-04: 1 failing, 1 recovered (critical)"]


LADDER = settings(
    routes={
        "oncall": {"escalate": {"to": "head", "after": "1 working day"}},
        "head": {"escalate": {"to": "board", "after": "1 working day"}},
    }
)


def ladder(engine, new_receiver):
    three = {name: new_receiver() for name in ("oncall", "head", "board")}
    routes = {name: [each.url] for name, each in three.items()}
    return three, lambda at: deliver(engine, routes, at, LADDER)


def test_a_page_nobody_acknowledges_climbs(engine, new_receiver, raised):
    """Raised on a Thursday at two: Friday, then Monday."""
    three, go = ladder(engine, new_receiver)
    raised("page", notify=("oncall",), raised_at=NIGHT)
    heard = []
    for hour in range(0, 24 * 6, 6):
        go(NIGHT + hour * HOUR)
        heard.append([len(each.taken) for each in three.values()])
    assert heard[:4] == [[1, 0, 0]] * 4
    assert heard[4:16] == [[1, 1, 0]] * 12
    assert heard[16:] == [[1, 1, 1]] * 8
    assert three["head"].titles == ["page: nobody acknowledged it"]
    assert "Escalated: to head, for `gov ack` was not called in 24 hours" in three["head"].taken[0]["message"]


def test_an_acknowledgement_stops_the_climb_and_not_the_recovery(engine, new_receiver, raised):
    three, go = ladder(engine, new_receiver)
    raised("page", notify=("oncall",), raised_at=NIGHT)
    go(NIGHT)
    with engine.begin() as connection:
        acknowledge(connection, open_pages(connection), "jane", "looking", NIGHT + HOUR, None)
    (page,) = pages(engine)
    assert (page.ack.person, page.ack.why, page.ack.act) == ("jane", "looking", None)
    go(NIGHT + 5 * DAY)
    raised("over", transition="recovered", notify=("oncall",), raised_at=NIGHT + 5 * DAY)
    go(NIGHT + 5 * DAY)
    assert [each.titles for each in three.values()] == [["page", "over"], [], []]
    assert pages(engine) == []


def test_a_page_that_is_over_climbs_no_further(engine, new_receiver, raised):
    three, go = ladder(engine, new_receiver)
    raised("page", notify=("oncall",), raised_at=NIGHT)
    raised("over", transition="recovered", notify=("oncall",), raised_at=NIGHT + HOUR)
    go(NIGHT + 5 * DAY)
    assert [len(each.taken) for each in three.values()] == [1, 0, 0]


def test_what_is_seen_while_it_waits_for_the_morning_is_not_sent(engine, new_receiver, raised):
    said = settings(
        routes={
            "oncall": {"escalate": {"to": "head", "after": "2 hours"}},
            "head": {"quiet": {"from": "19:00", "until": "07:00"}},
        }
    )
    one, two = new_receiver(), new_receiver()
    routes = {"oncall": [one.url], "head": [two.url]}
    raised("page", notify=("oncall",), raised_at=NIGHT)
    deliver(engine, routes, NIGHT + 3 * HOUR, said)
    with engine.begin() as connection:
        acknowledge(connection, open_pages(connection), "jane", "looking", NIGHT + 4 * HOUR, None)
    deliver(engine, routes, NIGHT + 6 * HOUR, said)
    assert two.taken == []
    with reading(engine) as connection:
        assert pending(connection) == []


def test_a_missed_window_is_open_until_it_is_audited(engine, verdict):
    days = [date(2026, 11, 3), date(2026, 11, 4)]
    tell(engine, *(missed_window("lending", day, reason="no", notify=(), raised_at=NIGHT) for day in days))
    history = {"house/FL-1": [(day, None) for day in days]}
    rows = [verdict("pass", revision=2, partition=days[0])]
    tell(engine, *alerts_for(history, rows, texts={"house/FL-1": "t"}, notify={}, clean=lambda _: 3))
    assert [page.alert.partition for page in pages(engine)] == days[1:]
