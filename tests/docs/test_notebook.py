"""The notebook runs on the demo's home, and was committed without outputs."""

import json

import nbformat
import pytest
from command import ROOT
from nbclient import NotebookClient

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter client, which is not ours
def test_it_runs_on_the_demo(path, demo_home, monkeypatch):
    monkeypatch.setenv("GOV_HOME", str(demo_home))
    monkeypatch.setenv("GOV_PIPELINES_PROJECT", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert "0.743" in outputs
    assert "demo (untrusted)" in outputs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
