"""Many systems in one process: none stops another, and the pages are written once."""

import json
import shutil

import pytest
from command import told

from benchmarks.many import load_seconds, plant
from benchmarks.workload import DAY


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("many")
    plant(root, 3, 200)
    return root


def audit_all(project, tmp_path, check):
    home = tmp_path / "home"
    for name in ("keys", "evidence"):
        shutil.copytree(project / ".gov" / name, home / name)
    env = {"GOV_PIPELINES_PROJECT": str(project)}
    return told("audit", "--all", "--date", DAY, "--json", home=home, cwd=project, env=env, check=check), home


def test_one_that_is_broken_stops_no_other_and_pages_are_written_once(project, tmp_path):
    assets = shutil.copytree(project / "assets", tmp_path / "project" / "assets")
    for name in ("expectations", "data"):
        shutil.copytree(project / name, tmp_path / "project" / name)
    (assets / "system_000" / "mine.py").write_text("import nowhere")
    (assets / "system_001" / "defs.yaml").write_text("type: [")
    shutil.copytree(project / ".gov", tmp_path / "project" / ".gov")
    done, home = audit_all(tmp_path / "project", tmp_path, check=1)
    runs = {each["system"]: each for each in json.loads(done.stdout)}
    assert {system: each["signed"] for system, each in runs.items()} == {"system_000": False, "system_002": True}
    assert "nowhere" in runs["system_000"]["problem"]
    assert "system_001" in done.stderr
    assert (home / "report" / "index.html").is_file()
    assert len(list((home / "dagster" / "history" / "runs").glob("*-*.db"))) == 2  # one night, and all pages in one run


def test_all_systems_load_quickly(tmp_path):
    plant(tmp_path, 40, 10)
    assert load_seconds(tmp_path) < 5  # 200 take less; the bench tells how much
