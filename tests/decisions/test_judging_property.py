"""Random policies, effective dates and decisions: the version applied and the verdict are those of a naive reference."""

import importlib.util
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gov_pipelines.decisions import judge_decisions, judged_controls
from gov_pipelines.measure import partition_window
from gov_pipelines.policy import Policy, SystemDeclaration, controls_in_force, log_schema

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

# Days on which clocks change in one of the zones; in Havana at midnight, on Lord Howe by half an hour.
ZONES = ("America/New_York", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata")
CHANGES = tuple(map(date.fromisoformat, ("2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05")))
NUMBERS, TEXTS = (0.0, 5.0, 9.5, 10.0, 20.0), {
    "decision": ("approved", "denied"),
    "product": ("home", "car"),
    "model_version": ("v1", "v2"),
    "reason_codes": ("R1", "R12", "X"),
}  # fmt: skip
PEOPLE, ROLES = ("ann", "bob"), ("senior", "junior")
pick = st.sampled_from


def maybe(strategy):
    return st.none() | strategy


def mostly(strategy):
    return st.one_of(strategy, strategy, strategy, strategy, st.none())


@st.composite
def leaves(draw, day):
    kind = draw(pick(("number", "number", "text", "in", "between", "like", "null", "ratio", "date")))
    number, order = draw(pick(("amount", "score"))), draw(pick(("=", "<>", "<", "<=", ">", ">=")))
    column = draw(pick(tuple(TEXTS)))
    value, other = draw(pick(NUMBERS)), draw(pick(NUMBERS))
    text = draw(pick(TEXTS[column]))
    return {
        "number": ("compare", number, order, value),
        "text": ("compare", column, draw(pick(("=", "<>"))), text),
        "in": ("in", column, [text, draw(pick(TEXTS[column]))]),
        "between": ("between", number, min(value, other), max(value, other)),
        "like": ("like", "reason_codes", draw(pick(("R1%", "%2", "R_", "%")))),
        "null": ("null", draw(pick((number, column))), draw(st.booleans())),
        "ratio": ("ratio", "amount", "score", order, 1),
        "date": ("compare", "completed_at", order, day + timedelta(days=draw(pick((-1, 0, 1))))),
    }[kind]


def rules(day):
    def grown(inner):
        return st.tuples(st.just("not"), inner) | st.tuples(pick(("and", "or")), inner, inner)

    return st.recursive(leaves(day), grown, max_leaves=3)


def moments(day, zone, days):
    """The local midnights some days from a day, and what lies just beside them."""
    beside = (
        timedelta(microseconds=-1),
        timedelta(0),
        timedelta(microseconds=1),
        timedelta(hours=1),
        timedelta(hours=9),
    )
    return st.builds(
        lambda days, delta: (
            datetime.combine(day + timedelta(days=days), time(), ZoneInfo(zone)).astimezone(UTC) + delta
        ),
        pick(days),
        pick(beside),
    )


def dates(day):
    return st.integers(-3, 3).map(lambda days: day + timedelta(days=days))


def models(day):
    until = maybe(st.integers(4, 9).map(lambda days: day + timedelta(days=days)))
    return st.lists(st.tuples(pick(TEXTS["model_version"]), dates(day), until), max_size=2)


SCOPES = st.tuples(maybe(st.lists(pick(TEXTS["product"]), min_size=1, max_size=1)), maybe(pick(NUMBERS)))


def controls(day):
    """One control of any kind, as the reference reads it."""
    shared = {"applies": st.one_of(st.none(), st.none(), rules(day))}
    when = shared | {"when": st.one_of(st.none(), st.none(), rules(day))}
    later = pick(("notice_sent_at", "notice_sent_at", "reviewed_at", "decided_at"))
    return st.one_of(
        st.fixed_dictionaries(when | {"kind": st.just("decision_rule"), "must": rules(day)}),
        st.fixed_dictionaries(
            when
            | {
                "kind": st.just("deadline"),
                "from": pick(("completed_at", "completed_at", "decided_at", "reviewed_at")),
                "to": later,
                "within": st.one_of(
                    st.tuples(st.integers(0, 9), pick(("days", "working days"))),
                    st.tuples(st.integers(0, 48), st.just("hours")),
                    st.tuples(st.integers(0, 1), pick(("months", "years"))),
                ),
            }
        ),
        st.fixed_dictionaries(
            when | {"kind": st.just("human_review"), "role": pick(ROLES), "before": mostly(later)}
        ),
        st.fixed_dictionaries(shared | {"kind": st.just("decision_scope"), "may_decide": maybe(SCOPES)}),
        st.fixed_dictionaries(shared | {"kind": st.just("approved_model"), "models": models(day)}),
    )  # fmt: skip


def decisions(day, zone):
    row = {name: mostly(pick(values)) for name, values in TEXTS.items()}
    row |= {"amount": mostly(pick(NUMBERS)), "score": mostly(pick(NUMBERS))}
    row |= {name: mostly(pick(PEOPLE)) for name in ("reviewer", "requester")} | {"reviewer_role": mostly(pick(ROLES))}
    row |= {
        "decided_at": moments(day, zone, (0, 1)),
        "completed_at": mostly(moments(day, zone, (-30, -9, -5, -3, -1, 0))),
        "reviewed_at": mostly(moments(day, zone, (0, 1, 2))),
        "notice_sent_at": mostly(moments(day, zone, (0, 1, 2, 5, 9))),
    }
    return st.lists(st.fixed_dictionaries(row), min_size=1, max_size=5)


@st.composite
def cases(draw):
    zone, day = draw(pick(ZONES)), draw(pick(CHANGES) | st.dates(date(2024, 2, 20), date(2026, 12, 31)))
    versions = [
        {
            "version": number,
            "from": start,
            "until": draw(maybe(st.integers(1, 6).map(lambda days, start=start: start + timedelta(days=days)))),
            "holidays": draw(st.lists(dates(day), max_size=3)),
            "controls": draw(st.lists(controls(day), min_size=1, max_size=3)),
        }
        for number, start in enumerate(
            draw(st.lists(dates(day).map(lambda each: each - timedelta(days=2)), min_size=1, max_size=3)), 1
        )
    ]
    system = {
        "zone": zone,
        "needs_review": draw(maybe(rules(day))),
        "may_decide": draw(mostly(SCOPES)),
        "models": draw(models(day)),
        "requester_declared": draw(st.booleans()),
    }
    return system, versions, draw(decisions(day, zone)), draw(moments(day, zone, (0, 1, 2, 3, 6, 12)))


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


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_version_and_verdict_are_those_of_the_reference(case):
    system, versions, decided, as_of = case
    rows = {f"D{number}": row for number, row in enumerate(decided)}
    declaration, policies = declared(system), list(map(policy, versions))
    schema = log_schema(declaration)
    log = pl.DataFrame([{"decision_id": ident, **row} for ident, row in rows.items()], schema=schema)
    found, judged_ids = {}, []
    for partition in {reference.local(row["decided_at"], system["zone"]) for row in decided}:
        start, end = partition_window(partition, system["zone"])
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
