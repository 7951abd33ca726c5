"""The files of deploy/, which nobody ran: what can be said of them without."""

import re
import shutil
import subprocess

import pytest
import yaml
from command import ROOT

from gov_pipelines.cli.app import COMMANDS
from gov_pipelines.pipeline.instance import URL_VARIABLE

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
HARDENED = {
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "CapabilityBoundingSet=",
}


@pytest.mark.parametrize("name", ["gov-daemon.service", "gov-webserver.service", "Dockerfile", "compose.yaml"])
def test_each_says_first_that_it_was_not_run(name):
    assert re.match(r"# (Linted|Checked).*not (run|built) where it was written", (DEPLOY / name).read_text())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_hardened_and_hold_no_secret(unit):
    lines = set(unit.read_text().splitlines())
    assert lines >= HARDENED
    assert any(line.startswith("EnvironmentFile=/etc/gov/") for line in lines)
    assert not any("://" in line for line in lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_can_read_the_units(tmp_path):
    for unit in UNITS:  # the programs they name are not here
        text = re.sub(r"(ExecStart(?:Pre)?=-?)/srv/gov/\.venv/bin/[a-z-]+", r"\1/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_holds_together():
    said = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = said["services"]
    assert services.keys() == {"postgres", "daemon", "webserver"}
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
        volumes = [each.partition(":")[0] for each in service["volumes"]]
        assert all(each in said["volumes"] or (DEPLOY / each).exists() for each in volumes)
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert (DEPLOY / "databases.sql").is_file()
    for name in ("daemon", "webserver"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
    assert all((ROOT / each).exists() for each in copied())


def copied():
    """What the Dockerfile copies from the project."""
    lines = re.findall(r"^COPY (.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return [each for line in lines for each in line.split()]


def test_the_page_names_commands_and_variables_that_exist():
    text = (ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"(?:`|bin/|\$ )gov ([a-z-]+)", text)) <= COMMANDS.keys()
    assert URL_VARIABLE in text
    for name in re.findall(r"\]\(([a-z-]+\.md)\)", text):
        assert (ROOT / "docs" / name).is_file()
