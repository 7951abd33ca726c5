"""Who read what: what is permitted, declared, granted in the database, and read, each held against the one before."""

from __future__ import annotations

from gov_pipelines.access.fields import allowed_fields, declared_fields, declared_outside
from gov_pipelines.access.log import READ_SCHEMA, read_access_log
from gov_pipelines.access.outside import access_measurements, access_outside, granted, granted_outside
from gov_pipelines.access.patterns import Baseline, new_values, pattern_measurements, unnamed
from gov_pipelines.access.privileges import Grant, Privileges
from gov_pipelines.access.statements import grant_statements

__all__ = [
    "READ_SCHEMA", "Baseline", "Grant", "Privileges", "access_measurements", "access_outside", "allowed_fields",
    "declared_fields", "declared_outside", "grant_statements", "granted", "granted_outside", "new_values",
    "pattern_measurements", "read_access_log", "unnamed",
]  # fmt: skip
