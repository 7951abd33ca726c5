"""Who read what: the access log held against what intake declares."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gov_pipelines.access.log import READ_SCHEMA, read_access_log
    from gov_pipelines.access.outside import access_measurements, access_outside

_HOMES = {
    "READ_SCHEMA": "log",
    "access_measurements": "outside",
    "access_outside": "outside",
    "read_access_log": "log",
}

__all__ = ["READ_SCHEMA", "access_measurements", "access_outside", "read_access_log"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
