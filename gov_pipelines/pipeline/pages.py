"""`report`: the pages over everything a home has signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gov_pipelines.evidence import load_signer
from gov_pipelines.pipeline.home import AuditHome
from gov_pipelines.pipeline.register import open_books
from gov_pipelines.policy import Policy, SystemDeclaration, load_declarations, orphans
from gov_pipelines.project import Project
from gov_pipelines.report import gather, render
from gov_pipelines.store import Engine, Home, reading


def write_report(audit: AuditHome, policies: Sequence[Policy]) -> list[Path]:
    """Write the pages of all systems of the project; one that cannot be read is named on the first page."""
    declarations, mistakes = load_declarations(audit.place.assets)
    home = Home(audit.place.home)
    now = datetime.now(UTC)
    return pages_of(
        home, audit.store(), declarations, policies, mistakes, now=now, root=audit.place.root, out=home.report_dir
    )


def pages_of(
    home: Home,
    engine: Engine,
    declarations: Mapping[str, SystemDeclaration],
    policies: Sequence[Policy],
    mistakes: Iterable[object],
    *,
    now: datetime,
    root: Path,
    out: Path,
) -> list[Path]:
    """Write the pages of a project, whose root is given; the first is the one with the gaps."""
    public = load_signer(home.keys_dir).public
    names = {public.keyid: public.name}
    with reading(engine) as connection:
        report = gather(
            connection,
            home,
            declarations,
            open_books(Project(root, home.root)).policies,
            now,
            key_names=names,
            mistakes=mistakes,
            authority=public,
            orphans=orphans(policies, declarations.values(), root, today=now.date()),
        )
    return render(report, out)
