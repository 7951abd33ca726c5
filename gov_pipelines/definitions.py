"""The code location that workspace.yaml names: every system of the project, and what watches over them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from gov_pipelines.pipeline.catchup import catch_up
from gov_pipelines.pipeline.duties import duties
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.io_manager import ArtifactFiles
from gov_pipelines.pipeline.keeping import retention
from gov_pipelines.pipeline.loading import load_systems
from gov_pipelines.pipeline.watch import reports, sensors
from gov_pipelines.project import Project, find_project


def load(project: Project, environ: Mapping[str, str], audit: AuditHome | None = None) -> dg.Definitions:
    """The definitions of a project.

    Args:
        project: whose `assets/` are loaded.
        environ: the environment, in which Dagster says whether it only validates.
        audit: the resource its steps use; that of the project unless given.

    Raises:
        ConfigurationError: Dagster validates, and files have mistakes. In all other loads a broken system becomes one
            that fails every night, and the others are as if it were not there.
    """
    systems = load_systems(project, environ)
    return dg.Definitions.merge(
        systems,
        duties(),
        retention(),
        dg.Definitions(
            sensors=[*sensors(), reports(), catch_up(systems.jobs or ())],
            resources={"audit": audit or AuditHome.of(project), "io_manager": ArtifactFiles(home=str(project.home))},
            # An audit's small steps share memory and one import of Great Expectations; scale out by runs.
            executor=dg.in_process_executor,
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The project around the working directory, or the one named by GOV_PIPELINES_PROJECT."""
    return load(find_project(os.environ, Path.cwd()), os.environ)
