"""Measurements and judgements as plain rows: what a pandas frame and a Great Expectations result can carry."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from gov_pipelines.measure import Judgement, Measurement, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = ("metric", "method", "note", "system")
OBJECTS = ("attribute", "group", "reference_group", "stratum")  # JSON text: a condition can name it
INSTANTS = ("window_start", "window_end")  # ISO 8601
NUMBERS = ("value", "lower", "upper", "confidence", "p_value", "p_adjusted", "minimum_detectable")


def row_of(measurement: Measurement, control: str) -> dict[str, Any]:
    """One measurement as a flat row.

    Args:
        measurement: the measurement.
        control: key of the control it was measured for.

    Returns:
        Column to text, number, bool or None; `attribute` and the groups are JSON text such as `["race"]`.
    """
    return {
        "control": control,
        **{name: getattr(measurement, name) for name in (*TEXTS, *NUMBERS, "n", "tested")},
        **{name: _text_of_object(getattr(measurement, name)) for name in OBJECTS},
        **{name: _text_of_instant(getattr(measurement, name)) for name in INSTANTS},
    }


def measurement_of(row: Mapping[str, Any]) -> Measurement:
    """The measurement of a row. NaN is None: pandas has no other way to say undefined.

    Args:
        row: a row as `row_of` made it, perhaps through a frame.

    Returns:
        The measurement, equal to the one the row was made of.

    Raises:
        KeyError, TypeError, ValueError: the row is not one of `row_of`.
    """
    values: dict[str, Any] = {name: None if _undefined(value) else value for name, value in row.items()}
    for name in OBJECTS:
        values[name] = values[name] and json.loads(values[name])
    for name in INSTANTS:
        values[name] = values[name] and datetime.fromisoformat(values[name])
    for name in NUMBERS:
        values[name] = None if values[name] is None else float(values[name])
    values |= {"attribute": tuple(values["attribute"]), "n": int(values["n"]), "tested": bool(values["tested"])}
    return Measurement(**{each.name: values[each.name] for each in fields(Measurement)})


def dict_of(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain data, for the `observed_value` of an expectation.

    Args:
        judgement: the judgement.

    Returns:
        Plain JSON data; `decisive` is a row of `row_of`, or None.
    """
    decisive = judgement.decisive
    return {
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "decisive": None if decisive is None else row_of(decisive, ""),
        "breaches": judgement.breaches,
        "notes": list(judgement.notes),
    }


def judgement_of(observed: Mapping[str, Any]) -> Judgement:
    """The judgement of plain data.

    Args:
        observed: as `dict_of` made it.

    Returns:
        The judgement.

    Raises:
        KeyError, TypeError, ValueError: it is not a judgement of `dict_of`.
    """
    if observed["verdict"] not in get_args(Verdict):
        raise ValueError(f"{observed['verdict']!r} is no verdict; one of {', '.join(get_args(Verdict))} was expected")
    decisive = observed["decisive"]
    return Judgement(
        verdict=observed["verdict"],
        reason=observed["reason"],
        decisive=None if decisive is None else measurement_of(decisive),
        breaches=observed["breaches"],
        notes=tuple(observed["notes"]),
    )


def _undefined(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text_of_object(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(list(value) if isinstance(value, tuple) else dict(value), ensure_ascii=False)


def _text_of_instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
