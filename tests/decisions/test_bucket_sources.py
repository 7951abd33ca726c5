"""Files in a bucket of S3, JSON lines, and files of which most need not be read."""

import http.server
import io
import json
import threading
import time
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from gov_pipelines.decisions import read_partition
from gov_pipelines.errors import SourceUnreachable, WrongUse

DAY = date(2026, 9, 8)
ROWS = [
    {"id": n, "decided_on": f"2026-09-{7 + n % 3:02}T12:00:00Z", "action": ["approved", "denied"][n % 2], "sex": "f"}
    for n in range(30)
]
KEYS = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "hunter2-secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def bucket():
    """A bucket with the same decisions as Parquet, CSV and JSON lines, and what the environment says of it."""
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="access",
        aws_secret_access_key="hunter2-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="decisions")
    for part in range(2):
        frame = pl.DataFrame(ROWS[part::2])
        for suffix, content in (
            ("parquet", frame.with_columns(pl.col("decided_on").str.to_datetime(time_zone="UTC")).write_parquet),
            ("csv", frame.write_csv),
            ("jsonl", frame.write_ndjson),
        ):
            buffer = io.BytesIO()
            content(buffer)
            client.put_object(Bucket="decisions", Key=f"2026/{part}.{suffix}", Body=buffer.getvalue())
    yield KEYS | {"AWS_ENDPOINT_URL": url}
    server.stop()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_bucket_is_read_like_a_folder(declare, bucket, tmp_path, suffix):
    declaration = declare(source={"path": f"s3://decisions/2026/*.{suffix}"})
    extract = read_partition(declaration, DAY, project=tmp_path, environ=bucket)
    assert extract.rows.to_dict() == {
        "source_count": 10, "accepted": 10, "quarantined": 0, "duplicate": 0, "undated": 0,
    }  # fmt: skip
    assert sorted(map(int, extract.log["decision_id"])) == [n for n in range(30) if n % 3 == 1]


@pytest.mark.parametrize(
    ("path", "environ", "kind", "words"),
    [
        ("s3://decisions/2027/*.csv", {}, SourceUnreachable, "No file matches"),
        ("s3://decisions/2027/1.parquet", {}, SourceUnreachable, "No file matches"),
        ("s3://nobody-made-this/2026/*.csv", {}, WrongUse, "There is no such bucket"),
        (
            "s3://decisions/2026/*.csv",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            SourceUnreachable,
            "AWS_\\* variables",
        ),
        ("s3://decisions/2026/*.xlsx", {}, WrongUse, "neither CSV, Parquet nor JSON lines"),
    ],
)
def test_what_a_bucket_refuses_is_told_in_words(declare, bucket, tmp_path, path, environ, kind, words):
    with pytest.raises(kind, match=words) as told:
        read_partition(declare(source={"path": path}), DAY, project=tmp_path, environ=bucket | environ)
    for secret in ("hunter2", "127.0.0.1", "access "):
        assert secret not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "delay", "words"), [(500, 0, "OSError"), (403, 0, "refuses the credentials"), (200, 2, "TimeoutError")]
)
def test_a_store_that_fails_or_is_slow_is_asked_a_few_times(declare, tmp_path, code, delay, words):
    asked = []

    class Store(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            time.sleep(delay)
            self.send_response(code)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environ = KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    source = {"path": "s3://decisions/a.parquet", "timeout": 1}
    with pytest.raises(SourceUnreachable, match=words) as told:
        read_partition(declare(source=source), DAY, project=tmp_path, environ=environ)
    server.shutdown()
    server.server_close()
    assert "hunter2" not in str(told.value)
    assert 1 <= len(asked) <= 10
    assert told.value.exit_code == 3


def test_json_lines_are_text_until_the_schema_casts_them(declare, tmp_path):
    lines = [
        {"id": 1, "decided_on": "2026-09-08T12:00:00Z", "action": "approved", "sex": "f", "amount": 10.5, "reason_codes": ["R1"]},
        {"id": "two", "decided_on": "2026-09-08T12:00:00Z", "action": "denied", "sex": None, "flag": True},
        {"id": 3, "action": "denied"},
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    extract = read_partition(declare(source={"path": "a.jsonl"}), DAY, project=tmp_path, environ={})
    assert extract.log.select("decision_id", "amount", "sex").rows() == [("1", 10.5, "f"), ("two", None, None)]
    assert extract.rows.undated == 1
    columns = {"decision_id": "id", "decided_at": "decided_on", "decision": "acton"}
    with pytest.raises(WrongUse, match=r"`acton`: Did you mean `action`\?"):
        read_partition(declare(source={"path": "a.jsonl"}, columns=columns), DAY, project=tmp_path, environ={})
    for broken in ('{"id": 1', "[1, 2]", "5"):
        (tmp_path / "b.jsonl").write_text(broken + "\n")
        with pytest.raises(WrongUse, match=r"b\.jsonl"):
            read_partition(declare(source={"path": "b.jsonl"}), DAY, project=tmp_path, environ={})


def test_a_field_that_only_a_late_line_has_is_there(declare, tmp_path):
    row = {"id": 1, "decided_on": "2026-09-08T12:00:00Z", "action": "approved"}
    lines = [json.dumps(row | {"id": n}) for n in range(1_500)] + [json.dumps(row | {"id": 1_500, "sex": "f"})]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    extract = read_partition(declare(source={"path": "a.jsonl"}), DAY, project=tmp_path, environ={})
    assert (extract.rows.accepted, extract.log["sex"].drop_nulls().to_list()) == (1_501, ["f"])


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_rows_outside_the_window_are_never_read(declare, tmp_path, zone):
    at = [datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 20)]
    frame = pl.DataFrame(
        {"id": [f"{n:04}" * 50 for n in range(len(at))], "decided_on": at, "action": "denied", "sex": "f"}
    )
    frame = frame.with_columns(pl.col("decided_on").dt.replace_time_zone(zone))
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=24, compression="uncompressed")
    declaration = declare(source={"path": "a.parquet", "zone": "UTC"}, zone="UTC")
    before = read_partition(declaration, DAY, project=tmp_path, environ={})
    content = (tmp_path / "a.parquet").read_bytes()
    assert content.count(b"0000" * 50) == 1
    (tmp_path / "a.parquet").write_bytes(
        content.replace(b"\xc8\x00\x00\x00" + b"0001" * 50, b"\xff\xff\xff\xff" + b"0001" * 50)
    )
    assert (tmp_path / "a.parquet").read_bytes() != content  # the first day cannot be read any more
    after = read_partition(declaration, DAY, project=tmp_path, environ={})
    assert before.rows == after.rows
    assert after.rows.accepted == 24
    with pytest.raises(WrongUse, match=r"a\.parquet"):
        read_partition(declaration, date(2026, 9, 1), project=tmp_path, environ={})
