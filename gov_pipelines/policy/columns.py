"""The canonical columns of a decision log: the one table that every room and `docs/decision-log.md` agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from gov_pipelines.policy.declaration import SystemDeclaration

MOMENT = pl.Datetime("us", "UTC")
TEXT = pl.String()
NUMBER = pl.Float64()


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column.

    Attributes:
        name: the name that rules, limits and declarations use.
        dtype: the Polars type it has after ingest; moments are UTC, to the microsecond.
        meaning: what it holds, in one sentence.
        null_rule: what a missing value means and what becomes of a rule that needs it.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    null_rule: str


_NEEDED = "Never null: the row is quarantined."
_OPTIONAL = "May be null; a rule that needs it is `undecidable`."
_NOT_YET = "Null means it has not happened; a running clock is `pending`, one that has run out `outside`."
_NO_REVIEW = "Null means no review is known; a decision that needs one is `pending` or `outside`."
_UNDATED = "Never null: the row is undated and belongs to no partition."
_NO_LABEL = "Null means not known yet; left out of measures that need it."
_NO_LABEL_AT = "Null where the label is, or where the source keeps no date."

_COLUMNS = (
    Column("decision_id", TEXT, "Names one decision, the same in every re-run.", _NEEDED),
    Column("decided_at", MOMENT, "When the decision was made; its local date is the partition.", _UNDATED),
    Column("decision", TEXT, "The decision, one of the declared `outcomes`.", _NEEDED),
    Column("score", NUMBER, "The model's score, in the model's own unit.", _OPTIONAL),
    Column("model_version", TEXT, "The version of the model that decided or recommended.", _OPTIONAL),
    Column("subject_key", TEXT, "A pseudonymous key of the person decided about.", _OPTIONAL),
    Column("product", TEXT, "What the decision is about, such as `home_loan`.", _OPTIONAL),
    Column("amount", NUMBER, "The amount at stake, in one currency.", _OPTIONAL),
    Column("proposed_decision", TEXT, "What the model recommended, where a person decided.", _OPTIONAL),
    Column("reviewer", TEXT, "The person who reviewed.", _OPTIONAL),
    Column("reviewer_role", TEXT, "The role in which the person reviewed.", _OPTIONAL),
    Column("reviewed_at", MOMENT, "When the review ended.", _NO_REVIEW),
    Column("review_outcome", TEXT, "What the review concluded.", _OPTIONAL),
    Column("requester", TEXT, "The person who asked for the decision; never their own reviewer.", _OPTIONAL),
    Column("reason_codes", TEXT, "The reasons given, as the source writes them.", _OPTIONAL),
    Column("completed_at", MOMENT, "When the application was complete.", _OPTIONAL),
    Column("notice_sent_at", MOMENT, "When the person was told.", _NOT_YET),
    Column("label", TEXT, "The outcome that matures later.", _NO_LABEL),
    Column("label_at", MOMENT, "When the label became known.", _NO_LABEL_AT),
    Column("fields_read", TEXT, "The fields the model read for this decision, as the source writes them.", _OPTIONAL),
    Column("source_seq", pl.Int64(), "The order of writing in the source; the highest of one id is the current row.", _OPTIONAL),
)  # fmt: skip
CANONICAL: dict[str, Column] = {column.name: column for column in _COLUMNS}


def log_schema(declaration: SystemDeclaration) -> dict[str, pl.DataType]:
    """The columns of a system's decision log, in order, with their types.

    Canonical columns first, then the protected attributes that it keeps and strata (text), then the declared fields (`number` is
    Float64, `category` is text). A column of the schema that the source lacks is null throughout.
    """
    declared: dict[str, pl.DataType] = dict.fromkeys((*declaration.attributes_in_log, *declaration.strata), TEXT)
    declared |= {name: NUMBER if field.type == "number" else TEXT for name, field in declaration.fields.items()}
    return {name: column.dtype for name, column in CANONICAL.items()} | {
        name: dtype for name, dtype in declared.items() if name not in CANONICAL
    }


def counted_columns(declaration: SystemDeclaration) -> frozenset[str]:
    """The columns whose values every tally counts, so that a distribution can be compared: declared ones and a few."""
    declared = (*declaration.fields, *declaration.protected_attributes, *declaration.strata)
    return frozenset({"amount", "decision", "model_version", "product", "score", *declared})
