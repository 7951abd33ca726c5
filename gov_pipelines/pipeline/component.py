"""The Dagster component behind `type: gov_pipelines.pipeline.AuditedSystem`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb

import dagster as dg
from pydantic import BaseModel, ConfigDict

from gov_pipelines.errors import ConfigurationError, Mistake
from gov_pipelines.pipeline.arrivals import arrivals
from gov_pipelines.pipeline.assets import REPORT, system_assets
from gov_pipelines.pipeline.checks import control_checks, partitioned_checks
from gov_pipelines.pipeline.graph import SystemGraph, read_graph
from gov_pipelines.pipeline.names import job_name
from gov_pipelines.pipeline.schedule import nightly


class Attributes(BaseModel):
    """The attributes of an audited system, as Dagster sees them: whatever stands there.

    Dagster would evaluate them as templates, stop at the first mistake and know neither remedy nor, for many fields,
    line. The file is plain data instead, read by `policy.load_declaration`, which names every mistake at once.
    """

    model_config = ConfigDict(extra="allow")


@dataclass
class AuditedSystem(dg.Component):
    """One AI system under audit: its graph of assets, its asset checks, its nightly schedule, its extensions.

    What a declaration may say is documented field by field in `gov_pipelines.policy.SystemDeclaration`.

    Attributes:
        graph: the system's declaration, partitions and controls.
    """

    graph: SystemGraph

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model that Dagster checks the attributes against: it accepts all, our own reader follows."""
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> AuditedSystem:
        """Read the declaration in the component's folder.

        Raises:
            ConfigurationError: with every mistake.
        """
        del attributes  # the file itself is read: with lines, and with no template evaluated
        return cls(read_graph(context.path / "defs.yaml", context.project_root / "expectations"))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The system's definitions, and those of the Python files beside its declaration.

        Raises:
            ConfigurationError: a Python file cannot be loaded, or defines an asset outside the system's name.
        """
        checks = control_checks(self.graph)
        with partitioned_checks():
            own = _extensions(self.graph, context)
        report = dg.AssetSelection.assets(self.graph.key(REPORT))
        everything = dg.AssetSelection.key_prefixes([self.graph.system])
        job = dg.define_asset_job(
            job_name(self.graph.system),
            selection=everything - report,
            description=f"Audits one day of {self.graph.system}. Launch it for any day or range.",
        )
        generated = dg.Definitions(
            assets=system_assets(self.graph),
            asset_checks=[checks] if checks else [],
            jobs=[job, dg.define_asset_job(f"report_{self.graph.system}", selection=report)],
            schedules=[nightly(self.graph, job)],
            sensors=[arrivals(self.graph, job)] if self.graph.declaration.schedule.on_arrival else [],
        )
        return dg.Definitions.merge(generated, *own)


def _extensions(graph: SystemGraph, context: dg.ComponentLoadContext) -> Sequence[dg.Definitions]:
    """Load the Python files of the folder. Dagster itself loads none beside a `defs.yaml`."""
    loaded = []
    for file in sorted(context.path.glob("*.py")):
        if file.name == "__init__.py":
            continue
        try:
            module = context.load_defs_relative_python_module(file)
            found = dg.Definitions(
                assets=dg.load_assets_from_modules([module]), asset_checks=dg.load_asset_checks_from_modules([module])
            )
        except Exception as error:  # a file of somebody else's can raise anything; it is named, and the cause kept
            problem = f"{type(error).__name__}: {error}"
            raise ConfigurationError(
                [Mistake(_short(file, context), _line(error, file) or 0, "python", problem, "Mend the file.")]
            ) from error
        _refuse_strangers(graph, found, _short(file, context))
        loaded.append(found)
    return loaded


def _refuse_strangers(graph: SystemGraph, found: dg.Definitions, file: str) -> None:
    """An extension's assets bear the system's name: the nightly job selects by it, and files are kept by it."""
    strange = [
        key.to_user_string()
        for asset in found.assets or []
        if isinstance(asset, dg.AssetsDefinition) and not isinstance(asset, dg.AssetChecksDefinition)
        for key in asset.keys
        if key.path[0] != graph.system or len(key.path) < 2
    ]
    if strange:
        remedy = 'Write `key=graph.key("...")` with `graph = this_system(__file__)`.'
        raise ConfigurationError(
            [Mistake(file, 0, key, f"the asset is not under {graph.system}/", remedy) for key in strange]
        )


def _short(file: Path, context: dg.ComponentLoadContext) -> str:
    return str(file.relative_to(context.project_root))


def _line(error: Exception, file: Path) -> int | None:
    """The last line of the file that was being executed or read; 0 where none was."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    return next((frame.lineno for frame in reversed(extract_tb(error.__traceback__)) if frame.filename == str(file)), 0)
