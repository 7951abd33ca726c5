"""What a clause must find in the systems that name its policy: columns, values, parameters no laxer than its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter

from gov_pipelines.errors import Mistake
from gov_pipelines.policy import kinds
from gov_pipelines.policy.columns import MOMENT, NUMBER, TEXT, counted_columns, log_schema
from gov_pipelines.policy.consistency import mistakes_in_rule, rows_name
from gov_pipelines.policy.declaration import ApprovedModel, MayDecide, Range, SystemDeclaration
from gov_pipelines.policy.difference import includes
from gov_pipelines.policy.document import Clause, Policy
from gov_pipelines.policy.forbidden import protected_attribute, protected_in_rule, used, used_in_rule
from gov_pipelines.policy.loading import Read
from gov_pipelines.policy.reasoning import counterexample, space_of, vocabulary
from gov_pipelines.policy.suggest import did_you_mean
from gov_pipelines.policy.timeline import acts_of
from gov_pipelines.policy.vacuous import idle
from gov_pipelines.policy.yaml_file import Place

# Kind to its own parameter and to what the declaration gives instead; an access log nothing can stand in for.
GIVEN = {
    "human_review": ("when", "intake.needs_review"),
    "decision_scope": ("may_decide", "intake.may_decide"),
    "approved_model": ("models", "intake.models"),
    "operating_range": ("own", "operating_range"),
    "data_access": ("", "access_log"),
}


def mistakes_in_binding(policy: Read[Policy], systems: Sequence[Read[SystemDeclaration]]) -> Iterator[Mistake]:
    """Mistakes of one policy in each system that names it.

    A text in a rule is a mistake only where no system has it: systems may call the same decision differently.
    """
    words = [vocabulary(system.model) for system in systems]
    shared = set.intersection(*(set(each) for each in words)) if words else set()
    known = {name: frozenset[str]().union(*(each[name] for each in words)) for name in shared}
    for position, clause in enumerate(policy.model.clauses):
        unmet = [
            (place, f"for `{system.model.system}`, {problem}", remedy)
            for system in systems
            for place, problem, remedy in _unmet(clause, system.model, known)
        ]
        # A clause whose words are wrong is told of those; whether it can be met at all is asked once they are right.
        if not unmet and (never := idle(clause, [system.model for system in systems])):
            unmet = [never]
        for place, said, remedy in unmet:
            yield policy.file.mistake(("clauses", position, *place), said, remedy)
        for system in systems:
            declaration = system.model
            for place, problem, allowed in _laxer(clause, declaration):
                said = f"{problem}, which is laxer than {policy.model.policy}/{clause.id}"
                remedy = f"The clause has {allowed}; declare nothing laxer."
                yield system.file.mistake(("attributes", *place), said, remedy)


_Found = Iterator[tuple[Place, str, str]]


def _unmet(clause: Clause, declaration: SystemDeclaration, known: Mapping[str, frozenset[str]]) -> _Found:
    """What a clause names and the system does not have: place, problem and remedy."""
    yield from _in_rules(clause, declaration, known)
    if clause.control is not None:
        own, given = GIVEN.get(clause.control.kind, ("kind", "system"))
        if not getattr(clause.control, own, None) and not attrgetter(given)(declaration):
            yield ("control",), f"nothing says what to hold it against: no `{given}`", f"Declare `{given}`."
        for field, fitting, what in _names(clause.control, declaration):
            for place, name in _named(clause.control, field):
                if name not in fitting:
                    yield ("control", *place), f"`{name}` is not {what}", did_you_mean(name, fitting)
    if isinstance(clause.control, kinds.DataAccess):
        yield from _reads(clause.control, declaration)
    if isinstance(clause.control, kinds.Fairness):
        yield from _compared(clause.control, declaration)


def _compared(control: kinds.Fairness, declaration: SystemDeclaration) -> _Found:
    yield from _unknown_groups(control, vocabulary(declaration))
    compared = {name for _, name in _named(control, "by")} or {*declaration.protected_attributes}
    for place, name in _named(control, "over"):
        if name in compared:
            remedy = "Name in `by` what is compared, and in `over` what else differs."
            yield ("control", *place), f"`{name}` is compared, so no stratum of it has two groups", remedy
    apart = compared.intersection(declaration.attributes_apart)
    if apart and control.metric.startswith("scoring"):
        problem = f"scores are ranked over the rows of a window, which do not have {', '.join(sorted(apart))}"
        yield ("control", "by"), problem, "Declare `in_log: true` for it, or compare by something else."
    if declaration.label is None and any(kinds.NEEDS.get(rate) == "label" for rate in control.rates):
        problem = f"{control.metric} needs to know what came of decisions, and no label is declared"
        yield ("control", "metric"), problem, "Declare `label`, or choose a metric of decisions alone."


def _in_rules(clause: Clause, declaration: SystemDeclaration, known: Mapping[str, frozenset[str]]) -> _Found:
    rules: dict[Place, str | None] = {("applies", "when"): clause.applies.when if clause.applies else None}
    rules |= {("control", field): getattr(clause.control, field, None) for field in ("when", "must")}
    for place, text in rules.items():
        if text is not None:
            found = [*mistakes_in_rule(text, declaration, known)]
            # A rule of the intake is one the system itself has to follow.
            found += protected_in_rule(text, declaration) if clause.level == "intake" else ()
            for problem, remedy in found:
                yield place, problem, remedy


def _reads(control: kinds.DataAccess, declaration: SystemDeclaration) -> _Found:
    if control.acts == "prevents" and acts_of(control, declaration) == "detects":
        problem = "nothing prevents a read: no `intake.database_role` and `intake.database_url_env`"
        yield ("control", "acts"), problem, "Declare both, so that the grants are compared, or leave `acts` out."
    for place, name in _named(control, "may_read"):
        if attribute := protected_attribute(name, declaration):
            said = f"`{name}` is the protected attribute `{attribute}`"
            yield ("control", *place), said, "Remove it: no system may read those."


def _unknown_groups(control: kinds.Fairness, values: Mapping[str, frozenset[str]]) -> _Found:
    for field, wanted in (("among", control.among), ("reference", control.reference or {})):
        for name, value in wanted.items():
            if value not in values.get(name, {value}):
                yield ("control", field, name), f"`{name}` is never '{value}'", did_you_mean(value, values[name])


def _named(control: kinds.Control, field: str) -> Iterator[tuple[Place, str]]:
    """The names that stand in a field of a control, and where."""
    value, called = getattr(control, field), type(control).model_fields[field].alias or field
    if isinstance(value, str):
        yield (called,), value
    elif isinstance(value, Mapping):
        yield from (((called, name), name) for name in value)
    else:
        for place, entry in enumerate(value or ()):
            yield from (((called, place), name) for name in ([entry] if isinstance(entry, str) else entry))


def _names(control: kinds.Control, declaration: SystemDeclaration) -> Iterator[tuple[str, Collection[str], str]]:
    """The fields of a control that name something of the system, the names that fit, and what those are."""
    schema = log_schema(declaration)
    moments, numbers = ([name for name, dtype in schema.items() if dtype == wanted] for wanted in (MOMENT, NUMBER))
    groups = (*declaration.protected_attributes, *declaration.strata)
    match control:
        case kinds.Deadline():
            yield from ((field, moments, "a column of moments") for field in ("from_", "to"))
        case kinds.HumanReview():
            yield "before", moments, "a column of moments"
        case kinds.OperatingRange():
            counted = {name for name in counted_columns(declaration) if schema.get(name, TEXT) == TEXT}
            yield "ranges", [rows_name(declaration), *numbers], "a column of numbers"
            yield "usual", {"volume", "hours", *counted}, "a counted category"
            yield "new", counted, "a counted category"
        case kinds.LogQuality():
            yield "of", schema, "a column"
        case kinds.Drift():
            yield "of", *_comparable(control, declaration)
            yield "per", groups, "a protected attribute or a stratum"
        case kinds.Fairness():
            fields = ("reference", "among", "availability", "over", "by")
            yield from ((field, groups, "a protected attribute or a stratum") for field in fields)
            yield "of", numbers, "a column of numbers"


def _comparable(control: kinds.Drift, declaration: SystemDeclaration) -> tuple[Collection[str], str]:
    """The columns that a drift control can compare, and what those are."""
    counted = counted_columns(declaration) | ({"label"} if declaration.label else set())
    what = "a counted column (those of your own stand under `fields`)"
    if control.per:
        counted = counted.difference(control.per, {"model_version"})
        what = "counted by group, as the decision, the label, the score and features are"
    if control.metric in kinds.ORDERED:
        counted &= {name for name, dtype in log_schema(declaration).items() if dtype == NUMBER}
        what = f"a column of numbers {'counted by group' if control.per else 'that is counted'}; {control.metric} needs one"
    return counted, what


def _laxer(clause: Clause, declaration: SystemDeclaration) -> _Found:
    """What a system declares laxer than the clause: place, what it declares, and what the clause allows."""
    control, intake = clause.control, declaration.intake
    match control:
        case kinds.HumanReview(when=str(when)) if intake.needs_review is not None:
            asked = f"({when}) AND ({clause.applies.when})" if clause.applies else when
            if decision := counterexample(asked, intake.needs_review, space_of(declaration)):
                such = ", ".join(f"{name} {value}" for name, value in decision.items())
                yield ("intake", "needs_review"), f"needs no review of a decision with {such}", f"`{asked}`"
        case kinds.DecisionScope(may_decide=MayDecide() as allowed) if intake.may_decide is not None:
            yield from _laxer_scope(intake.may_decide, allowed)
        case kinds.ApprovedModel(models=[_, *_] as models):
            for place, model in enumerate(intake.models):
                if not any(includes(each, model) for each in models):
                    yield ("intake", "models", place), f"approves {_dated(model)}", ", ".join(map(_dated, models))
        case kinds.DataAccess():
            yield from _laxer_access(declaration, control)
        case kinds.OperatingRange():
            yield from _laxer_ranges(declaration.operating_range, control.ranges)


def _laxer_access(declaration: SystemDeclaration, control: kinds.DataAccess) -> _Found:
    intake, never = declaration.intake, ", ".join(control.never)
    for place, name in enumerate(intake.may_read):
        refused = used(name, control.never, declaration)
        if refused or (control.may_read is not None and name not in control.may_read):
            called = f"declares `{name}`" if refused in {None, name} else f"declares `{name}`, which is `{refused}`"
            allowed = ", ".join(each for each in control.may_read or () if each not in control.never)
            yield ("intake", "may_read", place), called, allowed or f"all but {never}"
    if intake.needs_review and (refused := used_in_rule(intake.needs_review, control.never, declaration)):
        yield ("intake", "needs_review"), f"reads `{refused}`", f"all but {never}"


def _laxer_ranges(declared: Mapping[str, Range], allowed: Mapping[str, Range]) -> _Found:
    for name in declared.keys() & allowed.keys():
        (low, high), (least, most) = declared[name], allowed[name]
        if (least is not None and (low is None or low < least)) or (most is not None and (high is None or high > most)):
            yield ("operating_range", name), "is wider", f"[{least}, {most}]"


def _laxer_scope(declared: MayDecide, allowed: MayDecide) -> _Found:
    place = ("intake", "may_decide")
    products = ["every product"] if declared.products is None else declared.products
    if allowed.products is not None and not {*products} <= {*allowed.products}:
        yield (*place, "products"), f"declares {', '.join(products)}", ", ".join(allowed.products)
    if allowed.amount is not None and (declared.amount is None or declared.amount.up_to > allowed.amount.up_to):
        amount = f"up to {declared.amount.up_to:,.0f}" if declared.amount else "any amount"
        yield (*place, "amount"), f"declares {amount}", f"up to {allowed.amount.up_to:,.0f}"
    if allowed.role == "recommends" and declared.role == "decides":
        yield (*place, "role"), "declares `decides`", "`recommends`"


def _dated(model: ApprovedModel) -> str:
    until = f" until {model.approved_until}" if model.approved_until else ""
    return f"{model.version} from {model.approved_from}{until}"
