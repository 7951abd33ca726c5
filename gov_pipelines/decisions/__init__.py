"""What was decided: sources, the canonical log, quarantine, and a verdict per decision and rule."""

from __future__ import annotations

from gov_pipelines.decisions.beside import REVIEW
from gov_pipelines.decisions.casts import as_integer, as_moment, as_text
from gov_pipelines.decisions.extract import RowAccounting, digests_now, elsewhere, read_partition, touched_since
from gov_pipelines.decisions.fingerprints import frame_digest
from gov_pipelines.decisions.joins import with_attributes_apart
from gov_pipelines.decisions.judge import decision_measurements, judge_decisions, judged_controls, verdicts_under
from gov_pipelines.decisions.log import Canonical
from gov_pipelines.decisions.merging import CHANGE_SCHEMA, Kept
from gov_pipelines.decisions.past import Past, read_past
from gov_pipelines.decisions.places import Columns, During, Place, Query, open_sources
from gov_pipelines.decisions.scanning import readable, scan_file
from gov_pipelines.decisions.tombstones import ERASED, NOTHING_ERASED, Tombstones

__all__ = [
    "CHANGE_SCHEMA", "ERASED", "NOTHING_ERASED", "REVIEW", "Canonical", "Columns", "During",
    "Kept", "Past", "Place", "Query", "RowAccounting", "Tombstones",
    "as_integer", "as_moment", "as_text", "decision_measurements", "digests_now", "elsewhere", "frame_digest", "judge_decisions", "judged_controls",
    "open_sources", "read_partition", "read_past", "readable", "scan_file", "touched_since", "verdicts_under", "with_attributes_apart",
]  # fmt: skip
