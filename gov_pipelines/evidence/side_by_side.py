"""The packages of years, inspected side by side by several processes, with the very checks that one would make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import current_process, get_all_start_methods, get_context
from pathlib import Path

from gov_pipelines.errors import EvidenceError
from gov_pipelines.evidence.examine import Snapshot, inspect_package
from gov_pipelines.evidence.keys import PublicKey
from gov_pipelines.evidence.verification import Check, Checklist

_WORTH_A_PROCESS = 200  # packages: what it takes to start one inspects some
_AT_ONCE = 50  # packages handed to a process
_FORK = "fork"  # a copy of this process, which has everything read already; no other start is as cheap, or as sure


def enough_processes(packages: int) -> int:
    """How many processes so many packages are worth: one for each core, where there are many; 1 where none can be forked."""
    if _FORK not in get_all_start_methods() or current_process().daemon:
        return 1
    return max(1, min(len(os.sched_getaffinity(0)), packages // _WORTH_A_PROCESS))


def inspect_packages(
    packages: Sequence[tuple[Path, str]], trust: PublicKey | None, checks: Checklist, processes: int
) -> list[Snapshot | None]:
    """Inspect packages as `inspect_package` does, in order.

    Args:
        packages: folder of each, and what is prepended to file names in its checks.
        trust: the key an auditor trusts, if he gave one.
        checks: receives the checks: the same, in the same order, whatever the number of processes.
        processes: that share the work; 1 for this one alone.

    Returns:
        The snapshot of each, or None where its signed bytes could not be understood.

    Raises:
        EvidenceError: a process died, so that not every check was made.
    """
    if processes == 1:
        return [inspect_package(folder, prefix, trust, checks) for folder, prefix in packages]
    own = len(packages) // processes
    parts = [packages[start : start + _AT_ONCE] for start in range(own, len(packages), _AT_ONCE)]
    with ProcessPoolExecutor(processes - 1, get_context(_FORK)) as pool:
        try:
            rest = pool.map(partial(_inspect_part, trust), parts)
            snapshots = inspect_packages(packages[:own], trust, checks, processes=1)
            for found, made in rest:
                snapshots += found
                checks.checks += map(Check._make, made)
        except BrokenProcessPool as error:
            raise EvidenceError(
                f"one of {processes} processes that inspected {len(packages)} packages was killed, so nothing is verified; "
                "see whether memory ran out, and verify again"
            ) from error
    return snapshots


def _inspect_part(
    trust: PublicKey | None, packages: Sequence[tuple[Path, str]]
) -> tuple[list[Snapshot | None], list[tuple[object, ...]]]:
    checks = Checklist()
    found = inspect_packages(packages, trust, checks, processes=1)
    return found, [*map(tuple, checks.checks)]  # plain tuples, which take half the time to hand over
