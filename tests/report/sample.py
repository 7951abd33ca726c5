"""A made-up report with every verdict, gap and hardship the pages must bear."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from gov_pipelines.decisions import RowAccounting
from gov_pipelines.measure.measurement import Measurement
from gov_pipelines.people import Clock, Finding, Owed, Step
from gov_pipelines.policy import GAPS, CoverageCell, Orphan, SystemDeclaration
from gov_pipelines.report.charts.overlay import Share
from gov_pipelines.report.model import Cleared, ControlView, PastVerdict, Report, SystemPage
from gov_pipelines.store import SnapshotRow

FIRST = date(2026, 9, 1)
DAYS = tuple(FIRST + timedelta(days=i) for i in range(30))
LAST = DAYS[-1]
AS_OF = datetime(2026, 10, 2, 7, 0, tzinfo=UTC)


def history(*runs):
    """(first day index, verdict) runs to one verdict a partition; None leaves the partition out."""
    starts = [*runs, (len(DAYS), None)]
    return tuple(
        PastVerdict(DAYS[i], verdict, int(verdict == "fail"))
        for (begin, verdict), (end, _) in pairwise(starts)
        if verdict
        for i in range(begin, end)
    )


def rate(group, value, lower, upper, n, *, metric="impact_ratio", p=None, against=None, tested=True, note=None):
    return Measurement(
        metric=metric, attribute=tuple(group), group=group, reference_group=against, value=value, lower=lower,
        upper=upper, confidence=0.95, n=n, p_adjusted=p, tested=tested, note=note,
        method="Miettinen-Nurminen; Fisher exact; Holm",
    )  # fmt: skip


WHITE = {"race": "white"}
RACE = (
    rate(WHITE, 1.0, None, None, 1679, note="best group"),
    rate({"race": "black"}, 0.7431, 0.661, 0.8242, 197, p=4e-17, against=WHITE),
    rate({"race": "hispanic"}, 0.8434, 0.7402, 0.9311, 111, p=0.0003, against=WHITE),
    rate({"race": None}, 0.91, 0.41, 1.3, 6, tested=False, note="unknown group"),
    rate(WHITE, 0.908, 0.893, 0.921, 1679, metric="selection_rate"),
    rate({"race": "black"}, 0.6751, 0.607, 0.7366, 197, metric="selection_rate"),
    rate({"race": "hispanic"}, 0.7658, 0.679, 0.835, 111, metric="selection_rate"),
    rate({"race": None}, 0.8333, 0.436, 0.97, 6, metric="selection_rate", tested=False, note="unknown group"),
)
CROSSED = tuple(
    rate({"race": race, "sex": sex}, value, lower, upper, n, tested=n >= 30, note=None if n >= 30 else "fewer than 30")
    for race, sex, value, lower, upper, n in [
        ("white", "male", 1.0, None, None, 1365), ("white", "female", 0.986, 0.945, 1.02, 302),
        ("black", "male", 0.7388, 0.651, 0.8265, 148), ("black", "female", 0.7514, 0.59, 0.885, 49),
        ("hispanic", "male", 0.8532, 0.752, 0.944, 96), ("hispanic", "female", 0.7321, 0.401, 1.02, 15),
        ("hispanic", None, None, None, None, 0),
    ]
)  # fmt: skip
SEX = (
    Measurement(
        metric="demographic_parity_difference", attribute=("sex",), value=0.0085, lower=-0.027, upper=0.0439,
        confidence=0.95, n=1974, p_adjusted=0.6614,
    ),
    rate({"sex": "male"}, 0.8785, 0.8614, 0.8938, 1609, metric="selection_rate"),
    rate({"sex": "female"}, 0.87, 0.832, 0.901, 365, metric="selection_rate"),
    rate({"sex": None}, 0.8, 0.548, 0.93, 15, metric="selection_rate", tested=False, note="unknown group"),
)  # fmt: skip
DRIFT = tuple(
    Measurement(metric="psi", attribute=(column,), value=value, lower=value * 0.6, upper=value * 1.7, confidence=0.95, n=923)
    for column, value in [("income", 0.0312), ("amount", 0.2874), ("decision", 0.0041)]
)  # fmt: skip

SHARES = [Share("to 90", 210, 60), Share("to 140", 150, 62), Share("above 140", 563, 61)]


def view(clause, text, level, standing="", **more):
    known = {word: name for name, word in GAPS.items()} | {"fail": "failing", "missing": "failing"}
    more = {"state": known.get(more.get("gap"), known.get(more.get("verdict"), "working")), "risk": 0} | more
    if more.get("control_kind"):
        more = {
            "last_partition": LAST,
            "age_days": 0,
            "window": "partition",
            "on_fail": "alert",
            "severity": "warning",
        } | more
    cell = dict.fromkeys(field.name for field in fields(CoverageCell)) | {
        "breaches": 0,
        "system": "mortgage_underwriting",
    }
    known = {
        "policy": "house-fair-lending", "clause": clause, "text": text, "level": level, "owner": "credit-risk", "version": 1,
        "in_force_from": FIRST, "document": "Acceptable use of AI, section 4.2: lending",
        "sentence": f"{clause} in mortgage_underwriting: {standing}",
    }  # fmt: skip
    return ControlView(**cell | known | more)


CONTROLS = (
    view("FL-1", "The system reads only the data declared for it, and never race or sex.", "intake", risk=96, control_kind="data_access",
         acts="detects", severity="critical", verdict="fail", breaches=0, n=2641, threshold="no read outside", since=DAYS[20],
         days_open=11, reason="The role mortgage_model read race 3 times, for the purpose score; race may never be read.",
         synthetic=("access log",),
         history=history((0, "pass"), (20, "fail"))),
    view("FL-2", "Denials of more than 250,000 are reviewed by a senior underwriter before the applicant hears.", "intake", risk=97,
         control_kind="human_review", acts="holds", on_fail="hold_decision", severity="critical", verdict="fail", breaches=2, n=4,
         threshold="every decision within", since=DAYS[28], days_open=3, synthetic=("reviewer_role", "reviewed_at"),
         reason="2 of 4 denials above 250,000 were not reviewed by a senior underwriter before the notice.",
         history=history((0, "not_applicable"), (3, "pass"), (12, "fail"), (14, "pass"), (28, "fail"))),
    view("FL-3", "Only approved model versions take part in decisions.", "intake", control_kind="approved_model", acts="holds",
         on_fail="hold_decision", severity="critical", verdict="pass", n=66, threshold="every decision within", since=FIRST,
         reason="All 66 decisions were made with a model version approved on their day.", synthetic=("model_version",),
         history=history((0, "pass"))),
    view("FL-4", "The system takes part in decisions on home loans only, up to one million.", "intake", control_kind="decision_scope",
         acts="prevents", verdict="pass", n=66, threshold="every decision within", since=DAYS[6],
         reason="All 66 decisions lay in the declared scope.", synthetic=("product",),
         history=history((0, "pass"), (5, "fail"), (6, "pass"))),
    view("FL-5", "No racial group's approval rate is below four fifths of the best group's where the difference is "
         "statistically significant.", "runtime", risk=98, control_kind="fairness", acts="detects", severity="critical", window="90 days",
         verdict="fail", n=197, threshold="at least 0.8", metric="impact_ratio", limit=0.8, since=DAYS[9], days_open=22,
         reason="race: black is approved at 0.743 times the rate of race: white (95 % interval 0.661 to 0.824; n 197; "
         "adjusted p < 0.0001), below the limit of 0.8.", measurements=RACE,
         history=history((0, "insufficient"), (5, "warn"), (9, "fail"))),
    view("FL-6", "Approval rates of women and men differ by no more than five points.", "runtime", control_kind="fairness",
         acts="detects", window="90 days", verdict="pass", n=1974, threshold="at most 0.05", limit=0.05, limit_is="at_most",
         metric="demographic_parity_difference", since=DAYS[12], measurements=SEX,
         reason="The rates differ by 0.009 (95 % interval -0.027 to 0.044; n 1,974), within the limit of 0.05.",
         history=history((0, "insufficient"), (8, "warn"), (12, "pass"))),
    view("FL-8", "Approval rates by race and sex together are reported each night.", "runtime", control_kind="fairness",
         acts="detects", severity="info", window="90 days", verdict="report_only", n=1974, metric="impact_ratio",
         since=FIRST, reason="Reported; the policy sets no limit.", measurements=CROSSED, history=history((0, "report_only"))),
    view("FL-9", "A single day's approvals are watched for gaps between racial groups.", "runtime", risk=12, control_kind="fairness",
         acts="detects", severity="info", verdict="insufficient", n=66, threshold="at least 0.8", since=FIRST, gap_days_open=30, gap="long insufficient",
         standing="the data could not tell for 30 partitions in a row, since 2026-09-01.", metric="impact_ratio", limit=0.8,
         reason="Fewer than two groups reach 30 decisions on one day, so the data cannot tell.",
         history=history((0, "insufficient"))),
    view("FL-10", "Applicants and decisions of the last two weeks look like those of the first ten days.", "runtime",
         control_kind="drift", acts="detects", window="14 days", verdict="warn", n=923, threshold="at most 0.25", metric="psi",
         limit=0.25, limit_is="at_most", since=DAYS[25], measurements=DRIFT, shares={"amount": SHARES},
         reason="amount moved by 0.287 (95 % interval 0.172 to 0.489; n 923); the limit of 0.25 lies inside the interval.",
         history=history((0, "not_applicable"), (11, "pass"), (17, "missing"), (18, "pass"), (25, "warn"))),
    view("FL-11", "The nightly log arrives by two in the morning.", "runtime", risk=48, control_kind="freshness", acts="detects",
         verdict="missing", threshold="at most 24 hours", since=LAST, days_open=2, age_days=0,
         reason="A result was due for 2026-09-30 and is not there.", history=history((0, "pass"), (29, "missing"))),
    view("FL-13", "Loans above one million are decided by a person.", "output", control_kind="decision_rule", acts="detects",
         verdict="not_applicable", state="not_applicable", n=0, threshold="every decision within", since=FIRST,
         reason="No decision was above one million.", history=history((0, "not_applicable"))),
    view("FL-14", "The reasons given to a denied applicant are the reasons that decided.", "output", risk=63, gap_days_open=30,
         gap="no control", standing="nothing stands behind it but the policy itself."),
    view("FL-15", "Underwriters complete fair-lending training each year.", "people", risk=15, gap_days_open=30,
         obligation="underwriters, every 1 year, shown by attestation; to manager after 5 working days",
         gap="human only",
         standing="rests on people alone (underwriters owe an attestation every 1 year); nothing in the system enforces it."),
    view("FL-16", "Whoever is denied gets the address of a person to write to.", "output", risk=12, control_kind="decision_rule", acts="detects",
         verdict="fail", state="waived", n=66, threshold="every decision within", since=DAYS[27], days_open=3, history=history((0, "pass"), (27, "fail")),
         waiver="until 2026-12-01 by k.ito, countersigned by m.osei: letters are sent on paper until the template is mended",
         standing="waived until 2026-12-01 by k.ito, countersigned by m.osei: letters are sent on paper until the template is mended. "
         "Beneath it: decision_rule detects; fail since 2026-09-28.", reason="3 of 9 denials carry no address.",
         source="12 CFR 1002.9(b)(1); in force; confidence: secondary; last verified 2026-09-30",
         tags={"nist-ai-rmf-1.0": ["MEASURE 2.8", "MANAGE 4.1"]}),
    view("PL-1", "Pilot decisions are looked at twice.", "runtime", risk=30, gap="stale", control_kind="operating_range", acts="detects",
         verdict="pass", n=66, since=FIRST, last_partition=DAYS[9], age_days=20, gap_days_open=20, policy="pilot-phase", document="Pilot",
         standing="no version of pilot-phase is in force on 2026-09-30.", history=history((0, "pass"), (10, None))),
    view("PL-2", "Any model may be tried.", "runtime", risk=29, gap="unable to fail", control_kind="fairness", acts="detects", policy="pilot-phase",
         document="Pilot", verdict="report_only", n=66, since=FIRST, gap_days_open=30,
         standing="its control (fairness) has no limit that could be passed, so it reports but can never fail.", history=history((0, "report_only"))),
    view("PL-3", "The pilot reads only what it may.", "intake", risk=28, gap="only detects", control_kind="data_access", acts="detects",
         policy="pilot-phase", document="Pilot", verdict="pass", n=66, since=FIRST, gap_days_open=30,
         standing="asks for a bar at intake, but its control (data_access) only detects, after the fact.", history=history((0, "pass"))),
)  # fmt: skip

ROWS = {
    day: RowAccounting(source_count=67 if i % 3 == 0 else 66, accepted=(67 if i % 3 == 0 else 66) - (i in (4, 19)),
                       quarantined=int(i in (4, 19)), duplicate=0) for i, day in enumerate(DAYS)
}  # fmt: skip

KEY = "k" * 64
SNAPSHOTS = tuple(
    SnapshotRow(
        system="mortgage_underwriting", partition=day, sequence=i + 1, revision=1, previous_sha256=None,
        payload_sha256=f"{i:02x}" * 32, content_digest=f"{255 - i:02x}" * 32, path="p", key_id=KEY, as_of=AS_OF,
        signed_at=datetime(2026, 10, 2, 6, i, tzinfo=UTC), retroactive=True,
    )
    for i, day in enumerate(DAYS)
)  # fmt: skip


FINDINGS = (
    Finding(id="F-3fa92c1b07", system="mortgage_underwriting", control="house-fair-lending/FL-5", judges="population", state="open",
            severity="critical", owner="team:credit-risk", due=date(2026, 9, 17), partition=DAYS[9], snapshot="a" * 64,
            opened_at=datetime(2026, 9, 11, 6, tzinfo=UTC), red=dict.fromkeys(DAYS[9:], 0), accepted={}, action="retrain without the proxy",
            reopened=(datetime(2026, 9, 15, 6, tzinfo=UTC),), clocks=(Clock(kind="serious", aware=DAYS[9], due=date(2026, 9, 25)),)),
    Finding(id="F-77aa00bb11", system="mortgage_underwriting", control="house-fair-lending/FL-4", judges="decision", state="closed",
            severity="warning", owner="team:credit-risk", due=date(2026, 10, 5), partition=DAYS[5], snapshot="b" * 64,
            opened_at=datetime(2026, 9, 7, 6, tzinfo=UTC), closed_at=datetime(2026, 9, 9, 8, tzinfo=UTC), red={DAYS[5]: 1}, accepted={},
            evidence="its one day was audited again without a breach"),
    Finding(id="F-0c0ffee000", system="mortgage_underwriting", control=None, judges=None, state="open", severity="warning",
            owner="team:credit-risk", due=date(2026, 10, 20), partition=None, snapshot=None, opened_at=datetime(2026, 9, 30, 8, tzinfo=UTC),
            red={}, accepted={}, text="PRIVATE WORDS", decision="D-SECRET", by="somebody"),
)  # fmt: skip

OBLIGATIONS = (
    Owed(clause="house-fair-lending/FL-15", version=1, text="Underwriters complete fair-lending training each year.",
         shape="periodic duty", who="underwriters", person="a.ngo", state="overdue", due=date(2026, 9, 21), working_days_overdue=7,
         steps=(Step(place=1, to="manager"),)),
    Owed(clause="house-fair-lending/FL-15", version=1, text="Underwriters complete fair-lending training each year.",
         shape="periodic duty", who="underwriters", person="b.lind", state="done", due=date(2027, 9, 3),
         attested_at=datetime(2026, 9, 3, 9, tzinfo=UTC), attested_version=1),
    Owed(clause="tools/T-1", version=2, text="Only approved assistants are used for drafting.", shape="approved tools", who="everyone",
         state="nobody enrolled"),
)  # fmt: skip

ORPHANS = (
    Orphan(
        "mortgage_underwriting",
        "operating_range",
        "is declared, but no operating_range control in force takes it, so nothing holds the system to it",
    ),
    Orphan(None, "expectations/suites/old@1.json", "expect_control_to_hold serves old/A-1, which old@1 does not have"),
)

REVIEWING = (
    Measurement(metric="override_rate", value=0.0625, lower=0.011, upper=0.283, confidence=0.95, n=16),
    Measurement(metric="median_review_seconds", value=480.0, n=16),
)

CLEARED = tuple(
    Cleared(day, 65 - (i == 12), 1 + (i == 12), {"house-fair-lending/FL-2": 1 + (i == 12)})
    for i, day in enumerate(DAYS[:20])
)


DECLARED = SystemDeclaration.model_validate({
    "system": "mortgage_underwriting", "owner": "team:credit-risk", "purpose": "Decide on home-loan applications.",
    "risk": "high", "zone": "America/New_York", "jurisdictions": ["us", "us-ma"], "state": "live", "starts": FIRST,
    "source": {"path": "loans.csv"}, "outcomes": {"favorable": ["approved"], "unfavorable": ["denied"]},
    "protected_attributes": {"race": {}, "sex": {}}, "policies": ["house-fair-lending"],
    "about_data": "1,989 real home-loan applications in Boston (Federal Reserve Bank of Boston study). Historical human "
    "decisions, standing in for a system's log. They carry no dates: application i lies on day i mod 30.",
    "synthetic": {
        "columns": ["product", "model_version", "reviewer_role", "reviewed_at"], "access_log": True,
        "note": "The public data has no products, model versions, reviews, notices or accesses; these were made up, with "
        "planted faults.",
    },
})  # fmt: skip


def system(name="mortgage_underwriting", declared=DECLARED, **more):
    known = {
        "declaration": declared.model_copy(update={"system": name}),
        "synthetic": ("product", "model_version", "reviewer_role", "reviewed_at", "access log"), "controls": CONTROLS, "partitions": DAYS,
        "rows": ROWS, "snapshots": SNAPSHOTS, "key_names": {KEY: "demo (untrusted)"},
        "findings": FINDINGS, "cleared": CLEARED, "reviewing": REVIEWING,
    }  # fmt: skip
    return SystemPage(**(known | more))


def report(*systems, **more):
    known = {"as_of": AS_OF, "systems": systems or (system(),), "orphans": ORPHANS, "obligations": OBLIGATIONS}
    return Report(**(known | more))
