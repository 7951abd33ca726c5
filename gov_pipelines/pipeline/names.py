"""What things are called in Dagster: names of asset checks and the addresses a person can open. Needs no Dagster."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from urllib.parse import quote, urlencode

from gov_pipelines.errors import ConfigurationError, Mistake
from gov_pipelines.policy import partition_key

SNAPSHOT = "compliance_snapshot"
"""The asset that carries one check per control."""


AUDITS = "audit_"
"""What the name of a job begins with that audits one partition of a system."""


def job_name(system: str) -> str:
    """The job that audits one partition of a system."""
    return f"{AUDITS}{system}"


def check_name(control: str) -> str:
    """The name of a control's asset check: `house-fair-lending/FL-1` is `house_fair_lending__FL_1`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", control.replace("/", "__"))


def check_names(controls: Collection[str]) -> dict[str, str]:
    """Check name to control key.

    Args:
        controls: control keys, `<policy>/<clause id>`.

    Raises:
        ConfigurationError: two controls share a name, such as clauses `FL-1` and `FL.1` of one policy. One of the two
            would be judged and never shown.
    """
    names = {check_name(control): control for control in sorted(controls)}
    alike = [
        (names[name], control, name) for control in sorted(controls) if names[name := check_name(control)] != control
    ]
    said = (f"{one} and {other} are both called {name} as asset checks" for one, other, name in alike)
    if alike:
        remedy = "Rename one of the two clauses."
        raise ConfigurationError([Mistake("expectations", 0, "clauses", problem, remedy) for problem in said])
    return names


def check_url(base: str, system: str, control: str, partition: date) -> str:
    """The address of a control's check in the Dagster UI.

    Args:
        base: where the UI is, such as `http://localhost:3000`.
        system: the audited system.
        control: its key, `<policy>/<clause id>`.
        partition: the day meant. The page lists the check's evaluations by partition, newest first.
    """
    query = urlencode({"view": "checks", "checkDetail": check_name(control), "partition": partition_key(partition)})
    return f"{base.rstrip('/')}/assets/{quote(system)}/{SNAPSHOT}?{query}"
