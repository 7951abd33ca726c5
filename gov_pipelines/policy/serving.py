"""Controls that serve no clause: what is declared, checked or compiled although no policy in force asks for it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from pathlib import Path

from gov_pipelines.policy.bindings import GIVEN
from gov_pipelines.policy.coverage import newest_due
from gov_pipelines.policy.declaration import SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.kinds import ACCESS_LOG, Control, Freshness
from gov_pipelines.policy.timeline import bound_clauses, control_key, controls_in_force, in_force


@dataclass(frozen=True, slots=True)
class Orphan:
    """One of them.

    Attributes:
        system: the system it belongs to, None for a suite.
        where: the field of its declaration, or the file and line.
        why: it serves no clause, as the rest of a sentence that begins with `where`.
    """

    system: str | None
    where: str
    why: str

    @property
    def sentence(self) -> str:
        """It in one sentence."""
        return f"{self.where}{f' of {self.system}' if self.system else ''} {self.why}."


def orphans(
    policies: Iterable[Policy], declarations: Iterable[SystemDeclaration], root: Path, *, today: date
) -> list[Orphan]:
    """Everything in a project that serves no clause in force.

    Parameters of declarations that no control takes; asset checks beside a `defs.yaml` whose metadata name no `clause`
    (`<policy>/<clause id>`), read from their source without running it; expectations in committed suites whose clause is
    not in that version of the policy.

    Args:
        policies: all versions.
        declarations: the systems.
        root: the project, with assets/ and expectations/suites/.
        today: the current local date, as for `coverage_matrix`.
    """
    known, found = list(policies), list[Orphan]()
    for declaration in declarations:
        due = newest_due(declaration, today)
        controls = [bound.control for bound in controls_in_force(known, declaration, due)]
        versions = (in_force(known, name, declaration.calendar.day(due)) for name in declaration.policies)
        clauses = {control_key(policy, clause) for policy in versions if policy for clause in policy.clauses}
        found += [Orphan(declaration.system, *each) for each in _parameters(declaration, controls)]
        found += [
            Orphan(declaration.system, f"assets/{declaration.system}/{file.name}:{line}", problem)
            for file in sorted((root / "assets" / declaration.system).glob("*.py"))
            for line, problem in _checks(file, clauses)
        ]
    bound = {f"{policy.policy}@{policy.version}": {each.key for each in bound_clauses(policy)} for policy in known}
    for file in sorted((root / "expectations" / "suites").glob("*@*.json")):
        found += [Orphan(None, f"expectations/suites/{file.name}", problem) for problem in _expectations(file, bound)]
    return found


def _parameters(declaration: SystemDeclaration, controls: Sequence[Control]) -> Iterator[tuple[str, str]]:
    """Declared parameters that no control takes. One that states its own limit does not take the declared one."""
    kinds = {control.kind for control in controls}
    without = {control.kind for control in controls if not getattr(control, GIVEN.get(control.kind, ("", ""))[0], None)}
    taken = {path: (kind, kind in without) for kind, (own, path) in GIVEN.items() if own}
    taken["intake.may_read"] = "data_access", "data_access" in kinds
    reading = {"data_access", "access_pattern"}
    read = any(each.kind in reading or getattr(each, "of", None) == ACCESS_LOG for each in controls)
    taken["access_log"] = "data_access, access_pattern or freshness", read
    found = [(where, *each) for where, each in taken.items() if attrgetter(where)(declaration)]
    dated = {control.document for control in controls if isinstance(control, Freshness)}
    found += [(f"documents.{name}", "freshness", name in dated) for name in declaration.documents]
    for where, kind, used in found:
        if not used:
            yield where, f"is declared, but no {kind} control in force takes it, so nothing holds the system to it"


def _checks(file: Path, clauses: set[str]) -> Iterator[tuple[int, str]]:
    """Asset checks of one's own, by line: those that name no clause in force."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # the system does not load, and its stand-in says why
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name not in {"asset_check", "AssetCheckSpec"} and not (
            name.startswith("build_") and name.endswith("_checks")
        ):
            continue
        clause = next((clause for keyword in call.keywords for clause in _clause_in(keyword)), None)
        if clause is None:
            remedy = 'write `metadata={"clause": "<policy>/<clause>"}`'
            yield call.lineno, f"is an asset check that names no clause; {remedy}"
        elif clause not in clauses:
            yield call.lineno, f"is an asset check of {clause}, which is no clause in force for this system"


def _clause_in(keyword: ast.keyword) -> Iterator[str]:
    if keyword.arg == "metadata" and isinstance(keyword.value, ast.Dict):
        for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "clause" and isinstance(value, ast.Constant):
                yield str(value.value)


def _expectations(file: Path, bound: Mapping[str, set[str]]) -> Iterator[str]:
    """Expectations of a committed suite whose clause is not in the policy version the file is named after."""
    try:
        expectations = json.loads(file.read_bytes())["expectations"]
        served = [(each["type"], (each.get("meta") or {}).get("control")) for each in expectations]
    except (ValueError, LookupError, TypeError, AttributeError):
        yield "is no suite that could be read"
        return
    for kind, control in served:
        if control not in bound.get(file.stem, ()):
            yield f"{kind} serves {control or 'no clause'}, which {file.stem} does not have"
