"""Loading every system of a project: one that is broken never stops the others, and is never silent.

Dagster loads all of `assets/` or nothing. We load all; where that fails, each folder by itself, and a folder that still
fails becomes a stand-in that fails every night (`broken.py`). `dg check defs` and `dagster definitions validate` must
say so instead of passing: both set DAGSTER_IS_DEFS_VALIDATION_CLI, which Dagster documents for this use, so that there
is no flag of ours that somebody must remember to set. Under it the load raises, with every mistake of every file.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from gov_pipelines.errors import ConfigurationError, GovError, WrongUse
from gov_pipelines.pipeline.broken import stand_in
from gov_pipelines.project import Project

VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"


def load_systems(project: Project, environ: Mapping[str, str]) -> dg.Definitions:
    """The definitions of every folder in `assets/`.

    Args:
        project: whose systems.
        environ: the environment; Dagster says in it whether it validates.

    Raises:
        ConfigurationError: Dagster validates, and there are mistakes; all of them.
    """
    validating = environ.get(VALIDATING) == "1"
    if validating:
        from gov_pipelines.policy import lint  # noqa: PLC0415  (a nightly load does not pay for it)

        if mistakes := lint(project.assets, project.expectations):
            raise ConfigurationError(mistakes)
    try:
        return _load(project, "assets")
    except Exception:  # YAML, declarations and Python of many hands: anything can be raised
        if validating:
            raise
    folders = sorted(folder for folder in project.assets.iterdir() if (folder / "defs.yaml").is_file())
    return dg.Definitions.merge(*(_alone(project, folder) for folder in folders))


def _alone(project: Project, folder: Path) -> dg.Definitions:
    try:
        found = _load(project, f"assets.{folder.name}")
    except Exception as error:  # noqa: BLE001  (as above; the stand-in tells what it was)
        return stand_in(folder.name, _in_words(error, project))
    return dg.Definitions(
        assets=found.assets,
        asset_checks=found.asset_checks,
        jobs=found.jobs,
        schedules=found.schedules,
        sensors=found.sensors,
        resources=found.resources,
    )  # without its component tree, of which a code location holds only one


def _load(project: Project, name: str) -> dg.Definitions:
    # Dagster imports assets/ by name after it has restored sys.path, also in a checkout that is not installed.
    if str(project.root) not in sys.path:
        sys.path.insert(0, str(project.root))
    module = importlib.import_module(name)
    expected = project.root.joinpath(*name.split("."))
    if Path(next(iter(module.__path__))).resolve() != expected.resolve():
        raise WrongUse(
            f"Another package called `{name}` hides {expected}. Uninstall it, or start where it is not on the path."
        )
    with warnings.catch_warnings():
        # What Dagster itself does while it loads a project, and silences in its own entry: nothing of ours is under it.
        warnings.filterwarnings("ignore", "`parse_obj_as` is deprecated", category=DeprecationWarning)
        warnings.filterwarnings("ignore", "Class `(LocalFile)?CodeReference", category=dg.BetaWarning)
        warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDef", category=dg.BetaWarning)
        return dg.ComponentTree.from_module(defs_module=module, project_root=project.root).build_defs()


def _in_words(error: BaseException, project: Project) -> str:
    """What a person can act on, from under Dagster's wrapping; without the folders above the project."""
    innermost = error
    while innermost.__cause__ is not None and not isinstance(innermost, GovError):
        innermost = innermost.__cause__
    text = str(innermost) if isinstance(innermost, GovError) else f"{type(innermost).__name__}: {innermost}"
    return text.replace(f"{project.root}/", "")
