"""Tell someone: which turns of events are told, in which words, and getting them to a person at least once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gov_pipelines.notify.alerts import Alert, alerts_for, missed_window
    from gov_pipelines.notify.delivery import Delivery, deliver
    from gov_pipelines.notify.routes import DEFAULT_ROUTE, routes_from

_HOME_OF = {
    "Alert": "alerts",
    "alerts_for": "alerts",
    "missed_window": "alerts",
    "Delivery": "delivery",
    "deliver": "delivery",
    "DEFAULT_ROUTE": "routes",
    "routes_from": "routes",
}

__all__ = ["DEFAULT_ROUTE", "Alert", "Delivery", "alerts_for", "deliver", "missed_window", "routes_from"]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
