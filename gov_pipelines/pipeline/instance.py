"""Dagster's own instance of a home: its runs, events and schedules."""

from __future__ import annotations

import os

import dagster as dg

from gov_pipelines.project import Project
from gov_pipelines.store import Home, write_atomic

_PLAIN = b"telemetry: {enabled: false}\n"


def open_instance(project: Project) -> dg.DagsterInstance:
    """Open the instance in the home's dagster/ folder, made with the project's dagster.yaml if it is new.

    DAGSTER_HOME is set to that folder for this process and its children.
    """
    folder = Home(project.home).dagster_dir
    settings = folder / "dagster.yaml"
    if not settings.is_file():
        own = project.root / "dagster.yaml"
        write_atomic(settings, own.read_bytes() if own.is_file() else _PLAIN)
    os.environ["DAGSTER_HOME"] = str(folder)
    return dg.DagsterInstance.from_config(str(folder))
