"""What must hold: systems, policies, clauses and their controls; what was in force when; what no control covers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Loaded on first use: `gov --help` and the code location name this room without paying for sqlglot and ruamel.
_HOMES = {
    "columns": ("CANONICAL", "Column", "counted_columns", "log_schema"),
    "coverage": ("CoverageCell", "LastVerdict", "coverage_matrix", "last_verdict", "newest_due"),
    "declaration": ("SystemDeclaration",),
    "document": ("Clause", "Level", "Obligation", "Policy"),
    "durations": ("Duration", "Window", "parse_duration", "parse_window"),
    "digests": ("declaration_digest", "policy_digest", "policy_text"),
    "timeline": (
        "BoundClause",
        "acts_of",
        "bound_clauses",
        "control_key",
        "control_keys",
        "controls_in_force",
        "in_force",
    ),
    "linter": ("lint",),
    "loading": ("load_declaration", "load_declarations", "load_policies", "load_policy"),
    "predicates": ("Predicate", "PredicateError", "parse_predicate"),
    "suggest": ("did_you_mean",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  (one table, so that nothing is exported twice or forgotten)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
