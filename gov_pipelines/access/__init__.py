"""Who read what: the access log held against what intake declares."""

from __future__ import annotations

from gov_pipelines.access.log import READ_SCHEMA, read_access_log
from gov_pipelines.access.outside import access_measurements, access_outside

__all__ = ["READ_SCHEMA", "access_measurements", "access_outside", "read_access_log"]
