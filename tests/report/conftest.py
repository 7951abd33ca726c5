import importlib.util
import sys
from pathlib import Path

import pytest

from gov_pipelines.report import render


def load(name):
    spec = importlib.util.spec_from_file_location(f"report_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample():
    """The module that builds sample reports."""
    return load("sample")


@pytest.fixture(scope="session")
def pages(sample, tmp_path_factory):
    """The folder of the rendered sample: two systems, one of them with a page name that must not clash."""
    out = tmp_path_factory.mktemp("pages")
    render(sample.report(sample.system(), sample.system("index", controls=sample.CONTROLS[:3])), out)
    return out
