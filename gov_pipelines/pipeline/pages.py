"""`report`: the pages over everything a home has signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from gov_pipelines.people import authority_of
from gov_pipelines.pipeline.register import open_books
from gov_pipelines.policy import Policy, load_declarations, orphans
from gov_pipelines.project import Project
from gov_pipelines.report import gather, render
from gov_pipelines.store import Engine, Home, reading


def write_pages(
    project: Project, engine: Engine, policies: Sequence[Policy], now: datetime, out: Path | None = None
) -> list[Path]:
    """Write the pages of all systems of a project; the first is the one with the gaps.

    A system that cannot be read is named on it. Policies that no system names count for what serves no clause alone.
    """
    home = Home(project.home)
    declared, mistakes = load_declarations(project.assets)
    useless = orphans(policies, declared.values(), project.root, today=now.date())
    authority, used = authority_of(home), open_books(project).policies
    with reading(engine) as connection:
        report = gather(connection, home, declared, used, now, authority, mistakes=mistakes, orphans=useless)
    return render(report, out or home.report_dir)
