"""Tell someone: which turns of events are told, in which words, and getting them to a person at least once."""

from __future__ import annotations

from gov_pipelines.notify.alerts import alerts_for, missed_window, told
from gov_pipelines.notify.channels import Refusal, post
from gov_pipelines.notify.delivery import Delivery, deliver, try_receivers, where_waiting
from gov_pipelines.notify.pages import Page, acknowledge, open_pages
from gov_pipelines.notify.routes import DEFAULT_ROUTE, receivers_of, routes_from
from gov_pipelines.notify.settings import AlertSettings, Step, declared_settings, lint_alerts, load_settings

__all__ = [
    "DEFAULT_ROUTE", "AlertSettings", "Delivery", "Page", "Refusal", "Step", "acknowledge", "alerts_for", "declared_settings", "deliver", "lint_alerts",
    "load_settings", "missed_window", "open_pages", "post", "receivers_of", "routes_from", "told", "try_receivers", "where_waiting",
]  # fmt: skip
