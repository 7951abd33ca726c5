"""Loading a project: the good, the broken beside the good, extensions, names, imports."""

import json
import os
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from gov_pipelines.definitions import load
from gov_pipelines.errors import ConfigurationError, GovError
from gov_pipelines.pipeline import audit, check_names, check_url
from gov_pipelines.pipeline.graph import read_graph
from gov_pipelines.store import pending, reading

from .conftest import add_system

REPOSITORY = Path(__file__).parents[2]
GRAPH = {
    "decision_log": [],
    "decision_verdicts": ["decision_log"],
    "access_log": [],
    "access_patterns": ["access_log"],
    "tally": ["decision_log"],
    "fairness_metrics": ["tally"],
    "distribution_shift": ["tally"],
    "control_verdicts": ["access_patterns", "decision_verdicts", "distribution_shift", "fairness_metrics"],
    "compliance_snapshot": ["control_verdicts"],
    "cleared_decisions": ["compliance_snapshot"],
    "held_decisions": ["cleared_decisions"],
    "report": ["compliance_snapshot"],
}


def nodes_of(definitions):
    with warnings.catch_warnings():  # Dagster copies checks with a parameter of its own that is in beta
        warnings.filterwarnings("ignore", "Parameter `execution_type`", category=dg.BetaWarning)
        return definitions.resolve_asset_graph()


def graph_of(definitions, system):
    nodes = nodes_of(definitions)
    keys = [key for key in nodes.get_all_asset_keys() if key.path[0] == system]
    return {key.path[-1]: sorted(parent.path[-1] for parent in nodes.get(key).parent_keys) for key in keys}


def checks_of(definitions, system):
    keys = nodes_of(definitions).asset_check_keys
    return {key.name for key in keys if key.asset_key.path[0] == system}


def test_the_graph_is_that_of_the_design(loaded):
    assert graph_of(loaded, "hiring") == GRAPH
    node = nodes_of(loaded).get(dg.AssetKey(["hiring", "tally"]))
    assert (node.group_name, node.owners, node.code_version is not None) == ("hiring", ["team:people"], True)


def test_there_is_a_check_for_each_control_none_for_people_and_none_blocks(loaded):
    assert checks_of(loaded, "hiring") == {"gate", "house__H_1", "house__H_2", "rows_add_up", "second_opinion_agrees"}
    nodes = nodes_of(loaded)
    assert not any(nodes.get(key).blocking for key in nodes.asset_check_keys)


def test_partitions_are_the_days_from_start_up_to_and_without_the_end(project):
    graph = read_graph(project.declaration_file("hiring"), project.expectations)
    assert graph.partitions.get_partition_keys() == ["2026-09-01", "2026-09-02", "2026-09-03"]
    assert [graph.calendar.has(date(2026, 9, day)) for day in (1, 3, 4)] == [True, True, False]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 9, 2, 3, 59, tzinfo=UTC), []),  # one minute to midnight in New York
        (datetime(2026, 9, 2, 4, 0, tzinfo=UTC), ["2026-09-01"]),
        (datetime(2027, 1, 1, tzinfo=UTC), ["2026-09-03"]),
    ],
)
def test_a_day_is_over_at_local_midnight(project, now, last):
    graph = read_graph(project.declaration_file("hiring"), project.expectations)
    assert graph.partitions.get_partition_keys(current_time=now)[-1:] == last


def test_check_names_are_stable_and_two_of_a_name_are_a_mistake():
    assert check_names(["house-fair-lending/FL-1"]) == {"house_fair_lending__FL_1": "house-fair-lending/FL-1"}
    with pytest.raises(ConfigurationError, match=r"a/F\.1 .*a/F-1|a/F-1 .*a/F\.1"):
        check_names(["a/F-1", "a/F.1"])


def test_the_address_of_a_check():
    address = check_url("http://localhost:3000/", "hiring", "house/H-1", date(2026, 9, 1))
    assert address.startswith(
        "http://localhost:3000/assets/hiring/compliance_snapshot?view=checks&checkDetail=house__H_1"
    )


BREAKING = {
    "a field": ("defs.yaml", lambda text: text.replace("risk: high", "risk: enormous"), "attributes.risk"),
    "the YAML": ("defs.yaml", lambda text: text.replace("risk: high", "risk: [high"), "assets/broken/defs.yaml"),
    "the type": ("defs.yaml", lambda text: text.replace("AuditedSystem", "AuditedSistem"), "AuditedSistem"),
    "the owner": ("defs.yaml", lambda text: text.replace("team:people", "people"), "attributes.owner"),
    "the policy's name": ("defs.yaml", lambda text: text.replace("[house]", "[mouse]"), "mouse"),
    "an extension": ("mine.py", lambda _: "import dagster\n1 / 0\n", "assets/broken/mine.py:2"),
    "an extension's syntax": ("mine.py", lambda _: "import dagster\nthis is not Python\n", "assets/broken/mine.py:2"),
    "an extension's key": (
        "mine.py",
        lambda _: "import dagster as dg\n@dg.asset\ndef stray(): ...\n",
        "not under broken/",
    ),
}


@pytest.mark.parametrize("what", BREAKING)
def test_a_broken_system_never_stops_the_others_and_says_why(project, home, what):
    file, change, told = BREAKING[what]
    folder = add_system(project.root, "broken")
    path = folder / file
    path.write_text(change(path.read_text() if path.exists() else ""))
    definitions = load(project, {}, home)
    assert graph_of(definitions, "hiring") == GRAPH
    assert graph_of(definitions, "broken") == {"compliance_snapshot": []}
    node = nodes_of(definitions).get(dg.AssetKey(["broken", "compliance_snapshot"]))
    assert told in node.description
    assert str(project.root) not in node.description


@pytest.mark.parametrize("what", BREAKING)
def test_a_broken_system_fails_validation(project, home, what):
    file, change, _ = BREAKING[what]
    path = add_system(project.root, "broken") / file
    path.write_text(change(path.read_text() if path.exists() else ""))
    with pytest.raises(Exception, match=r"."):
        load(project, {"DAGSTER_IS_DEFS_VALIDATION_CLI": "1"}, home)


def test_validation_tells_every_mistake_of_every_file_at_once(project, home):
    for system in ("one", "two"):
        path = add_system(project.root, system) / "defs.yaml"
        path.write_text(
            path.read_text().replace("risk: high", "risk: enormous").replace("purpose: Rank", "porpoise: Rank")
        )
    with pytest.raises(ConfigurationError) as error:
        load(project, {"DAGSTER_IS_DEFS_VALIDATION_CLI": "1"}, home)
    told = str(error.value)
    assert all(f"assets/{system}/defs.yaml:" in told for system in ("one", "two"))
    assert told.count("attributes.risk") == 2
    assert told.count("porpoise") == 2


def test_a_broken_system_fails_every_night_and_somebody_is_told(project, home, instance):
    path = add_system(project.root, "broken") / "defs.yaml"
    path.write_text(path.read_text().replace("risk: high", "risk: enormous"))
    definitions = load(project, {}, home)
    schedule = definitions.resolve_schedule_def("nightly_broken")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 9, 2, 2, tzinfo=UTC))
    request = schedule(context)
    job = definitions.resolve_job_def("broken_broken")
    result = job.execute_in_process(instance=instance, raise_on_error=False, tags=request.tags)
    assert not result.success
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    sensor = definitions.resolve_sensor_def("alerts_on_failure")
    with dg.build_run_status_sensor_context(
        "alerts_on_failure", result.all_events[-1], instance, result.dagster_run, resources={"audit": home}
    ) as context:
        sensor(context)
    with reading(home.store()) as connection:
        (row,) = pending(connection)
    assert (row.alert.transition, row.alert.system, row.alert.partition) == (
        "missed_window",
        "broken",
        date(2026, 9, 1),
    )
    assert "attributes.risk" in row.alert.body


def test_auditing_a_broken_system_tells_its_mistakes(project, home, instance):
    path = add_system(project.root, "broken") / "defs.yaml"
    path.write_text(path.read_text().replace("risk: high", "risk: enormous"))
    with pytest.raises(GovError, match=r"attributes\.risk"):
        audit("broken", [date(2026, 9, 1)], instance, definitions=load(project, {}, home), home=home)
    with pytest.raises(GovError, match="nobody"):
        audit("nobody", [date(2026, 9, 1)], instance, definitions=load(project, {}, home), home=home)


def test_a_policy_with_mistakes_breaks_the_systems_that_name_it_and_no_other(project, home):
    other = project.expectations / "other.yaml"
    other.write_text(
        (project.expectations / "house.yaml").read_text().replace("policy: house", "policy: other\nwrong: 1")
    )
    assert graph_of(load(project, {}, home), "hiring") == GRAPH
    # A newer version of the policy in force: its clauses would be gone without a trace.
    other.write_text(other.read_text().replace("policy: other", "policy: house").replace("version: 1", "version: 2"))
    assert graph_of(load(project, {}, home), "hiring") == {"compliance_snapshot": []}
    # A policy whose name cannot be read could be anybody's.
    other.write_text("{")
    assert graph_of(load(project, {}, home), "hiring") == {"compliance_snapshot": []}


def test_templates_in_a_declaration_are_refused_and_never_evaluated(project, home):
    path = project.declaration_file("hiring")
    path.write_text(path.read_text().replace("Rank applicants.", '"{{ 1 / 0 }}"'))
    definitions = load(project, {}, home)
    node = nodes_of(definitions).get(dg.AssetKey(["hiring", "compliance_snapshot"]))
    assert "assets/hiring/defs.yaml:5: attributes.purpose" in node.description
    assert "ZeroDivision" not in node.description


def in_subprocess(arguments, project, timeout=120):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER", "GOV_"))}
    environ |= {"PYTHONPATH": str(REPOSITORY), "GOV_PIPELINES_PROJECT": str(project.root)}
    return subprocess.run(
        arguments, cwd=project.root, env=environ, capture_output=True, text=True, timeout=timeout, check=False
    )


LOADS = """
import json, sys, time
start = time.perf_counter()
from gov_pipelines.definitions import defs
found = defs.load_definitions() if hasattr(defs, "load_definitions") else defs()
found.get_repository_def()
heavy = ["great_expectations", "sklearn", "pandas", "scipy", "fairlearn", "apprise"]
print(json.dumps({"heavy": [name for name in heavy if name in sys.modules], "seconds": time.perf_counter() - start}))
"""


def test_loading_imports_nothing_heavy(project):
    done = in_subprocess([sys.executable, "-c", LOADS], project)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    print(f"definitions loaded in {told['seconds']:.1f} s")
    assert told["heavy"] == []


DG = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "assets"
defs_module = "assets"
code_location_target_module = "gov_pipelines.definitions"
code_location_name = "gov_pipelines"
registry_modules = ["gov_pipelines.pipeline"]
[tool.dg.cli.telemetry]
enabled = false
"""


@pytest.mark.parametrize("broken", [False, True])
def test_dg_check_defs(project, broken):
    (project.root / "pyproject.toml").write_text(DG)
    if broken:
        path = add_system(project.root, "broken") / "defs.yaml"
        path.write_text(path.read_text().replace("risk: high", "risk: enormous"))
    done = in_subprocess([str(Path(sys.executable).parent / "dg"), "check", "defs"], project)
    told = done.stdout + done.stderr
    assert (done.returncode != 0) is broken, told
    if broken:
        assert "assets/broken/defs.yaml:6: attributes.risk" in told
