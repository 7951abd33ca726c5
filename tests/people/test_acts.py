"""One act, one envelope, one spelling; kept as it came."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence import canonical, dsse, generate
from gov_pipelines.people import Act, parse_act, record_act, sign_act
from gov_pipelines.store import act_rows, open_store, reading

NOW = datetime(2026, 11, 5, 7, 30, tzinfo=UTC)
ACT = Act("attest", "ann", "clerk", NOW, None, {"obligation": "house/P-1", "done": True})


@pytest.fixture
def signer(tmp_path):
    return generate(tmp_path / "ann", name="ann", created=NOW)


@pytest.fixture
def store(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path}/store.db")
    yield engine
    engine.dispose()


def test_an_act_comes_back_as_it_was_signed(signer):
    envelope, act = parse_act(sign_act(ACT, signer))
    assert act == ACT
    assert dsse.signed_by(envelope, [signer.public])


def payload(**changed):
    said = {"kind": "attest", "person": "ann", "role": "clerk", "at": "2026-11-05T07:30:00Z", "system": None}
    return said | {"subject": {}} | changed


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (payload(kind="bribe"), None),
        (payload(at="yesterday"), None),
        (payload(at="2026-11-05T08:30:00+01:00"), None),
        (payload(at="2026-11-05T07:30:00"), None),
        (payload(more=1), None),
        (payload(system=7), None),
        (payload(), dsse.PAYLOAD_TYPE),
    ],
)
def test_what_is_no_act_is_refused(signer, said, kind):
    envelope = dsse.sign(canonical.dumps(said), signer, kind or "application/vnd.gov-pipelines.act+json")
    with pytest.raises(EvidenceError):
        parse_act(envelope)


def test_the_store_keeps_an_envelope_once_and_the_time_it_first_came(signer, store):
    envelope = sign_act(ACT, signer)
    for later in (0, 5):
        with store.begin() as connection:
            record_act(connection, envelope, NOW + timedelta(hours=later))
    with reading(store) as connection:
        (row,) = act_rows(connection, "attest")
    assert (row.recorded_at, row.envelope) == (NOW, envelope.decode())


def test_an_act_from_the_future_is_not_kept(signer, store):
    with store.begin() as connection, pytest.raises(EvidenceError, match="yet to come"):
        record_act(connection, sign_act(replace(ACT, at=NOW + timedelta(hours=1)), signer), NOW)
