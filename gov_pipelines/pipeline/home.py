"""The resource every step uses: where the project and its home are."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.pipeline.names import AUDITS
from gov_pipelines.project import Project

if TYPE_CHECKING:
    from gov_pipelines.notify import Delivery
    from gov_pipelines.pipeline.night import Night
    from gov_pipelines.policy import Partition
    from gov_pipelines.store import Engine, Home


PATIENCE = 6 * 3600.0
"""Seconds that a run waits for another audit of the same system to end."""


def audited_systems(run: dg.DagsterRun) -> set[str]:
    """The systems a run audits: that of its job, or those whose assets were picked; writing pages is no audit."""
    if run.job_name.startswith(AUDITS):
        return {run.job_name.removeprefix(AUDITS)}
    return {key.path[0] for key in run.asset_selection or () if key.path[-1] != "report"}


class AuditHome(dg.ConfigurableResource):  # type: ignore[type-arg]  # generic over itself since 1.13, without meaning here
    """Project and home of the audit. Steps read the environment, secrets included, when a run starts.

    Attributes:
        project: absolute path of the folder with `assets/` and `expectations/`.
        home: absolute path of the folder that holds store, artifacts and keys.
    """

    project: str
    home: str

    @classmethod
    def of(cls, project: Project) -> AuditHome:
        """The resource of a project."""
        return cls(project=str(project.root), home=str(project.home))

    @property
    def files(self) -> Home:
        """The home, as the store names it."""
        from gov_pipelines.store import Home  # noqa: PLC0415  (not needed to load definitions)

        return Home(Path(self.home))

    @property
    def place(self) -> Project:
        """The project, as other rooms name it."""
        return Project(Path(self.project), Path(self.home))

    @contextmanager
    def auditing(self, systems: Iterable[str], *, wait: float = PATIENCE) -> Iterator[None]:
        """Hold the only right to audit some systems; it dies with the process.

        Two audits of one system at once, by two schedulers, would mix their files, and the second could not follow in
        the ledger.

        Raises:
            GovError: another process audits one of them, and did so for `wait` seconds.
        """
        from gov_pipelines.store import lock  # noqa: PLC0415  (as above)

        with ExitStack() as stack:
            for system in sorted(systems):
                stack.enter_context(lock(self.files, f"night-{system}", engine=self.store(), wait=wait))
            yield

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[AuditHome]:
        """What Dagster calls around a run: the run has its systems for itself."""
        with self.auditing(audited_systems(context.run) if context.run else ()):
            yield self

    def night(self, graph: SystemGraph, partition: date, *, run_id: str, as_of: datetime | None = None) -> Night:
        """One partition of one system, ready to be audited.

        It is judged as of its next morning unless `as_of` is given; a day audited before, no earlier than it was then.
        """
        from gov_pipelines.pipeline.night import Night  # noqa: PLC0415  (every room: a second that loading need not pay)
        from gov_pipelines.store import reading, snapshot_of  # noqa: PLC0415  (as above)

        with reading(self.store()) as connection:
            signed = snapshot_of(connection, graph.system, partition)
        usual = max(graph.as_of(partition), signed.as_of) if signed else graph.as_of(partition)
        return Night(
            home=self.files,
            project=Path(self.project),
            declaration=graph.declaration,
            policies=graph.policies,
            partition=partition,
            as_of=as_of or usual,
            environ=dict(os.environ),
            run_id=run_id,
        )

    def overdue(self, graph: SystemGraph, *, before: Partition, as_of: datetime) -> dict[Partition, str]:
        """The audited partitions before one that must be judged again, as `pipeline.overdue.overdue`, or recorded. No source is asked."""
        from gov_pipelines.pipeline.overdue import overdue, unrecorded  # noqa: PLC0415  (as above)
        from gov_pipelines.policy import partition_of  # noqa: PLC0415  (as above)
        from gov_pipelines.store import reading  # noqa: PLC0415  (as above)

        with reading(self.store()) as connection:
            left = unrecorded(self.files, graph.system, connection)
        # A crash leaves one package; several are those of a lost store, which signing tells.
        signed = {partition_of(folder.parent.name) for folder in left if len(left) == 1}
        unknown = dict.fromkeys((day for day in signed if day < before), "signed and not recorded")
        judged = overdue(self.files, graph.declaration, graph.policies, before=before, as_of=as_of)
        return dict(sorted((unknown | judged).items()))

    def changed(self, graph: SystemGraph, *, before: Partition) -> list[Partition]:
        """The audited partitions before one that the source has changed: as its own run noted, or else as the source says."""
        from gov_pipelines.pipeline.lookback import changed_since_audited, noted  # noqa: PLC0415  (as above)

        files, project = self.files, Path(self.project)
        if (note := noted(files, graph.system)) and note[0] == before:
            return note[2]
        return changed_since_audited(files, graph.declaration, before=before, project=project, environ=os.environ)

    def store(self) -> Engine:
        """The store: verdicts, snapshots, the outbox of alerts."""
        return _opened(os.environ.get("GOV_STORE_URL") or self.files.store_url)

    def deliver(self, now: datetime) -> Delivery:
        """Send what is due in the outbox, over the routes the environment names."""
        from gov_pipelines.notify import deliver, load_settings, routes_from  # noqa: PLC0415  (as above)

        return deliver(self.store(), routes_from(os.environ), now, load_settings(Path(self.project)))


@cache
def _opened(url: str) -> Engine:
    from gov_pipelines.store import open_store  # noqa: PLC0415  (as above)

    return open_store(url)
