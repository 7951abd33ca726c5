"""A second system takes one YAML file; `gov init` drafts it from a CSV."""

import json
import random
from datetime import datetime, timedelta

import pytest
from command import told

ANSWERS = (
    "--system", "hiring", "--owner", "team:people", "--purpose", "Invite to interview", "--decision-id", "id",
    "--decided-at", "decided", "--decision", "outcome", "--favorable", "invited", "--unfavorable", "rejected", "--protected", "sex",
    "--zone", "Europe/Berlin",
)  # fmt: skip


@pytest.fixture
def applicants(scratch_project):
    """600 decisions on three days; women are invited half as often as men."""
    draw = random.Random(7)
    rows = ["id,decided,outcome,sex,experience"]
    for n in range(600):
        when = datetime(2026, 5, 4, 9) + timedelta(days=n % 3, minutes=n)
        sex = "f" if n % 2 else "m"
        invited = draw.random() < (0.3 if sex == "f" else 0.6)
        rows.append(f"A{n},{when.isoformat()},{'invited' if invited else 'rejected'},{sex},{draw.randint(0, 20)}")
    rows.append("A600,,invited,f,3")  # undated
    rows.append("A1,2026-05-05T09:01:00,maybe,f,3")  # a decision nobody declared: quarantined or a correction
    (scratch_project / "hiring.csv").write_text("\n".join(rows) + "\n")
    return scratch_project


def at(project, tmp_path, *arguments, check=None):
    env = {"GOV_PIPELINES_PROJECT": str(project)}
    return told(*arguments, home=tmp_path / "home", cwd=project, env=env, check=check)


def test_from_a_csv_to_a_failing_clause(applicants, tmp_path):
    made = json.loads(at(applicants, tmp_path, "init", "hiring.csv", *ANSWERS, "--json", check=0).stdout)
    assert made["starts"] == "2026-05-04"
    text = (applicants / "assets" / "hiring" / "defs.yaml").read_text()
    assert 'unfavorable: ["rejected"], undecided: []' in text  # `maybe`, which nobody named, is in none
    at(applicants, tmp_path, "lint", check=0)
    at(applicants, tmp_path, "keys", "new", "--name", "Test", check=0)
    arguments = ("audit", "hiring", "--from", made["starts"], "--to", made["last"])
    runs = json.loads(at(applicants, tmp_path, *arguments, "--json", check=1).stdout)
    assert [run["signed"] for run in runs] == [True] * 3
    assert runs[-1]["verdicts"]["baseline/B-1"] == "fail"
    at(applicants, tmp_path, "verify", tmp_path / "home" / "evidence", check=0)
    cells = json.loads(at(applicants, tmp_path, "gaps", "--json", check=0).stdout)
    assert {"hiring", "mortgage_underwriting", "release_decisions"} == {cell["system"] for cell in cells}
    assert (tmp_path / "home" / "report" / "hiring.html").is_file()


def test_what_must_not_be_guessed_is_asked_for(applicants, tmp_path):
    done = at(applicants, tmp_path, "init", "hiring.csv", "--system", "hiring", check=2)
    assert "rejected (" not in done.stderr  # which column decides was not said
    for option in ("--favorable", "--unfavorable", "--protected", "--zone", "--decision-id"):
        assert option in done.stderr
    assert not (applicants / "assets" / "hiring").exists()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--favorable", "hired"), "never holds hired. It holds: "),
        (("--protected", "gender"), "no column gender"),
        (("--decided-at", "sex"), "no readable time"),
        (("--zone", "Berlin"), "Berlin"),
        (("--system", "Hiring 2"), "system"),
    ],
)
def test_a_wrong_answer_writes_nothing(applicants, tmp_path, wrong, says):
    answers = [*ANSWERS]
    at_place = answers.index(wrong[0])
    answers[at_place + 1] = wrong[1]
    before = {*(applicants / "assets").iterdir()}
    done = at(applicants, tmp_path, "init", "hiring.csv", *answers)
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert {*(applicants / "assets").iterdir()} == before


def test_an_existing_system_is_not_overwritten(applicants, tmp_path):
    at(applicants, tmp_path, "init", "hiring.csv", *ANSWERS, check=0)
    before = (applicants / "assets" / "hiring" / "defs.yaml").read_text()
    done = at(applicants, tmp_path, "init", "hiring.csv", *ANSWERS, check=2)
    assert "exists already" in done.stderr
    assert (applicants / "assets" / "hiring" / "defs.yaml").read_text() == before
