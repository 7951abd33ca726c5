"""Tell someone: which turns of events are told, in which words, and getting them to a person at least once."""

from __future__ import annotations

from gov_pipelines.notify.alerts import Alert, alerts_for, missed_window
from gov_pipelines.notify.delivery import Delivery, deliver
from gov_pipelines.notify.routes import DEFAULT_ROUTE, routes_from

__all__ = ["DEFAULT_ROUTE", "Alert", "Delivery", "alerts_for", "deliver", "missed_window", "routes_from"]
