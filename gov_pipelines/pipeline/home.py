"""The resource every step uses: where the project and its home are."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from gov_pipelines.pipeline.graph import SystemGraph
from gov_pipelines.project import Project

if TYPE_CHECKING:
    from gov_pipelines.notify import Delivery
    from gov_pipelines.pipeline.night import Night
    from gov_pipelines.store import Engine


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
    def place(self) -> Project:
        """The project, as other rooms name it."""
        return Project(Path(self.project), Path(self.home))

    def night(self, graph: SystemGraph, partition: date, *, run_id: str, as_of: datetime | None = None) -> Night:
        """One partition of one system, ready to be audited.

        It is judged as of its next morning unless `as_of` is given; a day audited before, no earlier than it was then.
        """
        from gov_pipelines.pipeline.night import Night  # noqa: PLC0415  (every room: a second that loading need not pay)
        from gov_pipelines.store import Home, reading, snapshot_of  # noqa: PLC0415  (as above)

        with reading(self.store()) as connection:
            signed = snapshot_of(connection, graph.system, partition)
        usual = max(graph.as_of(partition), signed.as_of) if signed else graph.as_of(partition)
        return Night(
            home=Home(Path(self.home)),
            project=Path(self.project),
            declaration=graph.declaration,
            policies=graph.policies,
            partition=partition,
            as_of=as_of or usual,
            environ=dict(os.environ),
            run_id=run_id,
        )

    def store(self) -> Engine:
        """The store: verdicts, snapshots, the outbox of alerts."""
        from gov_pipelines.store import Home, open_store  # noqa: PLC0415  (as above)

        return open_store(os.environ.get("GOV_STORE_URL") or Home(Path(self.home)).store_url)

    def deliver(self, now: datetime) -> Delivery:
        """Send what is due in the outbox, over the routes the environment names."""
        from gov_pipelines.notify import deliver, routes_from  # noqa: PLC0415  (as above)

        return deliver(self.store(), routes_from(os.environ), now)
