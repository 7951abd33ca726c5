"""Policies compiled to Great Expectations suites: committed like a lock file, read by people, run by `run_suite`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from gov_pipelines.errors import Mistake, WrongUse
from gov_pipelines.policy import BoundClause, Policy, bound_clauses, policy_digest
from gov_pipelines.policy.kinds import Control, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

CONTROL_TO_HOLD = "expect_control_to_hold"
_NOT_THE_LIMIT = {"acts", "on_fail", "notify", "severity"}  # how a control acts and whom it tells: in the meta data
_CONTROL: TypeAdapter[Control] = TypeAdapter(Annotated[Control, Field(discriminator="kind")])


def compile_suites(policies: Iterable[Policy]) -> dict[str, bytes]:
    """Compile each policy version to one suite in the JSON form that Great Expectations itself loads.

    A suite holds one expectation for each clause with a control. A control of kind `expectation` becomes the named
    expectation itself; every other becomes `expect_control_to_hold`, its keywords the control's parameters as the
    policy states them, defaults included. Great Expectations is not imported.

    Args:
        policies: policy versions, in any order.

    Returns:
        File name `<policy>@<version>.json` to UTF-8 JSON: sorted keys, indented by two, closing newline. The same
        policies give the same bytes.

    Raises:
        WrongUse: two documents claim the same version of the same policy.
    """
    suites: dict[str, bytes] = {}
    for policy in sorted(policies, key=lambda each: (each.policy, each.version)):
        name = f"{policy.policy}@{policy.version}"
        if f"{name}.json" in suites:
            raise WrongUse(f"{name} is written twice. Give one of the two policy documents another version.")
        suites[f"{name}.json"] = (
            json.dumps(_suite(name, policy), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        ).encode()
    return suites


def write_suites(policies: Iterable[Policy], directory: Path) -> list[Path]:
    """Write the compiled suites into a folder and remove those whose policy version is gone.

    Args:
        policies: policy versions, in any order.
        directory: the folder of suites, `expectations/suites`; made if absent.

    Returns:
        The files that were written or removed, sorted; empty where everything was current.

    Raises:
        WrongUse: two documents claim the same version of the same policy.
    """
    compiled = compile_suites(policies)
    directory.mkdir(parents=True, exist_ok=True)
    changed = sorted(directory / name for name in _stale(compiled, directory))
    for path in changed:
        if path.name in compiled:
            path.write_bytes(compiled[path.name])
        else:
            path.unlink()
    return changed


def stale_suites(policies: Iterable[Policy], directory: Path) -> list[Mistake]:
    """Name every suite that is not what its policy compiles to: missing, different or orphaned.

    Args:
        policies: policy versions, in any order.
        directory: the folder of suites, `expectations/suites`.

    Returns:
        One mistake a file, sorted; empty where everything is current.

    Raises:
        WrongUse: two documents claim the same version of the same policy.
    """
    remedy = "Run `gov compile` and commit the suites"
    return sorted(
        Mistake(str(directory / name), 0, name.removesuffix(".json"), problem, remedy)
        for name, problem in _stale(compile_suites(policies), directory).items()
    )


def _stale(compiled: Mapping[str, bytes], directory: Path) -> dict[str, str]:
    """What is wrong with a folder of suites, by file name; any other file there is none of ours."""
    present = {path.name: path.read_bytes() for path in directory.glob("*@*.json")}
    problems = dict.fromkeys(compiled.keys() - present, "missing: the policy version has no compiled suite")
    problems |= dict.fromkeys(present.keys() - compiled, "orphaned: no policy has this version")
    different = {name for name in compiled.keys() & present if compiled[name] != present[name]}
    return problems | dict.fromkeys(different, "different: it is not what the policy compiles to")


def control_of(parameters: Mapping[str, Any]) -> Control:
    """Read a control back from the `parameters` of its compiled `expect_control_to_hold`.

    Args:
        parameters: the keyword of that name.

    Returns:
        The control as its policy declared it, but for `severity`, `acts`, `on_fail` and `notify`: the suite holds
        them elsewhere, and no verdict depends on them.

    Raises:
        ValueError: the parameters are not those of a control.
    """
    try:
        return _CONTROL.validate_python(parameters)
    except ValidationError as error:
        mistakes = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"the parameters are not those of a control: {'; '.join(mistakes)}") from error


def _suite(name: str, policy: Policy) -> dict[str, Any]:
    digest = policy_digest(policy)
    return {
        "name": name,
        "expectations": [_expectation(bound, digest) for bound in bound_clauses(policy)],
        "meta": {
            "policy": policy.policy,
            "version": policy.version,
            "in_force": policy.in_force.model_dump(mode="json", by_alias=True),
            "digest": digest,
            "compiled_by": "gov compile",  # without a version: a release must not make every suite stale
        },
        "notes": "Compiled from the policy; edit the policy and run `gov compile`.",
    }


def _expectation(bound: BoundClause, digest: str) -> dict[str, Any]:
    control, clause = bound.control, bound.clause
    if isinstance(control, Expectation):
        name, kwargs = control.expect, control.model_dump(mode="json")["arguments"]
        notes = f"Runs over the measurements of window '{control.window}'. Nothing measured, or a null, is no pass."
    else:
        parameters = control.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_NOT_THE_LIMIT)
        name, kwargs = CONTROL_TO_HOLD, {"control": bound.key, "parameters": parameters}
        notes = f"Holds when the verdict over window '{control.window}' is pass, report_only or not_applicable."
    return {
        "type": name,
        "kwargs": kwargs,
        "severity": control.severity,
        "meta": {
            "control": bound.key,
            "clause": clause.id,
            "text": clause.text,
            "level": clause.level,
            "kind": control.kind,
            "acts": bound.acts,
            "on_fail": bound.on_fail,
            "notify": list(control.notify),
            "policy_digest": digest,
        },
        "notes": notes,
    }
