"""`gov reproduce`: a signed night done again from what the home kept."""

import json
import shutil

import polars as pl
import pytest
from command import told
from nights import nights

from gov_pipelines.pipeline import signing
from gov_pipelines.store import write_frame


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    return nights(tmp_path_factory.mktemp("audited")).parent


@pytest.fixture
def project(audited, tmp_path):
    return shutil.copytree(audited, tmp_path / "project")


def reproduce(project, day, revision=1, *, check):
    package = project / ".gov" / "evidence" / "loans" / f"2026-09-{day:02}" / f"r{revision}"
    env = {"GOV_PIPELINES_PROJECT": str(project)}
    done = told("reproduce", package, "--json", home=project / ".gov", cwd=project, env=env, check=check)
    return json.loads(done.stdout) if done.stdout else done.stderr


def turned_round(project, day=4):
    """In the log that the home kept of a day, every decision is granted."""
    log = project / ".gov" / "artifacts" / "loans" / f"2026-09-{day:02}" / "decision_log.parquet"
    frame = pl.read_parquet(log)
    write_frame(log, frame.with_columns(decision=pl.lit("granted", frame.schema["decision"])))


def test_every_newest_revision_comes_out_the_same_and_nothing_is_left_behind(project):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and "store.db" not in path.name}
    for day, revision in ((1, 1), (2, 2), (4, 1), (5, 1), (6, 1)):  # the fifth was missed, and is again
        found = reproduce(project, day, revision, check=0)
        assert found["ok"]
        assert found["contentDigest"]["recorded"] == found["contentDigest"]["reproduced"]
        assert found["differs"] == found["because"] == []
    after = {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and "store.db" not in path.name}
    assert after == before


def test_of_a_window_whose_other_day_was_signed_anew_only_what_needs_its_rows_differs(project):
    found = reproduce(project, 3, check=1)
    assert {each["path"].partition(".")[0] for each in found["differs"]} == {"secondOpinion"}
    assert found["because"][0].startswith("2026-09-02 was signed anew as revision 2")


def test_of_a_window_whose_other_day_lost_rows_since_it_is_said_which(project):
    turned_round(project, 3)
    found = reproduce(project, 4, check=1)
    assert {each["path"].partition(".")[0] for each in found["differs"]} == {"secondOpinion"}
    assert found["because"] == ["the rows kept of 2026-09-03, another day of its windows, are not as they were then"]


def test_policies_and_declaration_of_today_change_nothing(project):
    for name in ("expectations/house.yaml", "expectations/house2.yaml"):
        file = project / name
        file.write_text(file.read_text().replace("at_least: 0.8", "at_least: 0.1"))
    defs = project / "assets" / "loans" / "defs.yaml"
    defs.write_text(defs.read_text().replace("favorable: [granted]", "favorable: [given]"))
    (project / "decisions.csv").unlink()  # the source is not read again
    assert reproduce(project, 4, check=0)["ok"]


def test_an_older_revision_says_that_its_inputs_are_those_of_the_newest(project):
    found = reproduce(project, 2, check=1)
    paths = {each["path"] for each in found["differs"]}
    assert "decisions.treeSize" in paths
    assert "2026-09-02 was signed anew as revision 2" in found["because"][0]


def test_a_kept_row_that_was_changed_is_told_with_what_it_changes(project):
    turned_round(project)
    found = reproduce(project, 4, check=1)
    assert any(each["path"].startswith("measurements[") for each in found["differs"])
    assert all(len(each["recorded"]) <= 120 for each in found["differs"])
    assert any("decision_log.parquet is not the log that was audited" in each for each in found["because"])


def test_other_versions_are_named_where_something_differs(project, monkeypatch):
    producer = signing._producer
    monkeypatch.setattr(signing, "_producer", lambda night: producer(night) | {"libraries": {"polars": "0.0.1"}})
    assert reproduce(project, 4, check=0)["because"] == []  # another version, and the same result
    turned_round(project)
    found = reproduce(project, 4, check=1)
    assert any(each.startswith("polars: ") and each.endswith("then, 0.0.1 now") for each in found["because"])


@pytest.mark.parametrize("kept", [23, 0, None])
def test_what_was_erased_cannot_be_done_again(project, kept):
    log = project / ".gov" / "artifacts" / "loans" / "2026-09-04" / "decision_log.parquet"
    if kept is None:
        log.unlink()
    else:
        write_frame(log, pl.read_parquet(log).head(kept))
    assert f"{kept or 0} of the 24 decisions" in reproduce(project, 4, check=2)


def test_where_there_is_no_snapshot_or_no_home(project, tmp_path):
    reproduce(project, 28, check=2)
    env = {"GOV_PIPELINES_PROJECT": str(project)}
    for lonely in (tmp_path / "r1", tmp_path / "bundle" / "evidence" / "loans" / "2026-09-04" / "r1"):
        shutil.copytree(project / ".gov" / "evidence" / "loans" / "2026-09-04" / "r1", lonely)
        done = told("reproduce", lonely, home=project / ".gov", cwd=project, env=env, check=2)
        assert "lies in no home" in done.stderr


def test_a_terminal_says_it_in_words(project):
    package = project / ".gov" / "evidence" / "loans" / "2026-09-02" / "r1"
    env = {"GOV_PIPELINES_PROJECT": str(project)}
    done = told("reproduce", package, home=project / ".gov", cwd=project, env=env, check=1)
    assert "NOT THE SAME" in done.stdout
    assert "Because: 2026-09-02 was signed anew" in done.stdout
