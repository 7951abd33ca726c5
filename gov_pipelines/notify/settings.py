"""`alerts.yaml`: who is told of what, and when. Addresses are not in it; they are secrets, and in the environment."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field

from gov_pipelines.errors import ConfigurationError, Mistake
from gov_pipelines.notify.routes import DEFAULT_ROUTE
from gov_pipelines.people.working_days import later
from gov_pipelines.policy import Policy, did_you_mean, load_policies
from gov_pipelines.policy.declaration import Zone
from gov_pipelines.policy.durations import DurationField
from gov_pipelines.policy.kinds.bound import Severity
from gov_pipelines.policy.strict import Strict
from gov_pipelines.policy.yaml_file import read_yaml
from gov_pipelines.store import Alert

FILE = "alerts.yaml"
DIGESTED = frozenset({"warning", "undecided", "settled"})
PAGES = frozenset({"failing", "missing", "missed_window", "due"})


class Quiet(Strict):
    """Local hours in which messages wait, but those of the severities that break through."""

    from_: time = Field(alias="from", examples=['"19:00"'])
    until: time = Field(examples=['"07:00"'])
    but: list[Severity] = []


class Escalation(Strict):
    """Which route is told of a page that nobody acknowledged in time."""

    to: str = Field(examples=["head-of-credit"])
    after: DurationField = Field(examples=["1 working day"])


class Route(Strict):
    """When a route is told: its digest's local hour, its quiet hours, and who comes after it."""

    zone: Zone = "UTC"
    digest: time = time(8)
    quiet: Quiet | None = None
    escalate: Escalation | None = None

    def opens(self, at: datetime, severity: str) -> datetime:
        """The instant from which a message of a severity may go: at once, or when the quiet hours are over."""
        local = at.astimezone(ZoneInfo(self.zone))
        if self.quiet is None or severity in self.quiet.but:
            return at
        start, end, now = self.quiet.from_, self.quiet.until, local.time()
        if not (start <= now < end if start <= end else now >= start or now < end):
            return at
        return _local(local.date() + timedelta(days=now >= end), end, self.zone)

    def digested(self, at: datetime) -> datetime:
        """The instant of the digest that tells what was raised at `at`: the next one."""
        local = at.astimezone(ZoneInfo(self.zone))
        today = _local(local.date(), self.digest, self.zone)
        return today if at < today else _local(local.date() + timedelta(days=1), self.digest, self.zone)

    def patience(self, at: datetime, holidays: Collection[date]) -> datetime:
        """The instant at which a page that could be read from `at` on goes to the next route."""
        assert self.escalate is not None
        after = self.escalate.after
        if after.unit == "hours":
            return at + timedelta(hours=after.count)
        local = at.astimezone(ZoneInfo(self.zone))
        return _local(later(local.date(), after, holidays), local.time(), self.zone)


class Rule(Strict):
    """What is said of alerts of a system, of a control, of severities; of all where none is named."""

    system: str | None = None
    control: str | None = Field(default=None, examples=["house-fair-lending/FL-1"])
    severity: list[Severity] = []
    notify: list[str] = []
    recover_after: int | None = Field(default=None, ge=1, le=366)

    def speaks_of(self, system: str, control: str | None, severity: str) -> bool:
        """Whether an alert is meant."""
        named = self.system in {None, system} and self.control in {None, control}
        return named and (not self.severity or severity in self.severity)


class AlertSettings(Strict):
    """Of the first rule that speaks of an alert and says it, `notify` and `recover_after` are taken.

    `recover_after` is the number of windows without failure that make a recovery. `holidays` are left out of working
    days, besides those of the policies.
    """

    recover_after: int = Field(default=3, ge=1, le=366)
    holidays: list[date] = []
    routes: dict[str, Route] = {}
    rules: list[Rule] = []

    def wrong(self) -> Iterator[str]:
        """Escalation that goes round."""
        for name in self.routes:
            if (chain := self.chain(name))[-1] in chain[:-1]:
                yield f"escalation goes round: {' to '.join(chain)}; let the last route escalate to nobody"

    def chain(self, route: str) -> list[str]:
        """A route and those it escalates to, in order; up to and including the first that comes twice."""
        chain = [route]
        while (step := self.route(chain[-1]).escalate) and chain[-1] not in chain[:-1]:
            chain.append(step.to)
        return chain

    def route(self, name: str) -> Route:
        """A route's hours; the usual ones where it is not declared."""
        return self.routes.get(name) or Route()

    def clean(self, system: str, control: str | None, severity: str) -> int:
        """How many windows without failure make a recovery."""
        said = (each.recover_after for each in self.rules if each.speaks_of(system, control, severity))
        return next(filter(None, said), self.recover_after)

    def routes_of(self, alert: Alert) -> tuple[str, ...]:
        """Whom an alert goes to: the control's own `notify`, else the first rule's, else the default route."""
        said = (each.notify for each in self.rules if each.speaks_of(alert.system, alert.control, alert.severity))
        return tuple(alert.notify or next(filter(None, said), [DEFAULT_ROUTE]))

    def due(self, alert: Alert, name: str) -> datetime:
        """The instant from which an alert may go to a route. Only pages break through quiet hours."""
        route = self.route(name)
        if alert.transition in DIGESTED:
            return route.digested(alert.raised_at)
        return route.opens(alert.raised_at, alert.severity if alert.transition in PAGES else "")

    def escalations(self, alert: Alert) -> list[Step]:
        """Whom a page that nobody acknowledges goes to next, and when: each route once, at its earliest."""
        steps: dict[str, datetime] = {}
        for first in self.routes_of(alert):
            at = self.due(alert, first)
            for name, following in pairwise(self.chain(first)):
                at = self.route(name).patience(at, self.holidays)
                steps[following] = min(at, steps.get(following, at))
                at = self.route(following).opens(at, alert.severity)
        return sorted((Step(at, name) for name, at in steps.items()), key=lambda step: step.at)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation: from when on which route is told."""

    at: datetime
    route: str


def declared_settings(root: Path) -> AlertSettings:
    """Read the alerts.yaml of a project's folder; the usual settings where there is none.

    A file with mistakes is logged and counts as none, for a slip in it must not silence a page: `gov lint` names them.
    """
    file = root / FILE
    try:
        return read_yaml(file, FILE).read_as(AlertSettings) if file.is_file() else AlertSettings()
    except ConfigurationError:
        logging.getLogger(__name__).warning("%s has mistakes and is not used; run `gov lint`", FILE)
        return AlertSettings()


def load_settings(root: Path) -> AlertSettings:
    """Read the alerts.yaml of a project's folder; where an escalation counts working days, with the policies' holidays."""
    settings = declared_settings(root)
    if all(route.escalate is None or route.escalate.after.unit != "working days" for route in settings.routes.values()):
        return settings
    days = {day for policy in load_policies(root / "expectations")[0] for day in policy.holidays}
    return settings.model_copy(update={"holidays": sorted(days.union(settings.holidays))})


def lint_alerts(root: Path, policies: Iterable[Policy]) -> list[Mistake]:
    """Find the mistakes of alerts.yaml, and the routes that are named and not in it; none where there is no file."""
    if not (root / FILE).is_file():
        return []
    try:
        settings = read_yaml(root / FILE, FILE).read_as(AlertSettings)
    except ConfigurationError as error:
        return list(error.mistakes)
    known = {DEFAULT_ROUTE, *settings.routes}
    named = [(FILE, f"rules[{place}]", name) for place, rule in enumerate(settings.rules) for name in rule.notify]
    named += [(FILE, f"routes.{name}", route.escalate.to) for name, route in settings.routes.items() if route.escalate]
    named += [
        (f"{policy.policy} version {policy.version}", f"clauses[{clause.id}]", name)
        for policy in policies
        for clause in policy.clauses
        for name in (clause.control.notify if clause.control else ())
    ]
    remedy = f"Declare it under `routes` of {FILE}, or correct its name."
    return [
        Mistake(file, 0, place, f"route `{name}` is not in {FILE}", did_you_mean(name, known) or remedy)
        for file, place, name in named
        if name not in known
    ]


def _local(day: date, at: time, zone: str) -> datetime:
    return datetime.combine(day, at.replace(tzinfo=None), ZoneInfo(zone)).astimezone(UTC)
