"""What is promised of delivery, under random refusals, random deaths of the process, and two processes."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from stored import alert

from gov_pipelines.notify import deliver, delivery
from gov_pipelines.store import enqueue, open_store, pending, reading

NOW = datetime(2026, 11, 5, 7, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Died(BaseException):
    """The process is gone: nothing after this line happened."""


def heard(receiver):
    """The keys that were taken, in order, each with its control."""
    bodies = [json.loads(body) for body in receiver.bodies]
    refused = {json.dumps(message, sort_keys=True) for message in receiver.refused}
    taken = [body for body in bodies if json.dumps(body, sort_keys=True) not in refused] if refused else bodies
    return [(each["control"], each["key"]) for body in taken for each in body["data"]["alerts"]]


@pytest.mark.parametrize("seed", range(5))
def test_every_alert_reaches_every_receiver_in_the_order_of_its_control(tmp_path, new_receiver, monkeypatch, seed):  # noqa: C901  (a story told in order)
    chance = random.Random(seed)
    receivers = [new_receiver(), new_receiver()]
    routes = {"default": [each.webhook for each in receivers]}
    stores = [open_store(f"sqlite:///{tmp_path}/store.db") for _ in range(2)]
    for receiver in receivers:
        receiver.answers = chance.choices([200, 500, 503, 429, 422], k=15)
    note, sent = delivery.store.note_delivery, delivery.send

    def dying(step):
        def act(*arguments, **values):
            if chance.random() < 0.15:
                raise Died
            return step(*arguments, **values)

        return act

    raised = []
    at = NOW
    for number in range(30):
        if number < 15:
            day = date(2026, 11, 4) + timedelta(days=number // 3)
            some = [
                alert(f"{number}-{control}", control=f"house/{control}", partition=day, raised_at=at)
                for control in chance.sample(range(4), 2)
            ]
            with stores[0].begin() as connection:
                enqueue(connection, some)
            raised += [(each.control, each.key) for each in some]
        monkeypatch.setattr(delivery.store, "note_delivery", dying(note))
        monkeypatch.setattr(delivery, "send", dying(sent))
        with suppress(Died):
            deliver(chance.choice(stores), routes, at)
        at += chance.choice([1, 3, 10]) * MINUTE
    monkeypatch.setattr(delivery.store, "note_delivery", note)
    monkeypatch.setattr(delivery, "send", sent)
    for _ in range(40):
        deliver(stores[0], routes, at)
        at += 20 * MINUTE
    with reading(stores[0]) as connection:
        assert pending(connection) == [], "nothing is left"
    for receiver in receivers:
        got = heard(receiver)
        assert set(got) == set(raised), "at least once"
        for control in {name for name, _ in raised}:
            first = list(dict.fromkeys(key for name, key in got if name == control))
            assert first == [key for name, key in raised if name == control], "in the order they were raised"
    for store in stores:
        store.dispose()
