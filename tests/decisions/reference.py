"""Judging row by row in plain Python: its own three-valued logic, its own calendar, no frames, none of the engine's code.

A decision is a dict by column, moments in UTC. A condition is a tuple that knows how to be written as SQL and how to be
evaluated; True, False, or None where it cannot be told.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ORDER = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def both(*sides):
    if any(side is False for side in sides):
        return False
    return None if any(side is None for side in sides) else True


def opposite(side):
    return None if side is None else not side


def either(*sides):
    return opposite(both(*map(opposite, sides)))


def quoted(value):
    return f"'{value}'" if isinstance(value, str | date) else f"{value}"


def as_sql(rule):  # noqa: PLR0911  (one line a kind of condition)
    match rule:
        case ("compare", column, order, value):
            return f"{column} {order} {quoted(value)}"
        case ("ratio", above, below, order, value):
            return f"{above} / {below} {order} {value}"
        case ("null", column, wanted):
            return f"{column} IS {'' if wanted else 'NOT '}NULL"
        case ("in", column, values):
            return f"{column} IN ({', '.join(map(quoted, values))})"
        case ("between", column, low, high):
            return f"{column} BETWEEN {low} AND {high}"
        case ("like", column, pattern):
            return f"{column} LIKE '{pattern}'"
        case ("not", one):
            return f"NOT ({as_sql(one)})"
        case (word, left, right):
            return f"({as_sql(left)}) {word.upper()} ({as_sql(right)})"


def holds(rule, row, zone):  # noqa: C901, PLR0911  (as above)
    match rule:
        case ("compare", column, order, value):
            if row[column] is None:
                return None
            return ORDER[order](row[column], midnight(value, zone) if isinstance(value, date) else value)
        case ("ratio", above, below, order, value):
            if row[above] is None or not row[below]:
                return None
            return ORDER[order](row[above] / row[below], value)
        case ("null", column, wanted):
            return (row[column] is None) == wanted
        case ("in", column, values):
            return None if row[column] is None else row[column] in values
        case ("between", column, low, high):
            return None if row[column] is None else low <= row[column] <= high
        case ("like", column, pattern):
            return None if row[column] is None else alike(row[column], pattern)
        case ("not", one):
            return opposite(holds(one, row, zone))
        case ("and", left, right):
            return both(holds(left, row, zone), holds(right, row, zone))
        case ("or", left, right):
            return either(holds(left, row, zone), holds(right, row, zone))


def alike(text, pattern):
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(alike(text[skip:], pattern[1:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in {"_", text[0]} and alike(text[1:], pattern[1:])


def midnight(day, zone):
    """In UTC: Python holds a time that clocks skip or repeat unequal to every moment of another zone (PEP 495)."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def local(moment, zone):
    return moment.astimezone(ZoneInfo(zone)).date()


def version_on(versions, day):
    """The highest version whose dates cover a day."""
    covering = [each for each in versions if each["from"] <= day and (each["until"] is None or day < each["until"])]
    return max(covering, key=lambda each: each["version"], default=None)


def last_day(start, count, unit, holidays):
    if unit == "days":
        return start + timedelta(days=count)
    if unit == "working days":
        day, left = start, count
        while not works(day, holidays):
            day -= timedelta(days=1)
        while left:
            day += timedelta(days=1)
            left -= works(day, holidays)
        return day
    months = start.year * 12 + start.month - 1 + count * (12 if unit == "years" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def works(day, holidays):
    return day.weekday() < 5 and day not in holidays


def verdict(control, row, system, holidays, as_of, asked):
    """What one control says of one decision; None where it says nothing. `asked`: the log says who asked."""
    kind, zone = control["kind"], system["zone"]
    when = control.get("when")
    if kind == "human_review":
        when = when or system["needs_review"]
    conditions = [holds(each, row, zone) for each in (when, control["applies"]) if each]
    concerned = both(*conditions)
    if concerned is not True:
        return "undecidable" if concerned is None else None
    happened = {name: row[name] if row[name] and row[name] <= as_of else None for name in MOMENTS}
    match kind:
        case "decision_rule":
            return {True: "within", False: "outside", None: "undecidable"}[holds(control["must"], row, zone)]
        case "approved_model":
            return approved(control["models"] or system["models"], row, local(row["decided_at"], zone))
        case "decision_scope":
            return scope(control["may_decide"] or system["may_decide"], row)
        case "deadline":
            return in_time(control, row[control["from"]], happened[control["to"]], as_of, zone, holidays)
        case "human_review":
            return reviewed(control, row, happened, asked)


MOMENTS = ("decided_at", "completed_at", "notice_sent_at", "reviewed_at")


def approved(models, row, day):
    if not models or row["model_version"] is None:
        return "undecidable"
    for version, start, until in models:
        if version == row["model_version"] and start <= day and (until is None or day < until):
            return "within"
    return "outside"


def scope(may_decide, row):
    products, up_to = may_decide or (None, None)
    if products is None and up_to is None:
        return "undecidable"
    missing = False
    for value, allowed in ((row["product"], products), (row["amount"], up_to)):
        if allowed is None:
            continue
        if value is None:
            missing = True
        elif value not in allowed if isinstance(allowed, list) else value > allowed:
            return "outside"
    return "undecidable" if missing else "within"


def in_time(control, start, end, as_of, zone, holidays):
    if start is None:
        return "undecidable"
    count, unit = control["within"]
    moment = end or as_of
    if unit == "hours":
        late = moment - start > timedelta(hours=count)
    else:
        late = local(moment, zone) > last_day(local(start, zone), count, unit, holidays)
    if late:
        return "outside"
    return "within" if end else "pending"


def reviewed(control, row, happened, asked):
    at = happened["reviewed_at"]
    told = happened[control["before"]] if control["before"] else None
    reviewer, role, requester = row["reviewer"], row["reviewer_role"], row["requester"]
    right = None if role is None else role == control["role"]
    if asked:
        other = None if reviewer is None or requester is None else reviewer.strip().lower() != requester.strip().lower()
    else:
        other = True if reviewer is not None else None
    proper = both(at is not None, right, other)
    if told is None:
        if proper:
            return "within"
        return "undecidable" if at is not None and proper is None else "pending"
    if at is None or at > told:
        return "outside"
    return {True: "within", False: "outside", None: "undecidable"}[both(right, other)]
