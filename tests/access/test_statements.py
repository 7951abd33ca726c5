"""The SQL of `gov grants` on fresh databases: every column of every table is tried as the role."""

import pytest

from gov_pipelines.access import grant_statements, granted_outside
from gov_pipelines.errors import WrongUse
from gov_pipelines.policy.kinds import DataAccess

CONTROLS = [
    DataAccess(kind="data_access", may_read=["amount", "gdlin", "income"]),
    DataAccess(kind="data_access", never=["race", "sex"]),
]
NEEDED = ("amount", "decided_on", "gdlin", "id")


@pytest.fixture
def careless(loans):
    """Everyone may read everything."""
    loans.run(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    )
    assert len(loans.readable()) == 16
    return loans


def apply(database, declaration, **how):
    database.run(";".join(grant_statements(declaration, CONTROLS, **how)))


def test_columns_give_exactly_the_permitted_reads(careless, declare_loans, privileges):
    declaration = declare_loans(careless.reader)
    apply(careless, declaration)
    assert careless.readable() == {f"public.applications.{column}" for column in NEEDED}
    assert all(granted_outside(privileges(careless), declaration, control) == [] for control in CONTROLS)


@pytest.mark.parametrize("view", ["inputs", "public.inputs", 'odd "name"'])
def test_a_view_gives_exactly_the_permitted_reads(careless, declare_loans, privileges, view):
    declaration = declare_loans(careless.reader)
    apply(careless, declaration, view=view)
    name = view.removeprefix("public.")
    readable = {one.name for one in privileges(careless).columns if one.through}
    assert readable == {f"public.{name}.{column}" for column in NEEDED}
    if '"' not in name:
        assert careless.readable() == readable
    assert all(granted_outside(privileges(careless), declaration, control) == [] for control in CONTROLS)
    assert careless.rows(
        "SELECT reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
    ) == [(["security_barrier=true"],)]


def test_they_can_be_run_again(careless, declare_loans):
    for _ in range(2):
        apply(careless, declare_loans(careless.reader), view="inputs")
        apply(careless, declare_loans(careless.reader))
    assert careless.readable() == {f"public.applications.{column}" for column in NEEDED}


def test_every_identifier_is_quoted(loans, declare_loans, privileges):
    loans.run("""
        CREATE SCHEMA "Odd ""x"; CREATE TABLE "Odd ""x"."T a" (id int, decided_on timestamptz, "gd""lin" text);
    """)
    declaration = declare_loans(
        loans.reader,
        source={"url_env": "LOANS_URL", "table": 'Odd "x.T a'},
        columns={"decision_id": "id", "decided_at": "decided_on", "guidelines": 'gd"lin'},
        intake={"may_read": ["guidelines"], "database_role": loans.reader},
    )
    loans.run(";".join(grant_statements(declaration, [])))
    assert [one.name for one in privileges(loans, declaration).columns if one.schema == 'Odd "x'] == [
        f'Odd "x.T a.{column}' for column in ("decided_on", 'gd"lin', "id")
    ]
    assert [one for one in granted_outside(privileges(loans, declaration), declaration) if one.schema == 'Odd "x'] == []


def test_fields_of_another_table_bring_its_key(loans, declare_loans):
    loans.run("CREATE TABLE checks (loan int, note text, at timestamptz, outcome text)")
    declaration = declare_loans(
        loans.reader,
        reviews={"table": "checks", "key": "loan", "columns": {"review_outcome": "outcome", "reviewed_at": "at"}},
        intake={"may_read": ["amount", "review_outcome"], "database_role": loans.reader},
    )
    loans.run(";".join(grant_statements(declaration, [])))
    assert {one for one in loans.readable() if "checks" in one} == {"public.checks.loan", "public.checks.outcome"}
    with pytest.raises(WrongUse, match="Some fields stand in checks"):
        grant_statements(declaration, [], view="inputs")


def test_without_a_role_or_a_table_there_is_nothing_to_grant(declare_loans):
    with pytest.raises(WrongUse, match=r"declares no `intake\.database_role`"):
        grant_statements(declare_loans(None), [])
    with pytest.raises(WrongUse, match=r"declares no `source\.table`"):
        grant_statements(declare_loans("model", source={"path": "loans.csv"}), [])
