"""One system's place in Dagster: the keys of its assets, its partitions, the controls it is held to."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from gov_pipelines.errors import ConfigurationError, Mistake
from gov_pipelines.pipeline.names import check_names
from gov_pipelines.policy import (
    Calendar,
    Partition,
    Policy,
    SystemDeclaration,
    control_keys,
    load_declaration,
    load_policies,
    partition_key,
)
from gov_pipelines.policy.calendar import KEY_OF_HOUR


@dataclass(frozen=True)
class SystemGraph:
    """What the assets, checks, schedule and extensions of one system agree on.

    Attributes:
        declaration: what a person declared of the system.
        policies: every policy that could be read, all versions.
    """

    declaration: SystemDeclaration
    policies: tuple[Policy, ...]

    @property
    def system(self) -> str:
        """The system's name: first part of its asset keys, its group, and its folder."""
        return str(self.declaration.system)

    @cached_property
    def calendar(self) -> Calendar:
        """The partitions, as the rest of the house counts them."""
        return self.declaration.calendar

    @cached_property
    def partitions(self) -> dg.TimeWindowPartitionsDefinition:
        """The days from `starts` up to and without `ends`, in the system's zone, or their hours; each exists once it is over."""
        calendar = self.calendar
        if calendar.hourly:
            end = calendar.span(calendar.ends)[0] if calendar.ends else None
            start = calendar.span(calendar.starts)[0]
            return dg.TimeWindowPartitionsDefinition(start=start, end=end, fmt=KEY_OF_HOUR, cron_schedule="0 * * * *")
        return dg.DailyPartitionsDefinition(
            start_date=partition_key(calendar.starts),
            end_date=partition_key(calendar.ends) if calendar.ends else None,
            timezone=calendar.zone,
            exclusions=_days_without(calendar.only_on),
        )

    @cached_property
    def checks(self) -> dict[str, str]:
        """Name of each control's asset check to the control's key."""
        return check_names(control_keys(self.policies, self.declaration))

    def key(self, name: str) -> dg.AssetKey:
        """The key of one of the system's assets, such as `key("decision_log")`."""
        return dg.AssetKey([self.system, name])

    def as_of(self, partition: Partition) -> datetime:
        """When the partition is judged unless a run says otherwise: at the schedule's time after its end; UTC."""
        schedule, end = self.declaration.schedule, self.calendar.span(partition)[1]
        if self.calendar.hourly:
            return end + timedelta(minutes=schedule.minute)
        morning = datetime.combine(partition + timedelta(days=1), schedule.at, tzinfo=ZoneInfo(self.calendar.zone))
        # Where clocks skip that time the schedule runs at the skip, and nothing is judged as of an instant still to come.
        return max(end, min(morning.replace(fold=fold).astimezone(UTC) for fold in (0, 1)))

    def goes_on(self, now: datetime) -> bool:
        """Whether a partition is still to come at `now`, so that the schedule has something to do."""
        ends = self.calendar.ends
        last = self.calendar.newest(self.calendar.span(ends)[0]) if ends else None
        return ends is None or (last is not None and self.as_of(last) > now)


def read_graph(file: Path, expectations: Path) -> SystemGraph:
    """Read a system's declaration and the policies it names.

    Args:
        file: `assets/<system>/defs.yaml`.
        expectations: the folder of policies.

    Raises:
        ConfigurationError: with every mistake in the declaration, and in each policy file that may bind this system: a
            clause that cannot be read would otherwise vanish without a trace.
    """
    declaration = load_declaration(file)
    policies, mistakes = _policies(expectations, _stamps(expectations))
    binding = [mistake for mistake in mistakes if _may_bind(mistake, declaration.policies, expectations)]
    name = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    unknown = sorted(set(declaration.policies) - {policy.policy for policy in policies})
    if not binding:  # a policy with mistakes is not unknown
        remedy = f"Write it in {expectations.name}/, or remove its name."
        binding += [
            Mistake(name, 0, "attributes.policies", f"there is no policy {policy!r}", remedy) for policy in unknown
        ]
    if binding:
        raise ConfigurationError(binding)
    graph = SystemGraph(declaration, tuple(policies))
    assert graph.checks is not None  # read here, so that two controls of one name are found while loading
    return graph


@lru_cache(maxsize=1)
def _policies(expectations: Path, _: frozenset[tuple[Path, int, int]]) -> tuple[list[Policy], list[Mistake]]:
    """The policies as these files say them: 200 systems of one project read them once."""
    return load_policies(expectations)


def _stamps(folder: Path) -> frozenset[tuple[Path, int, int]]:
    """What changes when a file under a folder does."""
    found = ((file, file.stat()) for file in folder.rglob("*.y*ml"))
    return frozenset((file, stat.st_mtime_ns, stat.st_size) for file, stat in found)


def this_system(file: str | Path) -> SystemGraph:
    """Read the graph of the system in whose folder a Python file lies.

    For extensions, `graph = this_system(__file__)`: `graph.key("decision_log")`, `graph.partitions` and `graph.system` are what an `@dg.asset` or
    `@dg.asset_check` of your own needs to stand on the generated graph.

    Raises:
        ConfigurationError: the declaration beside the file, or a policy it names, has mistakes.
    """
    folder = Path(file).resolve().parent
    return read_graph(folder / "defs.yaml", folder.parent.parent / "expectations")


def _days_without(only_on: Collection[str]) -> list[str] | None:
    """Cron texts of the midnights of all days but some, as Dagster takes them; None where every day counts."""
    months = {month: [day for day in range(1, 32) if f"{month:02}-{day:02}" not in only_on] for month in range(1, 13)}
    return [f"0 0 {','.join(map(str, days))} {month} *" for month, days in months.items()] if only_on else None


def _may_bind(mistake: Mistake, named: Sequence[str], expectations: Path) -> bool:
    """Whether the file with this mistake holds a policy of these names, or one whose name cannot be told."""
    path = expectations.parent / mistake.file
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    found = re.search(r"^policy:[ \t]*[\"']?([a-z][a-z0-9-]*)", text, re.MULTILINE)
    return found is None or found[1] in named
