"""The `gov` command."""

from __future__ import annotations

from gov_pipelines.cli.app import main

__all__ = ["main"]
