"""A bank with one live system and people who hold keys: nights without Dagster, acts of any kind, and what is cleared."""

import shutil
from copy import copy
from datetime import UTC, date, datetime, timedelta

import polars as pl
from projects import declared, found_home, house, night_of, signed, write_project

from gov_pipelines.evidence import generate
from gov_pipelines.people import Act, approval_subject, authority_of, enrol, record_act, sign_act
from gov_pipelines.pipeline.clearing import CLEARED, HELD, clear, open_day

DEFS = declared(
    """\
  state: live
  approver: head
  source: {path: loans.csv}
  columns: {decision_id: id, decided_at: at, decision: d, notice_sent_at: told, requester: asked}
  outcomes: {favorable: ["yes"], unfavorable: ["no"]}
  protected_attributes: {sex: {}}
"""
)
POLICY = house(
    """\
  - id: R
    text: A senior looks at denials of large amounts before the applicant hears.
    level: intake
    control: {kind: human_review, when: "decision = 'no' AND amount > 500", role: senior, before: notice_sent_at}
  - id: S
    text: The system decides up to 5,000.
    level: intake
    control: {kind: decision_scope, may_decide: {amount: {up_to: 5000}}, approver: head}
  - id: Q
    text: Few rows are unusable.
    level: runtime
    control: {kind: log_quality, metric: quarantined_share, at_most: 0.1, on_fail: hold_all, approver: head}
  - id: O
    text: Amounts are what they were made for.
    level: runtime
    control: {kind: operating_range, ranges: {amount: [1, 100000]}, on_fail: suspend}
"""
)
FIRST = date(2026, 9, 1)
START = datetime(2026, 8, 1, tzinfo=UTC)
ROWS = {
    "A": "A,2026-09-01T09:00:00,yes,f,100,kim,2026-09-01T12:00:00",
    "B": "B,2026-09-01T09:01:00,no,m,600,kim,",
    "C": "C,2026-09-01T09:02:00,no,f,700,sue,",
    "D": "D,2026-09-01T09:03:00,yes,m,9000,kim,",
    "E": "E,2026-09-01T09:04:00,no,f,800,kim,2026-09-05T12:00:00",
    "F": "F,2026-09-01T09:05:00,no,m,50,kim,",
    "G": "G,2026-09-01T09:06:00,no,m,650,,",
}  # B may be reviewed; C was asked for by sue, G by nobody knows whom; D is out of scope; E was told on the 5th
FREE = {"A", "F"}
ROLES = {"own": "team:credit", "head": "head", "sue": "senior", "sid": "senior", "rob": "clerk", "cora": "credit"}


class Bank:
    """A home with a live system, its people and their keys."""

    def __init__(self, root):
        self.root, self.rows, self.keys = root, dict(ROWS), {}
        self.header = "id,at,d,sex,amount,asked,told"
        write_project(root, DEFS, POLICY, key=False)
        self.home = found_home(root / ".gov", "bank", START)
        for person, role in ROLES.items():
            self.keys[person] = generate(root / "people" / person, name=person, created=START)
            self.enrol(person, role)

    def copy(self, root):
        """The same bank in another folder, which a test may change; nobody may be using this one meanwhile."""
        self.night().store.dispose()  # the files of SQLite are whole
        other = copy(self)
        other.root = shutil.copytree(self.root, root, dirs_exist_ok=True)
        other.rows, other.keys = dict(self.rows), dict(self.keys)
        return other

    def declare(self, text):
        (self.root / "assets" / "loans" / "defs.yaml").write_text(text)

    def policy(self, text):
        (self.root / "expectations" / "house.yaml").write_text(text)

    def night(self, day=FIRST):
        (self.root / "loans.csv").write_text("\n".join([self.header, *self.rows.values()]) + "\n")
        as_of = datetime(day.year, day.month, day.day, 2, tzinfo=UTC) + timedelta(days=30)
        return night_of(self.root, day, as_of=as_of)

    def audit(self, day=FIRST):
        signed(self.night(day))
        return self

    def clear(self, day=FIRST):
        """Ids that are cleared; every other one must be held."""
        one = self.night(day)
        self.answer = clear(one).answer
        self.cleared, self.held = (pl.read_parquet(one.folder / name) for name in (CLEARED, HELD))
        found, waiting = set(self.cleared["decision_id"]), set(self.held["decision_id"])
        assert not found & waiting
        assert found | waiting == set(open_day(one).log["decision_id"])
        return found

    def why(self, decision, control="house/R"):
        (row,) = self.held.filter(decision_id=decision, control=control).to_dicts()
        return row["reason"]

    def enrol(self, person, *roles, signer=None, at=START):
        with self.night().store.begin() as connection:
            authority = authority_of(self.night().home)
            enrol(connection, authority, self.home, person, roles, (signer or self.keys[person]).public, at)

    def act(self, kind, person, subject, *, role=None, at=None, recorded=None, signer=None, system="loans"):
        now = recorded or datetime.now(UTC)
        act = Act(kind, person, role or ROLES[person], at or now, system, subject)
        envelope = sign_act(act, signer or self.keys[person])
        with self.night().store.begin() as connection:
            return record_act(connection, envelope, now)

    def case(self, decision, control="house/R", day=FIRST):
        one = open_day(self.night(day))
        bound = next(each for each in one.bound if each.key == control)
        (case,) = one.cases(bound, [decision])
        return case

    def review(self, person, decision, *, control="house/R", changed=None, **more):
        case = self.case(decision, control)
        said = {
            "partition": "2026-09-01", "revision": case.snapshot.revision, "snapshot": case.snapshot.payload_sha256,
            "control": control, "decision_id": decision, "facts": case.facts, "outcome": "approve", "decision": None,
            "reason_code": None, "reason": None, "opened_at": None,
        }  # fmt: skip
        return self.act("review", person, said | (changed or {}), **more)

    def approve(self, *people):
        declaration = self.night().declaration
        for person in people or ("own", "head"):
            self.act("approve", person, approval_subject(declaration, authority_of(self.night().home)))
        return self
