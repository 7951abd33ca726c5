"""Where things are: the project whose assets/ and expectations/ people edit, and the home that holds results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gov_pipelines.errors import WrongUse

PROJECT_VARIABLE = "GOV_PIPELINES_PROJECT"
HOME_VARIABLE = "GOV_HOME"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `assets/` and `expectations/`.

    Attributes:
        root: absolute path of the folder.
        home: where the store, artifacts and keys of this project are; `.gov` in the project by default.
    """

    root: Path
    home: Path

    @property
    def assets(self) -> Path:
        """One folder per audited system."""
        return self.root / "assets"

    @property
    def expectations(self) -> Path:
        """Policies as code."""
        return self.root / "expectations"

    @property
    def suites(self) -> Path:
        """The compiled Great Expectations suites."""
        return self.expectations / "suites"

    def declaration_file(self, system: str) -> Path:
        """The file that declares a system."""
        return self.assets / system / "defs.yaml"


def find_project(environ: Mapping[str, str], start: Path) -> Project:
    """The project around `start`, or the one named by GOV_PIPELINES_PROJECT; its home, or the one named by GOV_HOME.

    Raises:
        WrongUse: there is none.
    """
    root = _root(environ, start)
    home = Path(environ.get(HOME_VARIABLE) or ".gov").expanduser()
    return Project(root, home if home.is_absolute() else root / home)


def _root(environ: Mapping[str, str], start: Path) -> Path:
    if named := environ.get(PROJECT_VARIABLE):
        if not (Path(named) / "assets").is_dir():
            raise WrongUse(
                f"{PROJECT_VARIABLE} names {named}, which has no folder assets/. Name the folder of your project."
            )
        return Path(named).resolve()
    for origin in (start.resolve(), Path(__file__).resolve().parent):
        for folder in (origin, *origin.parents):
            if (folder / "assets").is_dir() and (folder / "expectations").is_dir():
                return folder
    raise WrongUse(
        f"No project found in {start} or above: a folder with assets/ and expectations/. "
        f"Change into yours, or set {PROJECT_VARIABLE} to it."
    )
