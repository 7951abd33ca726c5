import subprocess
import sys

import pytest

import gov_pipelines.access
import gov_pipelines.decisions
from gov_pipelines.decisions.rules import RULES
from gov_pipelines.policy import kinds


@pytest.mark.parametrize("room", [gov_pipelines.decisions, gov_pipelines.access])
def test_what_a_room_names_is_there(room):
    assert all(getattr(room, name) is not None for name in room.__all__)


def test_every_kind_that_judges_decisions_has_its_rule():
    judging = {
        kind.model_fields["kind"].annotation.__args__[0]
        for kind in kinds.BoundControl.__subclasses__()
        if kind.judges == "decision"
    }
    assert judging == set(RULES)


def test_files_are_read_without_sqlalchemy(tmp_path):
    script = (
        "import sys, gov_pipelines.decisions as d, gov_pipelines.access as a; "
        "d.read_partition, d.judge_decisions, a.read_access_log; "
        "print([m for m in ('sqlalchemy', 'pandas', 'scipy', 'dagster', 'great_expectations') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
