from __future__ import annotations

from gov_pipelines.notify import routes_from
from gov_pipelines.notify.routes import receivers_of


def test_routes_are_read_from_the_environment():
    environ = {
        "GOV_ALERT_URLS": "json://a\n  json://b",
        "GOV_ALERT_URLS_CREDIT_RISK_ONCALL": "json://c",
        "GOV_ALERT_URLS_EMPTY": " ",
        "OTHER": "json://d",
    }
    assert routes_from(environ) == {"default": ["json://a", "json://b"], "credit_risk_oncall": ["json://c"]}


def test_a_policys_spelling_finds_the_variables():
    receivers, nowhere = receivers_of(
        ["credit-risk-oncall"], {"credit_risk_oncall": ["json://c"], "default": ["json://a"]}
    )
    assert [(receiver.name, receiver.url) for receiver in receivers.values()] == [
        ("route credit-risk-oncall, receiver 1 of 1", "json://c")
    ]
    assert nowhere == []


def test_a_route_without_receiver_falls_to_the_default_and_says_so_in_its_name():
    receivers, nowhere = receivers_of(["oncall"], {"default": ["json://a", "json://b"]})
    assert [receiver.name for receiver in receivers.values()] == [
        "route default, receiver 1 of 2",
        "route default, receiver 2 of 2",
    ]
    assert nowhere == []


def test_an_address_on_two_routes_receives_once():
    receivers, _ = receivers_of(["one", "two", "three"], {"one": ["json://a"], "two": ["json://a", "json://b"]})
    assert [receiver.url for receiver in receivers.values()] == ["json://a", "json://b"]


def test_where_nothing_leads_anywhere_words_say_what_to_set():
    assert receivers_of(["on-call"], {}) == (
        {},
        ["route on-call has no receiver; set GOV_ALERT_URLS_ON_CALL or GOV_ALERT_URLS to an address"],
    )
    assert receivers_of([], {"default": []})[1] == ["route default has no receiver; set GOV_ALERT_URLS to an address"]


def test_a_receiver_does_not_show_its_address():
    (receiver,) = receivers_of([], {"default": ["json://host/s3cr3t"]})[0].values()
    assert "s3cr3t" not in repr(receiver)
    assert len(receiver.fingerprint) == 8
