"""Random policies, effective dates and decisions: the version applied and the verdict are those of a naive reference."""

import importlib.util
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions import judge_decisions, judged_controls
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force, log_schema

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

# Days on which clocks change in one of the zones; in some at midnight, on Lord Howe by half an hour.
ZONES = (
    "America/New_York", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Beirut", "America/Asuncion",
    "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Kolkata",
)  # fmt: skip
CHANGES = tuple(map(date.fromisoformat, (
    "2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05", "2026-04-24", "2026-10-30", "2024-10-06", "2024-03-24",
)))  # fmt: skip
NUMBERS, TEXTS = (0.0, 5.0, 9.5, 10.0, 20.0), {
    "decision": ("approved", "denied"),
    "product": ("home", "car"),
    "model_version": ("v1", "v2"),
    "reason_codes": ("R1", "R12", "X"),
}  # fmt: skip
PEOPLE, ROLES = ("ann", "bob"), ("senior", "junior")
BESIDE = (timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1), timedelta(hours=9))
LATER = ("notice_sent_at", "notice_sent_at", "reviewed_at", "decided_at")


class Chance:
    """Draws all that a case is made of. Seeds are Hypothesis's; within a case draws are even, so that most decide something."""

    def __init__(self, seed, day, zone):
        self.random, self.day, self.zone = Random(seed), day, zone

    def pick(self, values):
        return self.random.choice(values)

    def mostly(self, value, share=0.9):
        return value if self.random.random() < share else None

    def some(self, least, most, make):
        return [make() for _ in range(self.random.randint(least, most))]

    def date(self, first=-3, last=3):
        return self.day + timedelta(days=self.random.randint(first, last))

    def moment(self, days):
        """A local midnight some days from the day, or what lies just beside it."""
        midnight = datetime.combine(self.day + timedelta(days=self.pick(days)), time(), ZoneInfo(self.zone))
        return midnight.astimezone(UTC) + self.pick(BESIDE)

    def leaf(self):
        number, order = self.pick(("amount", "score")), self.pick(tuple(reference.ORDER))
        column = self.pick(tuple(TEXTS))
        texts, (low, high) = TEXTS[column], sorted(self.random.choices(NUMBERS, k=2))
        return self.pick(
            (
                ("compare", number, order, low),
                ("compare", column, self.pick(("=", "<>")), self.pick(texts)),
                ("in", column, self.random.choices(texts, k=2)),
                ("between", number, low, high),
                ("like", "reason_codes", self.pick(("R1%", "%2", "R_", "%"))),
                ("null", self.pick((number, column)), self.pick((True, False))),
                ("ratio", "amount", "score", order, 1),
                ("compare", "completed_at", order, self.date(-1, 1)),
            )
        )

    def rule(self, depth=2):
        grown = self.pick(("leaf", "leaf", "not", "and", "or")) if depth else "leaf"
        if grown == "leaf":
            return self.leaf()
        return (grown, *(self.rule(depth - 1) for _ in range(1 if grown == "not" else 2)))

    def model(self):
        start = self.date(-3, 1)
        return (
            self.pick(TEXTS["model_version"]),
            start,
            self.mostly(start + timedelta(days=self.random.randint(1, 4)), 0.5),
        )

    def models(self):
        return self.some(0, 3, self.model)

    def scope(self):
        return self.mostly([self.pick(TEXTS["product"])]), self.mostly(self.pick(NUMBERS))

    def control(self):
        """One control of any kind, as the reference reads it."""
        within = self.pick(
            (
                (self.random.randint(0, 9), self.pick(("days", "working days"))),
                (self.pick((0, 9, 24, 33, 48)), "hours"),
                (self.pick((0, 1)), self.pick(("months", "years"))),
            )
        )
        own = self.pick(
            (
                {"kind": "decision_rule", "must": self.rule()},
                {
                    "kind": "deadline",
                    "from": self.pick(("completed_at", "decided_at", "reviewed_at")),
                    "to": self.pick(LATER),
                    "within": within,
                },
                {"kind": "human_review", "role": self.pick(ROLES), "before": self.mostly(self.pick(LATER))},
                {"kind": "decision_scope", "may_decide": self.mostly(self.scope(), 0.5)},
                {"kind": "approved_model", "models": self.models()},
            )
        )
        when = {} if own["kind"] in {"decision_scope", "approved_model"} else {"when": self.mostly(self.rule(), 0.3)}
        return own | when | {"applies": self.mostly(self.rule(), 0.3)}

    def decision(self):
        row = {name: self.mostly(self.pick(values)) for name, values in TEXTS.items()}
        row |= {name: self.mostly(self.pick(NUMBERS)) for name in ("amount", "score")}
        row |= {name: self.mostly(self.pick(PEOPLE)) for name in ("reviewer", "requester")}
        row |= {
            "reviewer_role": self.mostly(self.pick(ROLES)),
            "decided_at": self.moment((0, 1)),
            "completed_at": self.mostly(self.moment((-30, -9, -5, -3, -1, 0))),
            "reviewed_at": self.mostly(self.moment((0, 1, 2))),
            "notice_sent_at": self.mostly(self.moment((0, 1, 2, 5, 9))),
        }
        one, other = self.pick((("notice_sent_at", "reviewed_at"), ("completed_at", "decided_at"), ("amount", "score")))
        return row | {one: self.pick((row[one], row[other]))}

    def case(self):
        """The system, the versions of its policy, its decisions, and the instant of the audit."""
        versions = [
            {
                "version": number,
                "from": start,
                "until": self.mostly(start + timedelta(days=self.random.randint(1, 6)), 0.6),
                "holidays": self.some(0, 3, self.date),
                "controls": self.some(1, 4, self.control),
            }
            for number, start in enumerate(self.some(1, 4, lambda: self.date(-4, 1)), 1)
        ]
        system = {
            "zone": self.zone,
            "needs_review": self.mostly(self.rule(), 0.5),
            "may_decide": self.mostly(self.scope()),
            "models": self.models(),
            "requester_declared": self.pick((True, False)),
        }
        rows = self.some(1, 6, self.decision)
        if self.pick((True, False, False)):
            rows = [row | {"requester": None} for row in rows]
        return system, versions, rows, self.moment((0, 1, 2, 3, 6, 12))


def plain(control):
    """A control as a person would write it."""
    written = {name: value for name, value in control.items() if name != "applies" and value is not None}
    for name in {"must", "when"} & written.keys():
        written[name] = reference.as_sql(written[name])
    if "within" in written:
        written["within"] = "{} {}".format(*written["within"])
    if "may_decide" in written:
        written["may_decide"] = scope(written["may_decide"])
    if "models" in written:
        written["models"] = list(map(model, written["models"]))
    return written


def scope(may_decide):
    products, up_to = may_decide
    return {"products": products, "amount": None if up_to is None else {"up_to": up_to}}


def model(approved):
    return dict(zip(("version", "approved_from", "approved_until"), approved, strict=True))


def policy(version):
    clauses = []
    for number, control in enumerate(version["controls"]):
        applies = {"applies": {"when": reference.as_sql(control["applies"])}} if control["applies"] else {}
        clauses.append({"id": f"C{number}", "text": "x", "level": "output", "control": plain(control), **applies})
    return Policy.model_validate(
        {
            "policy": "house",
            "version": version["version"],
            "in_force": {"from": version["from"], "until": version["until"]},
            "owner": "x",
            "document": {"title": "x"},
            "holidays": version["holidays"],
            "clauses": clauses,
        }
    )


def declared(system):
    intake = {"models": list(map(model, system["models"]))}
    if system["needs_review"]:
        intake["needs_review"] = reference.as_sql(system["needs_review"])
    if system["may_decide"]:
        intake["may_decide"] = scope(system["may_decide"])
    return SystemDeclaration.model_validate_json(
        json.dumps(
            {
                "system": "loans", "owner": "team:x", "purpose": "x", "risk": "high", "zone": system["zone"],
                "starts": "2024-01-01", "source": {"path": "x.csv"},
                "columns": {"requester": "asked_by"} if system["requester_declared"] else {},
                "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
                "protected_attributes": {"sex": {}}, "intake": intake, "policies": ["house"],
            },
            default=str,
        )
    )  # fmt: skip


def expected(system, versions, rows, as_of):
    """Of each decision and control: version and verdict."""
    days = {ident: reference.local(row["decided_at"], system["zone"]) for ident, row in rows.items()}
    found = {}
    for ident, row in rows.items():
        version = reference.version_on(versions, days[ident])
        asked = system["requester_declared"] or any(
            other["requester"] for name, other in rows.items() if days[name] == days[ident]
        )
        for number, control in enumerate(version["controls"] if version else ()):
            said = reference.verdict(control, row, system, version["holidays"], as_of, asked)
            if said:
                found[ident, f"house/C{number}"] = (version["version"], said)
    return found


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(CHANGES) | st.dates(date(2024, 2, 20), date(2026, 12, 31)),
    st.sampled_from(ZONES),
)
@example(2285, date(2026, 3, 8), "America/Havana")  # a rule asks for the very instant of a midnight that clocks skip
def test_version_and_verdict_are_those_of_the_reference(seed, day, zone):
    system, versions, decided, as_of = Chance(seed, day, zone).case()
    rows = {f"D{number}": row for number, row in enumerate(decided)}
    declaration, policies = declared(system), list(map(policy, versions))
    schema = log_schema(declaration)
    log = pl.DataFrame([{"decision_id": ident, **row} for ident, row in rows.items()], schema=schema)
    found, judged_ids = {}, []
    for partition in {reference.local(row["decided_at"], system["zone"]) for row in decided}:
        start, end = declaration.calendar.span(partition)
        mine = log.filter(pl.col("decided_at").is_between(start, end, closed="left"))
        bound = controls_in_force(policies, declaration, partition)
        judged = judge_decisions(mine, bound, declaration, partition=partition, as_of=as_of, explain_within=True)
        judged_ids += judged.verdicts["decision_id"].to_list()
        said = {(ident, key): (version, verdict) for ident, key, version, verdict, _ in judged.reasons.iter_rows()}
        found |= said
        wide = {
            (row["decision_id"], key): row[key]
            for row in judged.verdicts.iter_rows(named=True)
            for key in judged_controls(judged.verdicts)
            if row[key] is not None
        }
        assert wide == {place: verdict for place, (_, verdict) in said.items()}
    assert sorted(judged_ids) == sorted(rows)  # each once, also about midnight
    assert found == expected(system, versions, rows, as_of)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dates(date(2026, 1, 1), date(2026, 12, 31)), min_size=1, max_size=8),
    st.integers(0, 40),
    st.lists(st.dates(date(2026, 1, 1), date(2027, 3, 1)), max_size=12),
)
def test_working_days_are_those_of_numpy(declare, log_of, starts, count, holidays):
    last = np.busday_offset(starts, count, roll="backward", holidays=holidays).astype(object)
    declaration = declare(zone="UTC")
    control = {"kind": "deadline", "from": "completed_at", "to": "notice_sent_at", "within": (count, "working days")}
    version = {"version": 1, "from": date(2026, 1, 1), "until": None, "holidays": holidays}
    bound = controls_in_force(
        [policy(version | {"controls": [control | {"applies": None}]})], declaration, date(2026, 9, 8)
    )

    def noon(day):
        return datetime.combine(day, time(12), UTC)

    told = [noon(day + timedelta(days=late)) for late in (0, 1) for day in last]
    log = log_of(declaration, completed_at=[noon(day) for day in starts] * 2, notice_sent_at=told)
    judged = judge_decisions(
        log, bound, declaration, partition=date(2026, 9, 8), as_of=datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert judged.verdicts["house/C0"].to_list() == ["within"] * len(starts) + ["outside"] * len(starts)
