"""Secrets and people planted wherever there can be any, searched in every byte that is written. `make faults` runs it.

Good nights and every kind of failing one run through the command line and through Dagster's own command and daemon.
"""

from __future__ import annotations

import base64
import io
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from command import ROOT
from projects import declared, found_home, house

from gov_pipelines.access import READ_SCHEMA
from gov_pipelines.store import Home, write_frame

from .conftest import POLICY

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800, func_only=True)]

SECRETS = {name: f"Kx{number}Zq{name}7Vw" for number, name in enumerate((
    "source", "wrong", "people", "labels", "store", "dagster", "aws", "awskey", "hook", "token", "path", "smtp", "yamla",
    "yamlb", "yamlc", "yamld", "yamle", "unread",
))}  # fmt: skip
"""Letters and digits, so that no way of escaping changes them; passwords are longer, by letters that are escaped."""
PEOPLE = {name: f"Pw{number}Yq{name}8Jx" for number, name in enumerate((
    "id", "applicant", "quarantined", "undeclared", "reviewer", "principal", "purpose", "role", "product", "csv", "json",
    "text", "nameapart",
))}  # fmt: skip
"""What names people, or may: none of it belongs anywhere but in the data files of the home."""
DATA = {
    "decision_log.parquet", "quarantine.parquet", "decision_reasons.parquet", "decision_verdicts.parquet",
    "fingerprints.parquet", "salts.parquet", "changes.parquet", "cleared_decisions.parquet", "held_decisions.parquet",
    "access_log.parquet", "access_patterns.json",
}  # fmt: skip
DAYS = [date(2026, 9, 1) + timedelta(days=number) for number in range(3)]

DEFS = """\
  {source}
  columns: {{decision_id: id, decided_at: at, decision: d}}
  outcomes: {{favorable: ["yes"], unfavorable: ["no"]}}
  schedule: {{at: "02:00", on_arrival: true}}
  {more}
"""
MORE = """\
  fields: {{amount: {{type: number}}}}
  protected_attributes: {{sex: {{url_env: PEOPLE_URL, table: applicants, key: id}}}}
  label: {{url_env: LABELS_URL, table: repaid, key: id, column: repaid, at: known, positive: "true", matures_after: 1 days}}
  reviews: {{table: reviews, key: id}}
  access_log: {{table: reads}}
  intake: {{may_read: [amount], database_role: {role}, may_decide: {{products: [loan]}}}}
"""
READS = """\
  - id: A
    text: The system reads what is declared.
    level: intake
    control: {kind: data_access}
  - id: B
    text: Nobody new reads, and nobody more than usual.
    level: runtime
    control: {kind: access_pattern, watch: [principal, role, field, table, purpose, hour], usual: [reads, rows], reference: {weeks: 8}}
  - id: C
    text: No new products.
    level: runtime
    control: {kind: operating_range, new: [product], reference: {from: 2026-09-01, until: 2026-09-02}}
  - id: D
    text: Loans only.
    level: intake
    control: {kind: decision_scope}
"""
SIMPLE = "protected_attributes: {sex: {}}"
BROKEN = {  # of each the one line that is wrong
    "yaml_a": "source: {url_env: 'postgresql://u:%(yamla)s@db.example/x', table: decisions}",
    "yaml_b": "source: {url: 'postgresql://u:%(yamlb)s@db.example/x', table: decisions}",
    "yaml_c": "source: postgresql://u:%(yamlc)s@db.example/x: y",
    "yaml_d": "source: {path: 's3://%(yamld)s@bucket/x.csv', timeout: 'postgresql://u:%(yamld)s@db.example/x'}",
    "yaml_e": "source: {'postgresql://u:%(yamle)s@db.example/x': decisions}",
}


def password(name: str) -> str:
    return f"{SECRETS[name]}/é+&\"'<"


def of_database(url: str, user: str, name: str, **more: object) -> str:
    return sa.make_url(url).set(username=user, password=password(name), **more).render_as_string(hide_password=False)


class Place:
    """A project with its secrets in the environment, and all that anybody wrote or was told."""

    def __init__(self, root: Path) -> None:
        self.root, self.environ, self.outputs = root, {}, Counter()
        self.heard: dict[str, bytes] = {}
        self.processes: set[bytes] = set()
        self.tracebacks: list[str] = []
        for name in ("assets", "expectations", "tmp", "data"):
            (root / name).mkdir()
        (root / "expectations" / "house.yaml").write_text(POLICY)
        (root / "expectations" / "reads.yaml").write_text(house(READS, name="reads"))
        for name in ("workspace.yaml", "dagster.yaml"):
            (root / name).write_text((ROOT / name).read_text())

    def declare(self, system: str, source: str, more: str = SIMPLE, starts: date = DAYS[0]) -> None:
        (self.root / "assets" / system).mkdir()
        policies = "house" if more == SIMPLE else "house, reads"
        text = declared(DEFS.format(source=source, more=more.strip()), starts, system, policies)
        (self.root / "assets" / system / "defs.yaml").write_text(text)

    def run(self, *command: object, codes: tuple[int, ...] = (0, 1, 2, 3), seconds: int | None = None, limit: int = 0):
        said = " ".join(map(str, command[-5:]))
        environ = (
            os.environ | {"TMPDIR": str(self.root / "tmp"), "GOV_PIPELINES_PROJECT": str(self.root)} | self.environ
        )
        limits = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=self.root, env=environ, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=limits, start_new_session=True,  # noqa: PLW1509  (it only sets a limit)
        )  # fmt: skip
        try:
            told, _ = process.communicate(timeout=seconds or 900)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            told, _ = process.communicate(timeout=60)
        self.outputs[said] += 1
        self.heard[f"output of {said} ({self.outputs[said]})"] = told
        assert seconds or process.returncode in codes, f"{said}: exit {process.returncode}\n{told.decode()[-3000:]}"
        return told.decode()

    def gov(self, *arguments: object, **more):
        told = self.run("-c", "from gov_pipelines.cli import main; main()", *arguments, **more)
        self.tracebacks += [told] * ("Traceback" in told)
        return told

    def watch(self) -> None:
        """Note the command lines of every process, for as long as the test runs."""
        while True:
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = each.read_bytes()
                except OSError:
                    continue
                if not line.startswith(b"postgres: "):  # the server's own title of a connection names its database
                    self.processes.add(line)
            time.sleep(0.1)


@pytest.fixture
def bucket():
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    one = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    one.start()
    environ = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*one.get_host_and_port()), "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": SECRETS["awskey"], "AWS_SECRET_ACCESS_KEY": SECRETS["aws"],
    }  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=environ["AWS_ENDPOINT_URL"], aws_access_key_id=SECRETS["awskey"],
        aws_secret_access_key=SECRETS["aws"], region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket="decisions")
    rows = "".join(f"{PEOPLE['id']}-{n},2026-09-03T12:00:00Z,{'yes' if n % 2 else 'no'},f\n" for n in range(20))
    client.put_object(Bucket="decisions", Key="good.csv", Body=f"id,at,d,sex\n{rows}".encode())
    client.put_object(Bucket="decisions", Key="torn.parquet", Body=b"PAR1" + PEOPLE["csv"].encode() * 9)
    yield environ
    one.stop()


@pytest.fixture
def mails():
    from aiosmtpd.controller import Controller  # noqa: PLC0415

    class Handler:
        def __init__(self):
            self.taken = []

        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            self.taken.append(envelope.content)
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def place(tmp_path, server, receiver, bucket, mails):
    one = Place(tmp_path)
    admin = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for role in ("source", "people", "labels", "store", "dagster"):
            secret = password(role).replace("'", "''").replace("%", "%%")
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{secret}'")
        for role in ("store", "dagster"):
            connection.exec_driver_sql(f"CREATE DATABASE {role} OWNER {role}")
        connection.exec_driver_sql(f'CREATE ROLE "{PEOPLE["role"]}"')
    fill(server.url)
    rules = server.folder / "pg_hba.conf"
    rules.write_text(f"local all postgres trust\nlocal all all scram-sha-256\n{rules.read_text()}")
    with admin.connect() as connection:
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()
    url, port = server.url, receiver.port
    hook = "whsec_" + base64.b64encode(SECRETS["hook"].encode()).decode()
    one.environ = bucket | {
        "LOANS_URL": of_database(url, "source", "source"),
        "PEOPLE_URL": of_database(url, "people", "people"),
        "LABELS_URL": of_database(url, "labels", "labels"),
        "WRONG_URL": of_database(url, "source", "wrong"),
        "REFUSED_URL": f"postgresql://source:{SECRETS['wrong']}@127.0.0.1:1/x",
        "NO_DATABASE_URL": of_database(url, "source", "source", database=SECRETS["wrong"]),
        "NO_URL": f"://{SECRETS['wrong']}",
        "NO_DRIVER_URL": f"mysql://u:{SECRETS['wrong']}@h/x",
        "GOV_ALERT_URLS": f"json://u:{SECRETS['token']}@127.0.0.1:{port}/{SECRETS['path']} "
        f"webhook+http://127.0.0.1:{port}/{SECRETS['path']}#{hook}",
        "GOV_ALERT_URLS_AWAY": f"json://u:{SECRETS['token']}@127.0.0.1:1/{SECRETS['path']} "
        f"mailto://u:{SECRETS['smtp']}@127.0.0.1:{mails.port}"
        "?from=gov@example.org&to=you@example.org&mode=insecure "
        f"mailto://127.0.0.1:{mails.port}?from=gov@example.org&to=you@example.org&mode=insecure "
        f"nonsense://{SECRETS['unread']} webhook+https://{SECRETS['unread']}:x/#whsec_{SECRETS['unread']}",
    }  # fmt: skip
    (tmp_path / "alerts.yaml").write_text("routes: {away: {}}\nrules: [{notify: [default, away]}]\n")
    one.declare("loans", "source: {url_env: LOANS_URL, table: decisions}", MORE.format(role="source"), date(2026, 6, 1))
    for system, source in {
        "wrong_password": "{url_env: WRONG_URL, table: decisions}",
        "refused": "{url_env: REFUSED_URL, table: decisions}",
        "no_database": "{url_env: NO_DATABASE_URL, table: decisions}",
        "no_url": "{url_env: NO_URL, table: decisions}",
        "no_driver": "{url_env: NO_DRIVER_URL, table: decisions}",
        "no_table": "{url_env: LOANS_URL, table: nothing}",
        "no_column": "{url_env: LOANS_URL, table: reads}",
        "denied": "{url_env: LABELS_URL, table: decisions}",
        "quoting": "{url_env: LOANS_URL, table: quoting}",
        "bucket": "{path: 's3://decisions/good.csv'}",
        "torn": "{path: 's3://decisions/torn.parquet'}",
        "ragged": "{path: data/ragged.csv}",
        "lines": "{path: data/lines.jsonl}",
        "strange": "{path: data/strange.csv}",
    }.items():
        one.declare(system, f"source: {source}", starts=DAYS[2])
    for system, line in BROKEN.items():
        one.declare(system, line % SECRETS)
    (tmp_path / "data" / "ragged.csv").write_text(f"id,at,d,sex\n1,2026-09-03,yes,f\n2,{PEOPLE['csv']},a,b,c,d,e,f\n")
    (tmp_path / "data" / "strange.csv").write_bytes(
        b"id,at,d,sex\n1,2026-09-03,\xff\xfe" + PEOPLE["csv"].encode() + b",f\n"
    )
    (tmp_path / "data" / "lines.jsonl").write_text(
        f'{{"id": "1", "at": "2026-09-03", "d": "yes", "sex": {PEOPLE["json"]}\n'
    )
    threading.Thread(target=one.watch, daemon=True).start()
    return one


def fill(url: str) -> None:
    engine = sa.create_engine(url)
    statements = []
    for day in DAYS:
        for n in range(40):
            key, at = f"{PEOPLE['id']}-{day.day}-{n}", f"{day} 08:{n:02}"
            outcome = PEOPLE["undeclared"] if n == 5 and day == DAYS[2] else "yes" if n % 3 else "no"
            amount = PEOPLE["quarantined"] if n == 7 else str(n)
            product = PEOPLE["product"] if n == 3 and day == DAYS[2] else "loan"
            statements += [
                f"INSERT INTO decisions VALUES ('{key}', '{at}', '{outcome}', '{amount}', '{product}', '{PEOPLE['applicant']}')",
                f"INSERT INTO applicants VALUES ('{key}', '{'fm'[n % 2]}', '{PEOPLE['nameapart']}')",
                f"INSERT INTO repaid VALUES ('{key}', '{PEOPLE['text'] if n == 9 else 'true'}', '{day} 20:00')",
                f"INSERT INTO reviews VALUES ('{key}', '{PEOPLE['reviewer']}', 'senior', '{at}', '{PEOPLE['text']}')",
            ]
        statements.append(
            f"INSERT INTO reads VALUES ('{day} 09:00', 'svc', 'source', 'amount', 'decisions', 'deciding', 40)"
        )
    night = f"{DAYS[2]} 03:00"
    statements += [
        f"INSERT INTO reads VALUES ('{night}', '{who}', '{PEOPLE['role']}', 'sex', 'applicants', '{PEOPLE['purpose']}', 9000)"
        for who in (PEOPLE["principal"], "kim", "source")
    ]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE decisions (id text, at timestamp, d text, amount text, product text, applicant text);"
            "CREATE TABLE applicants (id text, sex text, name text); CREATE TABLE repaid (id text, repaid text, known timestamp);"
            "CREATE TABLE reviews (id text, reviewer text, reviewer_role text, reviewed_at timestamp, review_outcome text);"
            'CREATE TABLE reads (read_at timestamp, principal text, role text, field text, "table" text, purpose text, rows int);'
            "CREATE VIEW quoting AS SELECT id, at, d, (applicant::int)::text AS sex FROM decisions;"
            "GRANT SELECT ON decisions, reviews, reads, quoting TO source; GRANT SELECT ON applicants TO people;"
            f'GRANT SELECT ON repaid TO labels; GRANT SELECT ON applicants TO "{PEOPLE["role"]}"'
        )
        for each in statements:
            connection.exec_driver_sql(each)
    engine.dispose()


def make_home(place: Place, name: str) -> Path:
    """A home with eight weeks of reads, so that one can be unusual."""
    home = Home(place.root / name)
    found_home(home.root, "faults")
    for back in range(1, 60):
        day = DAYS[0] - timedelta(days=back)
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        rows = [(at, who, "source", "amount", "decisions", "deciding", 40) for who in ("svc", "kim")]
        write_frame(
            home.partition_dir("loans", day) / "access_log.parquet",
            pl.DataFrame(rows, schema=READ_SCHEMA, orient="row"),
        )
    place.environ["GOV_HOME"] = str(home.root)
    return home.root


ASKED = [
    ("doctor",), ("lint",), ("gaps",), ("report",), ("findings",), ("obligations",), ("alerts",), ("alerts", "test"),
    ("verify", "{home}/evidence"), ("grants", "loans"), ("access", "loans", "--date", DAYS[2]), ("gate", "loans"), ("diff", "expectations", "expectations"),
]  # fmt: skip


def ask_everything(place: Place, home: Path) -> None:
    for command in ASKED:
        words = [str(each).format(home=home) for each in command]
        place.gov(*words)
        place.gov(*words, "--json")
    place.gov("backup", place.root / f"backup of {home.name}")
    place.gov("backup", place.root / f"backup of {home.name}, told", "--json")


def run(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def on_postgresql(place: Place, server, receiver) -> None:
    """Nights whose store and Dagster are on PostgreSQL: good ones, every source that fails, receivers that refuse."""
    home, url = make_home(place, "home"), sa.make_url(server.url)
    dagster = of_database(server.url, "dagster", "dagster", database="dagster", drivername="postgresql+psycopg2")
    store = of_database(server.url, "store", "store", database="store")
    place.environ |= {"GOV_STORE_URL": store, "GOV_DAGSTER_URL": dagster, "DAGSTER_HOME": str(home / "dagster")}
    for day in DAYS:
        assert "NOT AUDITED" not in place.gov("audit", "loans", "--date", day, codes=(0, 1))
    place.gov("audit", "--all", "--date", DAYS[2], "--json")
    receiver.status = 401
    run(
        url, f"DELETE FROM decisions WHERE id LIKE '{PEOPLE['id']}-2-1%%'"
    )  # vanished: there is news, and nobody takes it
    place.gov("audit", "loans", "--date", DAYS[1])
    ask_everything(place, home)
    receiver.status = 200
    place.run(
        "-m", "dagster", "asset", "materialize", "-m", "gov_pipelines.definitions", "--select",
        "key:loans/decision_log or key:quoting/decision_log", "--partition", DAYS[2],
    )  # fmt: skip
    place.run("-m", "dagster._daemon", "run", "-w", "workspace.yaml", seconds=60)  # two rounds of its sensors
    run(url, "DELETE FROM decisions WHERE id LIKE '%%-3-2%%'")
    run(url.set(database="store"), "ALTER TABLE control_verdicts ADD CHECK (verdict = 'none') NOT VALID")
    place.gov("audit", "loans", "--date", DAYS[2])  # the store refuses what it is given
    for variable, right in {"GOV_STORE_URL": store, "GOV_DAGSTER_URL": dagster}.items():
        scheme = right.split(":")[0]
        elsewhere = f"{scheme}://u:{SECRETS['wrong']}@127.0.0.1:1/x"
        for wrong in (right.replace("Kx", SECRETS["wrong"]), elsewhere, f"x://{SECRETS['wrong']}"):
            place.environ[variable] = wrong
            for command in (("audit", "loans", "--date", DAYS[2]), ("doctor",), ("alerts",)):
                place.gov(*command)
        place.environ[variable] = right
    for name in ("store", "dagster"):
        place.heard[f"PostgreSQL, {name}"] = rows_of(sa.create_engine(url.set(database=name)))


def on_sqlite(place: Place) -> None:
    """Nights in a home of files: a disk without room, files of the home that were damaged."""
    home = make_home(place, "small")
    for variable in ("GOV_STORE_URL", "GOV_DAGSTER_URL"):
        del place.environ[variable]
    place.gov("audit", "loans", "--date", DAYS[0])
    place.gov("audit", "loans", "--date", DAYS[1], limit=200_000)
    place.gov("audit", "loans", "--date", DAYS[1])
    place.gov("audit", "loans", "--date", DAYS[2])
    (home / "artifacts" / "loans" / str(DAYS[1]) / "access_log.parquet").write_bytes(b"PAR1" + PEOPLE["text"].encode())
    (home / "artifacts" / "loans" / str(DAYS[2]) / "rows.json").write_text(f'{{"accepted": "{PEOPLE["text"]}"}}')
    place.gov("audit", "loans", "--date", DAYS[2])
    ask_everything(place, home)


def test_what_is_secret_or_personal_is_written_nowhere_it_may_not_be(place, server, receiver, mails, capsys):
    on_postgresql(place, server, receiver)
    on_sqlite(place)
    place.heard |= {f"delivery {n}": text.encode() for n, text in enumerate(receiver.texts)}
    place.heard |= {f"mail {n}": mail for n, mail in enumerate(mails.handler.taken)}
    place.heard |= {f"process {n}": line for n, line in enumerate(place.processes)}
    planted = {place.root / name for name in ("assets", "data", "expectations")}
    files = [each for each in place.root.rglob("*") if each.is_file() and not planted & set(each.parents)]
    written = {str(each.relative_to(place.root)): readable(each) for each in files} | place.heard
    kinds = Counter(name.split(" ")[0] if name in place.heard else "files" for name in written)
    with capsys.disabled():
        size, sought = sum(map(len, written.values())), f"{len(SECRETS)} secrets and {len(PEOPLE)} of people"
        print(f"\n  searched {size:,} bytes for {sought}: {dict(kinds)}")
    found = sorted({(name, what) for name, text in written.items() for what in leaked(name, text)})
    assert not found, "\n".join(f"{name}: {what}" for name, what in found)
    assert min(kinds[kind] for kind in ("files", "output", "delivery", "mail", "process", "PostgreSQL,")) > 0
    kept = {
        what
        for name, text in written.items()
        for what in PEOPLE
        if Path(name).name in DATA and PEOPLE[what].encode() in text
    }
    assert {"id", "quarantined", "principal", "reviewer"} <= kept, kept  # the search finds what is there
    assert not place.tracebacks, "\n\n".join(place.tracebacks)


def leaked(name: str, text: bytes):
    """What stands in a text that may not stand there."""
    sought = dict(SECRETS)
    if Path(name).name not in DATA:
        sought |= PEOPLE
    if Path(name).name == "tally.json":
        del sought["product"]  # counts of a declared category: docs/policies.md
    if name.startswith("output of") and "access loans" in name:
        del sought["principal"], sought["purpose"], sought["role"]  # who read is what `gov access` is asked
    if name.endswith(f"{DAYS[2]}/rows.json"):
        del sought["text"]  # damaged with it on purpose
    return [what for what, core in sought.items() if any(form in text for form in forms(core))]


def forms(core: str) -> list[bytes]:
    raw = core.encode()
    coded = [base64.b64encode(b"\0" * shift + raw)[4 * (shift > 0) : -4] for shift in range(3)]
    return [raw, raw.hex().encode(), *coded]


def readable(file: Path) -> bytes:
    """The bytes of a file, and what it holds where that is packed."""
    raw = file.read_bytes()
    if file.suffix == ".parquet" and raw[-4:] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(raw), glob=False)
        return raw + json.dumps(frame.rows(), default=str).encode() + " ".join(frame.columns).encode()
    if raw[:15] == b"SQLite format 3":
        return raw + rows_of(sa.create_engine(f"sqlite:///file:{file}?mode=ro&uri=true"))
    return raw


def rows_of(engine: sa.Engine) -> bytes:
    """Every value of every table, unpacked where Dagster packs it."""
    parts = []
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"'):
                parts += [table.encode(), *(unpacked(value) for value in row)]
    engine.dispose()
    return b"\n".join(parts)


def unpacked(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        try:
            return zlib.decompress(value)
        except zlib.error:
            return bytes(value)
    return str(value).encode()
