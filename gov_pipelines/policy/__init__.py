"""What must hold: systems, policies, clauses and their controls; what was in force when; what no control covers."""

from __future__ import annotations

from gov_pipelines.policy.calendar import Calendar, Partition, partition_key, partition_of, unit_of
from gov_pipelines.policy.columns import CANONICAL, log_schema
from gov_pipelines.policy.coverage import (
    GAPS,
    CoverageCell,
    LastVerdict,
    State,
    coverage_matrix,
    last_verdict,
    newest_due,
)
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.difference import differences
from gov_pipelines.policy.digests import (
    declaration_digest,
    declaration_of,
    declaration_text,
    digest_while,
    policy_digest,
    policy_of,
    policy_text,
)
from gov_pipelines.policy.document import Clause, Obligation, Policy
from gov_pipelines.policy.durations import Duration, Window
from gov_pipelines.policy.linter import Linted, examine, lint
from gov_pipelines.policy.loading import load_declaration, load_declarations, load_policies, load_policy
from gov_pipelines.policy.predicates import Predicate, PredicateError, parse_predicate
from gov_pipelines.policy.retention import Keeping, keeping, retention_rules
from gov_pipelines.policy.schema import schema_files
from gov_pipelines.policy.serving import Orphan, orphans
from gov_pipelines.policy.suggest import did_you_mean
from gov_pipelines.policy.timeline import (
    BoundClause,
    alarms_of_year,
    bound_clauses,
    control_key,
    control_keys,
    controls_in_force,
    in_force,
)

__all__ = [
    "CANONICAL", "GAPS", "BoundClause", "Calendar", "Clause", "CoverageCell", "Duration", "Keeping", "LastVerdict", "Linted", "Obligation", "Orphan", "Partition", "Policy",
    "Predicate", "PredicateError", "State", "SystemDeclaration", "Window", "alarms_of_year", "bound_clauses", "control_key", "control_keys",
    "controls_in_force", "coverage_matrix", "declaration_digest", "declaration_of", "declaration_text", "did_you_mean", "differences", "digest_while", "examine", "in_force", "keeping", "last_verdict", "lint",
    "load_declaration", "load_declarations", "load_policies", "load_policy", "log_schema", "newest_due", "orphans",
    "parse_predicate", "partition_key", "partition_of", "policy_digest", "policy_of", "policy_text", "retention_rules", "schema_files", "unit_of",
]  # fmt: skip
