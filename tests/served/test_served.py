"""`dagster dev` on an empty demo home: what it serves, and a backfill launched as the UI launches it.

Slow (minutes) and alone on the machine: run it by `make served`.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from command import ROOT

from gov_pipelines.cli.demo.loanapp import SYSTEM

pytestmark = [pytest.mark.served, pytest.mark.timeout(600)]
DAYS = [f"2026-09-{day:02d}" for day in range(1, 11)]
SNAPSHOT = [SYSTEM, "compliance_snapshot"]

BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
SERVED = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  assetNodes { assetKey { path } }
  schedules { name scheduleState { status } }
  sensors { name sensorState { status } } } } } }"""
CHECKS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name
    partitionStatuses { ... on AssetCheckDefaultPartitionStatuses { succeededPartitions failedPartitions }
      ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } } } } } } } }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a Dagster UI on an empty demo home, started as a person would."""
    home = tmp_path_factory.mktemp("served") / "home"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 3000))  # says clearly if something else serves there
    log = (home.parent / "dagster.log").open("w")
    command = [sys.executable, "-c", "from gov_pipelines.cli import main; main()", "demo", "--ui"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "GOV_HOME": str(home)}, stdout=log, stderr=log, start_new_session=True
    )
    try:
        _until(lambda: urllib.request.urlopen("http://127.0.0.1:3000/server_info", timeout=2).status == 200, 120)
        yield "http://127.0.0.1:3000"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


def _until(ready, seconds):
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except OSError:
            pass
        assert time.monotonic() < end, "not in time"
        time.sleep(1)


def ask(server, query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{server}/graphql", body, {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, timeout=30))
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def test_assets_checks_schedule_and_sensors_are_there(server):
    node = ask(server, SERVED)["repositoriesOrError"]["nodes"][0]
    keys = {"/".join(each["assetKey"]["path"]) for each in node["assetNodes"]}
    assert {f"{SYSTEM}/{name}" for name in ("decision_log", "compliance_snapshot", "report", "denied_amounts")} <= keys
    assert {each["name"]: each["scheduleState"]["status"] for each in node["schedules"]} == {
        f"nightly_{SYSTEM}": "STOPPED",  # the demo's days are past
        "nightly_release_decisions": "STOPPED",
        "register_of_people_daily": "RUNNING",
        "retention_of_home_daily": "RUNNING",
    }
    assert {each["sensorState"]["status"] for each in node["sensors"]} == {"RUNNING"}


def test_a_backfill_of_ten_days_finishes_and_its_checks_show_per_partition(server):
    selector = {
        "partitionSetName": f"audit_{SYSTEM}_partition_set",
        "repositorySelector": {"repositoryLocationName": "gov_pipelines", "repositoryName": "__repository__"},
    }
    params = {"selector": selector, "partitionNames": DAYS}
    launched = ask(server, BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    done = {"COMPLETED_SUCCESS", "COMPLETED", "FAILED", "COMPLETED_FAILED"}

    def status():
        return ask(server, STATUS, id=launched["backfillId"])["partitionBackfillOrError"]["status"]

    _until(lambda: status() in done, 500)
    assert status() in {"COMPLETED_SUCCESS", "COMPLETED"}
    node = ask(server, CHECKS, key={"path": SNAPSHOT})["assetNodeOrError"]
    checks = {check["name"]: check["partitionStatuses"] for check in node["assetChecksOrError"]["checks"]}
    assert len(checks) == 14  # a control each: thirteen of the house policy, one of the pilot
    shown = json.dumps(checks["house_fair_lending__FL_3"])
    assert "2026-09-08" in shown  # the planted fault of that day
    print(shown)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_pictures_for_the_docs(server, tmp_path):
    """Set GOV_PICTURES to a folder to keep the pictures."""
    keep = Path(os.environ.get("GOV_PICTURES", tmp_path))
    pages = {
        "asset-graph": f"/locations/gov_pipelines/asset-groups/{SYSTEM}/lineage",
        "failing-check": f"/assets/{SYSTEM}/compliance_snapshot?view=checks&checkDetail=house_fair_lending__FL_5",
    }
    for name, path in pages.items():
        picture = keep / f"{name}.png"
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={tmp_path}/{name}", "--window-size=1500,1000", "--virtual-time-budget=25000",
                f"--screenshot={picture}", server + path,
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        assert picture.stat().st_size > 20_000
