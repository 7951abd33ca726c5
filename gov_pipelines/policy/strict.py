"""The base of every model a person writes: unknown fields are refused, values are not bent to fit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen, no extra fields. Fields whose name is a Python keyword carry an alias."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True)
