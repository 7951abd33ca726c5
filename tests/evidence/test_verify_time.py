"""What `verify` makes of time stamps on a ledger whose root of trust names an authority."""

from datetime import UTC, datetime, timedelta

import pytest
from ledgers import Book
from tsa import time_authority

from gov_pipelines.evidence.founding import default_origin
from gov_pipelines.evidence.roots import ROLES, new_root, sign_root
from gov_pipelines.evidence.time_rules import AUTHORITY_TRUSTED, NO_AUTHORITY
from gov_pipelines.evidence.tlog.notes import parse_note
from gov_pipelines.evidence.verify import verify

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return time_authority(tmp_path_factory.mktemp("tsa") / "clock")


@pytest.fixture
def evidence(tmp_path, signer, content, files, clock):
    """Makes evidence of one snapshot, made some time ago and stamped now, or not; gives what `verify` finds."""
    folder = tmp_path / "evidence"

    def make(ago, *, stamped=True, authorities=(clock.root,), **asked):
        now, root = datetime.now(UTC), folder / "ledger" / "root" / "1.root.json"
        named = new_root(
            version=1,
            since=now - 300 * HOUR,
            expires=now + 300 * HOUR,
            roles={role: ([signer.public], 1) for role in ROLES},
            origin=default_origin(signer.public),
            authorities=authorities,
        )
        root.parent.mkdir(parents=True)
        root.write_bytes(sign_root(named, signer))
        book = Book(folder, signer)
        made = content(timeCreated=(now - ago).replace(microsecond=0))
        book.sign(folder / "loans" / made["partition"]["key"].isoformat() / "r1", files, made)
        if stamped:
            token = clock.stamp(parse_note((book.ledger / "checkpoint").read_bytes()).text.encode())
            (book.ledger / "timestamps").mkdir()
            (book.ledger / "timestamps" / f"{book.standing['size']}.tsr").write_bytes(token)
        return verify(folder, trust=root, **asked)

    return make


def rules(found):
    return [check.rule for check in found.failures]


def test_a_stamped_snapshot(evidence):
    found = evidence(HOUR)
    assert found.trusted, found.to_text()
    assert {"time-token", "time-limit"} <= {check.rule for check in found.checked}
    assert AUTHORITY_TRUSTED in found.not_proven
    assert NO_AUTHORITY not in found.not_proven


@pytest.mark.parametrize("ago", [37 * HOUR, -HOUR, 365 * 24 * HOUR, -365 * 24 * HOUR])
def test_a_producers_clock_that_is_wrong(evidence, ago):
    assert rules(evidence(ago)) == ["time-limit"]


def test_a_snapshot_that_awaits_its_stamp(evidence):
    found = evidence(HOUR, stamped=False)
    assert found.trusted, found.to_text()
    assert any("wait for a time stamp" in sentence for sentence in found.not_proven)


def test_no_authority_is_said(evidence):
    found = evidence(HOUR, stamped=False, authorities=())
    assert found.trusted, found.to_text()
    assert NO_AUTHORITY in found.not_proven


def test_an_authority_that_nobody_named(evidence, tmp_path):
    other = time_authority(tmp_path / "other", name="Other")
    assert rules(evidence(HOUR, authorities=(other.root,))) == ["time-token"]


def test_the_auditors_own_authority(evidence, clock, tmp_path):
    given = tmp_path / "authority.pem"
    given.write_bytes(time_authority(tmp_path / "other", name="Other").root)
    assert rules(evidence(HOUR, authority=given)) == ["time-token"]
    given.write_bytes(clock.root)
    assert verify(tmp_path / "evidence", authority=given).ok
