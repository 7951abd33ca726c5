"""What one file must agree on with itself, once each of its fields is well formed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gov_pipelines.errors import Mistake
from gov_pipelines.policy import kinds
from gov_pipelines.policy.columns import CANONICAL, NUMBER, TEXT, log_schema
from gov_pipelines.policy.declaration import ROWS, SystemDeclaration
from gov_pipelines.policy.document import Policy
from gov_pipelines.policy.forbidden import protected_attribute, protected_in_rule
from gov_pipelines.policy.predicates import PredicateError, parse_predicate
from gov_pipelines.policy.reasoning import space_of, survey, vocabulary
from gov_pipelines.policy.suggest import did_you_mean
from gov_pipelines.policy.timeline import acts_of, on_fail_of
from gov_pipelines.policy.yaml_file import Place, YamlFile

_TALLY_NAMES = frozenset({"decision", "outcome", "label", "proposed", "reviewed", "n"})


_Found = Iterator[tuple[Place, str, str]]


def mistakes_in_declaration(declaration: SystemDeclaration, file: YamlFile, folder: str) -> list[Mistake]:
    """Names that must be declared elsewhere in the file, and the folder's name."""
    found = [*_columns(declaration), *_strata(declaration), *_intake(declaration), *_ranges(declaration)]
    if declaration.state == "live" and declaration.approver is None:
        found.append((("state",), "is `live`, and nobody is named who signs it off", "Name them in `approver`."))
    found += _once(declaration.policies, ("policies",))
    if declaration.system != folder:
        found.append((("system",), f"`{declaration.system}` is in the folder `{folder}`", "Give both the same name."))
    return [file.mistake(("attributes", *place), problem, remedy) for place, problem, remedy in found]


def _columns(declaration: SystemDeclaration) -> _Found:
    schema = log_schema(declaration)
    for name in declaration.columns:
        if name not in schema:
            remedy = f"{did_you_mean(name, schema)} A column of your own stands under `fields` too."
            yield ("columns", name), "is neither canonical nor declared", remedy
    for name, field in declaration.fields.items():
        if name in CANONICAL and CANONICAL[name].dtype != (NUMBER if field.type == "number" else TEXT):
            remedy = "Remove it; its type is in docs/decision-log.md."
            yield ("fields", name, "type"), "the canonical column is of another type", remedy
    for name in declaration.protected_attributes:
        if name in CANONICAL:
            remedy = "Choose another name, and `column:`."
            yield ("protected_attributes", name), "is the name of a canonical column", remedy
        if name in declaration.fields and declaration.fields[name].type == "number":
            yield ("fields", name, "type"), "a protected attribute is a category", "Write `type: category`."


def _strata(declaration: SystemDeclaration) -> _Found:
    for field in ("protected_attributes", "strata"):
        for name in _TALLY_NAMES.intersection(getattr(declaration, field)):
            yield (field,), f"`{name}` is a name of the tally's own", "Choose another, and map it under `columns`."
    known = {*declaration.fields, *declaration.columns}
    for place, name in enumerate(declaration.strata):
        if name not in known and name not in CANONICAL:
            remedy = f"{did_you_mean(name, known)} Declare it under `fields`, with the values it may have."
            yield ("strata", place), f"`{name}` is not declared", remedy
        elif log_schema(declaration)[name] != TEXT:
            yield ("strata", place), f"`{name}` is not a category", "Declare it under `fields` as `type: category`."
    yield from _once(declaration.strata, ("strata",))


def _intake(declaration: SystemDeclaration) -> _Found:
    for place, name in enumerate(declaration.intake.may_read):
        if attribute := protected_attribute(name, declaration):
            remedy = "Remove it: the audit joins protected attributes, the system must not read them."
            yield ("intake", "may_read", place), f"`{name}` is the protected attribute `{attribute}`", remedy
    if (review := declaration.intake.needs_review) is not None:
        wrong = [*mistakes_in_rule(review, declaration, vocabulary(declaration))]
        wrong += protected_in_rule(review, declaration)
        met = None if wrong else survey([review], space_of(declaration))
        if met is not None and not met["#0"].any():
            wrong = [("no decision can meet it", "Correct it; without it no decision needs a review.")]
        for problem, remedy in wrong:
            yield ("intake", "needs_review"), problem, remedy


def mistakes_in_rule(
    text: str, declaration: SystemDeclaration, known: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule, also a text compared with a column that never has it: no decision could meet that."""
    try:
        rule = parse_predicate(text, log_schema(declaration), zone=declaration.zone)
    except PredicateError as error:
        if named := [name for name in declaration.attributes_apart if re.search(rf"\b{name}\b", text)]:
            problem = f"`{named[0]}` comes from another source and is not in the log, which is all that rules read"
            yield problem, "Declare `in_log: true` for it, or leave it out."
        else:
            yield error.problem, error.remedy
        return
    for column, values in sorted(rule.compared.items()):
        for value in sorted(values - known.get(column, values)):
            yield f"`{column}` is never '{value}'", did_you_mean(value, known[column], otherwise="Declared values")


def _ranges(declaration: SystemDeclaration) -> _Found:
    numbers = {name for name, dtype in log_schema(declaration).items() if dtype == NUMBER} | {rows_name(declaration)}
    for name in declaration.operating_range:
        if name not in numbers:
            yield ("operating_range", name), "is not a column of numbers", did_you_mean(name, numbers)


def rows_name(declaration: SystemDeclaration) -> str:
    """What the range of the rows of one partition is called."""
    return ROWS[declaration.calendar.hourly]


def _once(names: Iterable[str], place: Place) -> _Found:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield (*place, position), f"`{name}` stands more than once", "Keep one."
        seen.add(name)


def mistakes_in_policy(policy: Policy, file: YamlFile) -> list[Mistake]:
    """What a clause's control says of itself: how it acts, what a failure holds back, and whom it speaks of."""
    mistakes = [
        file.mistake(("clauses", place, "control", name), problem, remedy)
        for place, clause in enumerate(policy.clauses)
        for name, problem, remedy in (_control(clause.control) if clause.control else ())
    ]
    for place, clause in enumerate(policy.clauses):
        if clause.applies and clause.control and clause.control.judges != "decision":
            problem = f"`applies` picks single decisions, and `{clause.control.kind}` judges none"
            remedy = "Leave it out; a fairness control can name strata in `among`."
            mistakes.append(file.mistake(("clauses", place, "applies"), problem, remedy))
    return mistakes


def _control(control: kinds.Control) -> Iterator[tuple[str, str, str]]:
    on_fail, acts = on_fail_of(control), acts_of(control)
    if on_fail == "hold_decision" and control.judges != "decision":
        problem = f"`{on_fail}` needs verdicts of single decisions, which `{control.kind}` does not give"
        yield "on_fail", problem, "Write `on_fail: alert`, `hold_all` or `suspend`."
    elif control.acts not in {None, acts, "prevents" if control.kind == "data_access" and acts == "detects" else acts}:
        # What reads a database may prevent: whether it does depends on the system, and is asked where policies are bound.
        problem = f"declares `{control.acts}`, but `{control.kind}` with `on_fail: {on_fail}` {acts}"
        yield "acts", problem, f"Write `acts: {acts}`, or leave it out."
    if on_fail == "hold_all" and control.approver is None:
        problem = "`hold_all` holds every decision until someone releases them"
        yield "approver", problem, "Name who may, such as `approver: head-of-credit`."
    if isinstance(control, kinds.Freshness):
        unit, dated = control.within.unit, control.document is not None
        if not dated and unit not in {"hours", "days"}:
            yield "within", f"`{control.within}` has no fixed length", "Write hours or days."
        if dated and unit in {"hours", "working days"}:
            problem = f"a document has a date, and `{control.within}` is no span of dates"
            yield "within", problem, "Write days, months or years."
    if (
        isinstance(control, kinds.AccessPattern | kinds.OperatingRange)
        and control.usual
        and not control.reference.holds_weeks
    ):
        yield "reference", "`usual` compares weekdays, and has fewer than four of each", "Write four weeks or more."
    if isinstance(control, kinds.DataAccess) and (both := sorted({*(control.may_read or ())} & {*control.never})):
        yield "never", f"`{both[0]}` stands under `may_read` too", "Keep it in one of the two."
    if isinstance(control, kinds.Expectation) and isinstance(control.arguments.get("row_condition"), str):
        example = '{type: comparison, column: {name: metric}, operator: "==", parameter: psi}'
        yield "arguments", "`row_condition` is a text, which Great Expectations gives up", f"Write it as `{example}`."
