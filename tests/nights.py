"""Six nights of one system under many kinds of control: rows that arrive late, a missed window, a new version of the policy."""

from datetime import date, timedelta

from projects import STEPS, declared, found_home, house, night_of, signed, write_project

from gov_pipelines.pipeline import signing

FIRST = date(2026, 9, 1)
HEADER = "id,at,action,score,sex,region,amount\n"
DEFS = declared(
    """\
  source: {path: decisions.csv}
  columns: {decision_id: id, decided_at: at, decision: action}
  fields: {region: {type: category}}
  outcomes: {favorable: [granted], unfavorable: [denied]}
  protected_attributes: {sex: {}, region: {}}  # not in the order of names: no number may depend on it
  operating_range: {rows_per_day: [1, 100], amount: [0, 1000]}
"""
)
CLAUSES = """\
  - {id: DAY, text: Fair by day., level: runtime, control: {kind: fairness, metric: impact_ratio, by: [sex], at_least: 0.8, test: none, min_group_size: 3}}
  - {id: WEEK, text: Fair by week., level: runtime, control: {kind: fairness, metric: impact_ratio, by: [region], at_least: 0.8, min_group_size: 3, window: 7 days}}
  - {id: SCORE, text: Scored fairly., level: runtime, control: {kind: fairness, metric: scoring_impact_ratio, by: [sex], at_least: 0.5, test: none, min_group_size: 3}}
  - {id: SMALL, text: Amounts are small., level: output, control: {kind: decision_rule, must: "amount < 900", window: 3 days}}
  - {id: DENIED, text: Denials are of small amounts., level: output, control: {kind: decision_rule, when: "decision = 'denied'", must: "amount < 110", window: 2 days}}
  - {id: RANGE, text: Amounts in range., level: runtime, control: {kind: operating_range}}
  - {id: WHOLE, text: Scores are there., level: runtime, control: {kind: log_quality, metric: missing_share, of: [score], at_most: 0.01, window: 2 days}}
  - {id: MOVED, text: Actions stay., level: runtime, control: {kind: drift, of: [decision], at_most: 0.5, reference: {from: 2026-09-01, until: 2026-09-03}}}
  - {id: FRESH, text: It is fresh., level: runtime, control: {kind: freshness, within: 24 hours}}
  - {id: NATIVE, text: Something was measured., level: output, control: {kind: expectation, expect: expect_table_row_count_to_be_between, arguments: {min_value: 1}}}
  - {id: READS, text: Nothing else is read., level: intake, control: {kind: data_access, never: [sex]}}
"""
POLICY = house(CLAUSES).replace("{from: 2026-01-01}", "{from: 2026-01-01, until: 2026-09-05}")
NEXT = house(CLAUSES.replace("id: FRESH", "id: FRESHER"), version=2).replace("2026-01-01", "2026-09-05")


def rows(number, flipped=()):
    at = FIRST + timedelta(days=number)
    for n in range(24):
        action = "denied" if (n * 7 + number * 5) % 11 < 4 else "granted"
        if (number, n) in flipped:
            action = "granted" if action == "denied" else "denied"
        amount = 950 if (number, n) == (1, 3) else 100 + n
        yield f"L{number}-{n:02},{at}T09:{n:02}:00,{action},{(n * 13 % 24) / 24},{'fm'[n % 2]},r{n % 3},{amount}\n"


def nights(root, flipped=()):
    """Six nights; the second day gains a row after the third night, the fifth is missed, the sixth has the next policy."""
    write_project(root, DEFS, POLICY, key=False)
    (root / "expectations" / "house2.yaml").write_text(NEXT)
    found_home(root / ".gov")
    text = HEADER
    for number in (0, 1, 2, 1, 3, 4, 5):
        if number == 1 and "late" not in text and "L2-" in text:
            text += f"late,{FIRST + timedelta(days=1)}T10:00:00,denied,0.5,f,r0,10\n"
        else:
            text += "".join(rows(number, flipped))
        (root / "decisions.csv").write_text(text)
        one = night_of(root, FIRST + timedelta(days=number), environ={})
        if number == 4:
            for step in STEPS[:5]:  # it breaks off when all is counted, and nothing measured
                step(one)
            signing.sign_missed(one, "The disk was full.")
        else:
            signed(one)
    return root / ".gov"
