"""Run it: the Dagster component of an audited system, its assets, checks, schedule and sensors."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Loaded on first use: the command line prints addresses of checks without paying two seconds for Dagster.
_HOMES = {
    "component": ("AuditedSystem",),
    "graph": ("SystemGraph", "this_system"),
    "home": ("AuditHome",),
    "names": ("check_names", "check_url"),
    "runs": ("PartitionRun", "audit"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  (one table, so that nothing is exported twice or forgotten)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
