"""Time stamps on the ledger's checkpoints, from an authority on this host that does well, badly, or not at all."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from tsa import served, time_authority

from gov_pipelines.evidence import generate
from gov_pipelines.evidence.timestamps import verify_token
from gov_pipelines.evidence.tlog.checkpoint import Checkpoint
from gov_pipelines.evidence.tlog.notes import sign_note
from gov_pipelines.pipeline.stamping import NotStamped, Stamped, stamp

ORIGIN = "ledger.example/house"


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    return time_authority(tmp_path_factory.mktemp("tsa") / "clock")


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("key") / "keys", name="house key", created=datetime.now(UTC))


@pytest.fixture
def write(tmp_path, signer):
    """Writes the checkpoint of a ledger of some size."""

    def write(size):
        text = Checkpoint(ORIGIN, size, bytes(32)).to_text()
        (tmp_path / "checkpoint").write_bytes(sign_note(text, ORIGIN, signer).to_bytes())
        return text.encode()

    return write


def kept(folder):
    return sorted(path.name for path in folder.glob("timestamps/*") if path.is_file())


def test_a_checkpoint_is_stamped_once(clock, write, tmp_path):
    asked = []

    def answer(query):
        asked.append(query)
        return 200, clock.reply(query)

    with served(answer) as url:
        first = write(3)
        stamped = stamp(tmp_path, url, [clock.root])
        assert stamped.size == 3
        assert abs(datetime.now(UTC) - stamped.at) < timedelta(seconds=60)
        assert stamp(tmp_path, url, [clock.root]) == stamped
        assert len(asked) == 1
        write(5)
        assert stamp(tmp_path, url, []) == Stamped(5, None)  # no authority is named that could be asked about it
    assert kept(tmp_path) == ["3.tsr", "5.tsr"]
    assert verify_token((tmp_path / "timestamps" / "3.tsr").read_bytes(), first, [clock.root]) == stamped.at


def test_an_authority_that_fails_is_told_and_asked_again(clock, write, tmp_path):
    other = time_authority(tmp_path / "other", name="Other")
    token = clock.stamp(b"another message")
    login = "?token=hunter2"

    def slowly(query):
        time.sleep(1)
        return 200, clock.reply(query)

    answers = {
        "HTTP status 500": lambda _: (500, b"out of order"),
        "HTTP status 302": lambda _: (302, b""),
        "did not answer within 0.3 s": slowly,
        "no time stamp": lambda _: (200, b"<html>busy</html>"),
        "another request": lambda _: (200, token),
        "at most 65536": lambda _: (200, bytes(64 * 1024 + 1)),
        "no trusted time authority": lambda query: (200, other.reply(query)),
        "refused, with status 2": lambda _: (200, clock.reply(b"no request")),
    }
    write(3)
    for words, answer in answers.items():
        with served(answer) as url:
            told = stamp(tmp_path, url + login, [clock.root], timeout=0.3)
        assert isinstance(told, NotStamped)
        assert words in told.reason
        assert "hunter2" not in told.reason
        assert kept(tmp_path) == []
    gone = stamp(tmp_path, url + login, [clock.root], timeout=0.3)
    assert "was not reached" in gone.reason
    write(4)
    with served(lambda query: (200, clock.reply(query))) as url:
        assert stamp(tmp_path, url, [clock.root]).size == 4
    assert kept(tmp_path) == ["4.tsr"]


def test_an_authority_that_dribbles_is_not_waited_for(clock, write, tmp_path):
    def dribble(_):
        for _ in range(40):
            yield b"0"
            time.sleep(0.05)

    write(3)
    with served(lambda query: (200, dribble(query))) as url:
        began = time.monotonic()
        told = stamp(tmp_path, url, [clock.root], timeout=0.2)
    assert "did not answer within 0.2 s" in told.reason
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("url", ["ftp://tsa.example/", "file:///etc/passwd", "tsa.example", "http://[", ""])
def test_an_address_is_http(url, write, tmp_path):
    write(3)
    assert isinstance(stamp(tmp_path, url, []), NotStamped)


def test_what_lies_on_disk_is_read_with_care(clock, write, tmp_path):
    assert "No such file" in stamp(tmp_path, "http://localhost:9/", [clock.root]).reason
    write(3)
    (tmp_path / "timestamps").mkdir()
    (tmp_path / "timestamps" / "3.tsr").write_bytes(clock.stamp(b"another message"))
    assert "Mismatch" in stamp(tmp_path, "http://localhost:9/", [clock.root]).reason
    (tmp_path / "checkpoint").write_bytes(b"3\n")
    assert isinstance(stamp(tmp_path, "http://localhost:9/", [clock.root]), NotStamped)
