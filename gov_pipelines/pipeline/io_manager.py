"""Frames and JSON between assets, as files of the partition's folder, so that assets of your own can read the graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_origin

import dagster as dg
import polars as pl

from gov_pipelines.errors import WrongUse
from gov_pipelines.pipeline.assets import STEPS
from gov_pipelines.policy import partition_of

_GENERATED = {(step.name,) for step in STEPS}


class ArtifactFiles(dg.ConfigurableIOManager):
    """Reads what the generated assets wrote; writes and reads what extensions return.

    A `polars.DataFrame` is a Parquet file, anything JSON can say is a JSON file, both whole or not at all. Generated
    assets write their artifacts themselves, in the partition's folder; those of extensions lie in `extensions/` in it,
    so that none can replace evidence. Nothing of the content goes into metadata but a count of rows.

    Attributes:
        home: absolute path of the home.
    """

    home: str

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Write what an asset returned; None writes nothing. Checks are kept by partition, so a run has only one."""
        from gov_pipelines.store import write_atomic, write_frame  # noqa: PLC0415  (not needed to load definitions)

        if obj is None:
            return
        path = self._path(context.asset_key, context.asset_partition_key if context.has_asset_partitions else None)
        if isinstance(obj, pl.DataFrame):
            write_frame(path.with_suffix(".parquet"), obj)
            context.add_output_metadata({"dagster/row_count": obj.height})
        else:
            write_atomic(path.with_suffix(".json"), json.dumps(obj, sort_keys=True, allow_nan=False).encode())

    def load_input(self, context: dg.InputContext) -> Any:
        """Read the artifact of one partition; of several, a dict by partition key.

        Raises:
            WrongUse: a partition has no such artifact yet, or the asset has none that can be read this way.
        """
        if not context.has_asset_partitions:
            return self._read(context, None)
        keys = context.asset_partition_keys
        # The annotation decides, not the count: an asset over all days gets a dict also on its first day.
        if len(keys) == 1 and get_origin(context.dagster_type.typing_type) is not dict:
            return self._read(context, keys[0])
        return {key: self._read(context, key) for key in keys}

    def _read(self, context: dg.InputContext, partition: str | None) -> Any:
        path = self._path(context.asset_key, partition)
        if path.with_suffix(".parquet").is_file():
            return pl.read_parquet(path.with_suffix(".parquet"))
        if path.with_suffix(".json").is_file():
            return json.loads(path.with_suffix(".json").read_text("utf-8"))
        name, day = context.asset_key.to_user_string(), f" of {partition}" if partition else ""
        raise WrongUse(
            f"{name}{day} has no artifact {path.name}.parquet or .json. Materialize it first, for that partition."
        )

    def _path(self, key: dg.AssetKey, partition: str | None) -> Path:
        from gov_pipelines.store import Home  # noqa: PLC0415  (as above)

        system, *name = key.path
        home = Home(Path(self.home))
        folder = home.partition_dir(system, partition_of(partition)) if partition else home.root / "artifacts" / system
        return folder / name[0] if tuple(name) in _GENERATED else folder / "extensions" / "__".join(name)
