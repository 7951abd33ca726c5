"""Dagster's own instance of a home: its runs, events and schedules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from io import StringIO

import dagster as dg
from ruamel.yaml import YAML

from gov_pipelines.errors import SourceUnreachable, WrongUse
from gov_pipelines.project import Project
from gov_pipelines.store import Home, lock, write_atomic

URL_VARIABLE = "GOV_DAGSTER_URL"
"""Names the PostgreSQL database of Dagster's runs and events, `postgresql+psycopg2://...`; SQLite in the home without it."""

_HEADER = "# Written by gov from the project's dagster.yaml: change that one.\n"
_SCHEME = "postgresql+psycopg2://"
_KEPT_OPEN = {
    "module": "gov_pipelines.pipeline.event_log",
    "class": "OpenEventLog",
    "config": {"base_dir": {"env": "DAGSTER_HOME"}},
}
_RUNS_AT_ONCE = {"sqlite": 1, "postgresql": 4}  # SQLite has one writer


def open_instance(project: Project) -> dg.DagsterInstance:
    """Open the instance in the home's dagster/ folder, its settings written from the project's dagster.yaml.

    DAGSTER_HOME is set to that folder for this process and its children.

    Raises:
        WrongUse: the URL is not for dagster-postgres, or that is not installed.
        SourceUnreachable: Dagster's database did not answer.
        GovError: another process opened it for ten minutes.
    """
    folder = Home(project.home).dagster_dir
    settings, own = folder / "dagster.yaml", project.root / "dagster.yaml"
    wanted = instance_settings(own.read_text("utf-8") if own.is_file() else "telemetry: {enabled: false}", os.environ)
    if not settings.is_file() or settings.read_bytes() != wanted:
        write_atomic(settings, wanted)
    os.environ["DAGSTER_HOME"] = str(folder)
    url = os.environ.get(URL_VARIABLE)
    if url and not url.startswith(
        _SCHEME
    ):  # SQLAlchemy 2.1 would take psycopg 3, which refuses dagster-postgres's NOTIFY
        raise WrongUse(f"{URL_VARIABLE} must begin with {_SCHEME}, the one driver that dagster-postgres can use")
    if url and find_spec("dagster_postgres") is None:
        raise WrongUse(f"{URL_VARIABLE} is set without dagster-postgres: pip install 'gov-pipelines[postgres]'")
    with lock(Home(project.home), "dagster"):  # two processes that make Dagster's SQLite files at once break each other
        try:
            return dg.DagsterInstance.from_config(str(folder))
        except Exception as error:  # noqa: BLE001  (any of three drivers'; their text may hold the address and the login)
            remedy = f"Check that it runs, and {URL_VARIABLE}" if url else f"Check that the disk has room, and {folder}"
            raise SourceUnreachable(f"Dagster's database did not answer ({type(error).__name__}). {remedy}") from None


def instance_settings(own: str, environ: Mapping[str, str]) -> bytes:
    """Complete a project's dagster.yaml: where Dagster keeps its tables, and how many runs they bear at once.

    What the project says itself stands. Of the database only the variable's name is written.
    """
    yaml, text = YAML(), StringIO(_HEADER)
    settings = yaml.load(own) or {}
    back_end = "postgresql" if environ.get(URL_VARIABLE) else "sqlite"
    if back_end == "postgresql":
        settings.setdefault("storage", {"postgres": {"postgres_url": {"env": URL_VARIABLE}}})
    elif "storage" not in settings:
        settings.setdefault("event_log_storage", _KEPT_OPEN)
    runs = settings.setdefault("concurrency", {}).setdefault("runs", {})
    runs.setdefault("max_concurrent_runs", _RUNS_AT_ONCE[back_end])
    text.seek(0, 2)
    yaml.dump(settings, text)
    return text.getvalue().encode()
