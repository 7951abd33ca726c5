"""Reads thousands of broken policies and declarations, and writes down what reading them did beside reading them.

Run as a program, alone in its process: `python mutants.py FOLDER COUNT SEED`. Prints JSON: how many were read and refused,
what went wrong, and everything the process opened, imported, executed or connected to meanwhile.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import json
import random
import sys
import time
import warnings
import zoneinfo
from collections import Counter
from pathlib import Path

from gov_pipelines.errors import ConfigurationError
from gov_pipelines.policy import lint, load_declaration, load_policy

POLICY = {
    "policy": "house",
    "version": 1,
    "in_force": {"from": "2026-09-01", "until": "2030-01-01"},
    "owner": "people",
    "document": {"title": "Hiring", "citation": "none"},
    "holidays": ["2026-12-25"],
}
CONTROLS = [
    {"kind": "fairness", "metric": "impact_ratio", "by": ["sex", ["sex", "age_band"]], "at_least": 0.8, "window": "30 days"},
    {"kind": "fairness", "metric": "adverse_impact_ratio", "reference": {"sex": "m"}, "test": {"against": "threshold"}},
    {"kind": "decision_rule", "must": "amount <= 50 OR reviewer IS NOT NULL", "when": "decision = 'invited'"},
    {"kind": "deadline", "from": "completed_at", "to": "notice_sent_at", "within": "5 working days", "when": "years > 3"},
    {"kind": "human_review", "role": "recruiter", "before": "notice_sent_at", "when": "years > 10"},
    {"kind": "decision_scope", "may_decide": {"products": ["clerk"], "amount": {"up_to": 10}}},
    {"kind": "approved_model", "models": [{"version": "v1", "approved_from": "2026-08-01"}]},
    {"kind": "data_access", "may_read": ["years"], "never": ["sex"]},
    {"kind": "access_pattern", "watch": ["role"], "reference": {"from": "2026-09-01", "until": "2026-09-11"}, "at_most_new": 3},
    {"kind": "drift", "of": ["score"], "at_most": 0.2, "reference": {"from": "2026-09-01", "until": "2026-09-11"}},
    {"kind": "operating_range", "ranges": {"score": [0, 1], "rows_per_day": [1, None]}},
    {"kind": "log_quality", "metric": "missing_share", "of": ["sex"], "at_most": 0.05},
    {"kind": "freshness", "within": "24 hours"},
    {"kind": "expectation", "expect": "expect_column_values_to_be_between", "arguments": {"column": "value", "min_value": 0}},
]  # fmt: skip
OBLIGATION = {"who": "recruiters", "every": "1 year", "escalate": [{"to": "manager", "after": "5 working days"}]}
SYSTEM = {
    "type": "gov_pipelines.pipeline.AuditedSystem",
    "attributes": {
        "system": "hiring", "owner": "team:people", "purpose": "Rank applications.", "risk": "high", "zone": "Europe/Berlin",
        "starts": "2026-09-01", "source": {"path": "data/decisions.csv"}, "access_log": {"path": "data/reads.csv"},
        "reviews": {"path": "data/reviews.csv", "key": "id"}, "columns": {"decision_id": "id"},
        "fields": {"grade": {"type": "category", "values": ["1", "2"]}, "years": {"type": "number", "range": [0, 60]}},
        "outcomes": {"favorable": ["invited"], "unfavorable": ["rejected"]},
        "protected_attributes": {"sex": {}, "age_band": {"unknown": ["?"]}}, "strata": ["grade"],
        "intake": {"may_read": ["years"], "may_decide": {"products": ["clerk"], "amount": {"up_to": 10}, "role": "recommends"},
                   "needs_review": "decision = 'rejected' AND years > 10", "models": [{"version": "v1", "approved_from": "2026-08-01"}]},
        "operating_range": {"rows_per_day": [1, 50]}, "documents": {"bias_audit": "2026-01-01"},
        "schedule": {"at": "02:00", "enabled": True}, "policies": ["house"],
    },
}  # fmt: skip
PREDICATES = [
    "amount > 1; DROP TABLE decisions", "1 = 1", "amount IN (SELECT 1)", "amount > (SELECT password FROM users)", "read_csv('/etc/passwd') = 1",
    "amount > 1 --", "amount > 1 /* */", "amount > 1 UNION SELECT 1", "'", "amount >", "(" * 2000, "NOT " * 3000 + "amount > 1", " OR ".join(["amount > 1"] * 1000),
    " OR ".join(f"amount = {n}" for n in range(1000)), "amount IN (" + ", ".join(map(str, range(2000))) + ")", "(" * 400 + "amount > 1" + ")" * 400,
    "product LIKE '%' || (SELECT 1)", "product LIKE '((((((a+)+)+)+)+'", "CAST(amount AS int) = 1", "amount > CURRENT_DATE", "x'00' = product", "decided_at > '9999-12-31T23:59:59-12:00'",
    "decided_at > '0001-01-01'", "amount > 1e999", "amount = 1e308 * 10", "amount / 0 = 1", '"amount" > 1', "amount > 1\0", "EXISTS(SELECT 1)", "CASE WHEN amount > 1 THEN TRUE END",
    "random() > 0", "@@version = 1", ":x = 1", "? = 1", "{{ amount }} > 1", "$$x$$ = product", "am\u043eunt > 1", "amount = NULL", "NOT NULL", "TRUE", "amount BETWEEN 1 AND 'x'",
    "amount > 99999999999999999999999999999999999999999999999", "source_seq = 9223372036854775808", "amount - -1 > 0", "__import__('os').system('true') = 1", "decided_at = 'now'",
    "+".join(["amount"] * 3000) + " > 1", "sex = 'f'", "product = '" + "x" * 100_000 + "'", "amount > 1 AND amount < 1", "a.b.c.d > 1", "amount::int > 1", "*", "", " ",
]  # fmt: skip
DEEP: object = "x"
for _ in range(60):
    DEEP = [DEEP]
SCALARS = [
    None, True, False, "yes", "on", "off", "no", "~", 0, -1, 1, 10**400, -(2**63) - 1, 1e308, 5e-324, "NaN", ".inf", "1_000", "0x1F", "0o17", "1:30:00", "012",
    "2026-13-45", "0001-01-01", "9999-12-31", "2026-02-30", "2026-09-01T00:00:00Z", "", " ", "\0", "\ud800", "\u202e", "x" * 100_000, "../../../../etc/passwd", "/etc/passwd",
    "..", "~/.ssh/id_rsa", "{{ env('HOME') }}", "{% include '/etc/passwd' %}", "${HOME}", "file:///etc/passwd", "http://localhost:1/x", "!!python/object:os.system",
    [], {}, [[]], [None], {"": ""}, {"kind": "fairness"}, ["sex"] * 500, DEEP, {"__class__": "x"}, "-1 days", "99999999 days", "0 days", "all", "America", "Etc/../../passwd",
    "posix/Europe/Berlin", "\\", "%s%s%n", "a: b: c", "- a", "&a *a", "<<", "=", "sex", "decision_id", "n", "outcome", "self", "model_config",
]  # fmt: skip


def paths(value, at=()):
    """Every place in nested values."""
    yield at
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from paths(inner, (*at, step))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def mutated(document: dict, dice: random.Random) -> dict:
    """A document with a thing or three in it made otherwise."""
    document = json.loads(json.dumps(document))
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        *above, last = dice.choice([path for path in paths(document) if path])
        parent = at(document, above)
        match dice.randrange(10):
            case 0 if isinstance(parent, dict):
                del parent[last]
            case 1 if isinstance(parent, dict):
                parent[dice.choice([f"{last}s", str(last).upper(), "", "$schema", "<<", "include", "\0"])] = parent.pop(
                    last
                )
            case 2:
                other = dice.choice([path for path in paths(document) if path])
                parent[last] = json.loads(json.dumps(at(document, other)))
            case 3:
                parent[last] = [parent[last]] * dice.choice([1, 2, 50])
            case 4:
                parent[last] = {str(last): parent[last]}
            case 5 if isinstance(parent, dict):
                parent[
                    dice.choice(["when", "must", "applies", "include", "extends", "kind", "window", "of", "test"])
                ] = copy.deepcopy(dice.choice(SCALARS))
            case 6 | 7:
                document = ruled(document, dice)
            case _:
                parent[last] = copy.deepcopy(dice.choice(SCALARS))
    return document


def ruled(document: dict, dice: random.Random) -> dict:
    """A sound document but for one of its rules."""
    document = json.loads(json.dumps(document))
    rules = [path for path in paths(document) if path and path[-1] in {"when", "must", "needs_review"}]
    if rules:
        *above, last = dice.choice(rules)
        at(document, above)[last] = dice.choice(PREDICATES)
    return document


def written(value, dice: random.Random, indent="") -> str:
    """YAML in blocks, each inner value in one line; now and then in flow altogether."""
    if dice.random() < 0.3 or not isinstance(value, dict):
        return indent + json.dumps(value, ensure_ascii=dice.random() < 0.8)
    lines = [
        f"{indent}{json.dumps(key)}:\n{written(inner, dice, indent + '  ')}"
        if isinstance(inner, dict) and inner and dice.random() < 0.7 and not indent
        else f"{indent}{json.dumps(key)}: {json.dumps(inner)}"
        for key, inner in value.items()
    ]
    return "\n".join(lines)


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
INSERTED = [
    "!!python/object/apply:os.system ['true']", "!include /etc/passwd", "!!python/name:os.system", "&a", "*a", "<<: *a", "\0", "\ufeff", "\t", "\r\n", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! tag:x,2000:\n",
    "{{ 1 }}", "? ", "| ", "> ", "!!binary aGk=", "!!set {a}", "!!timestamp x", "!<tag:yaml.org,2002:python/object:os.system> x", "\x85", "\u2028", "\x1b[31m", "'", '"', "#", "[", "]", "{", "}", ": ", ",", "\U0010ffff",
]  # fmt: skip


def garbled(text: str, dice: random.Random) -> bytes:  # noqa: C901  (one case a kind of damage)
    """Bytes of a file, with something done to its text."""
    place, lines = dice.randrange(len(text) + 1), text.splitlines()
    match dice.randrange(11):
        case 0 | 1:
            text = text[:place] + dice.choice(INSERTED) + text[place:]
        case 2:
            text = text[:place] + text[place + dice.randint(1, 40) :]
        case 3:
            line = dice.choice(lines or [""])
            text = "\n".join([*lines, line])
        case 4:
            dice.shuffle(lines)
            text = "\n".join(lines)
        case 5:
            text = dice.choice([f"{LAUGHS}\n{text}", f"{text}\n{LAUGHS}", LAUGHS])
        case 6:
            text = text.replace("\n", dice.choice(["\r\n", "\r", "\n\n", "\n\t"]))
        case 7:
            return text.encode(dice.choice(["utf-16", "utf-8-sig", "utf-32", "cp037"]), "replace")
        case 8:
            raw = bytearray(text.encode(errors="replace"))
            for _ in range(3):
                raw.insert(dice.randrange(len(raw) + 1), dice.randrange(256))
            return bytes(raw)
        case 9:
            text = text[:place] + dice.choice(["[", "{a: ", "- ", "{", "? ", "!a "]) * 1500 + text[place:]
        case _:
            text = dice.choice(
                ["", "\n", "null", "[]", "x", "42", "- a\n- b", "&a [*a]", "a: &a {b: *a}", "\0", "\xff", "{" * 100]
            )
    return text.encode(errors="surrogatepass")


def mutant(dice: random.Random, *, system: bool) -> bytes:
    clauses = [
        {
            "id": f"H-{place}",
            "text": "A clause.",
            "level": dice.choice(["intake", "runtime", "output"]),
            "control": control,
        }
        for place, control in enumerate(dice.sample(CONTROLS, dice.randint(1, 2)))
    ]
    clauses.append({"id": "H-9", "text": "People.", "level": "people", "obligation": OBLIGATION})
    document = SYSTEM if system else POLICY | {"clauses": clauses}
    if dice.random() < 0.25:
        return json.dumps(ruled(document, dice)).encode()
    text = written(mutated(document, dice), dice)
    return garbled(text, dice) if dice.random() < 0.35 else text.encode(errors="surrogatepass")


WATCHED = ("open", "exec", "compile", "import", "socket", "subprocess", "os.", "shutil", "ctypes", "pty", "urllib", "sqlite3", "pickle")  # fmt: skip


class Watch:
    """Remembers what the process did while armed, except reading the folder and time zones."""

    def __init__(self, folder: Path) -> None:
        self.armed = False
        self.seen: Counter[str] = Counter()
        # The folder, the world's time zones, and where the YAML library looks for plug-ins of its own.
        homes = (importlib.util.find_spec(name).submodule_search_locations[0] for name in ("tzdata", "ruamel.yaml"))
        self.allowed = (str(folder), *zoneinfo.TZPATH, *homes)
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        if not self.armed or not event.startswith(WATCHED):
            return
        named = str(getattr(arguments[0], "co_filename", arguments[0]))  # a zone's name loads its area's package
        if (
            event in {"open", "exec", "os.listdir", "os.scandir"}
            and named.startswith(self.allowed)
            and ".." not in named
        ):
            return
        self.seen[f"{event} {str(arguments[0])[:200]!r}"] += 1


def main(folder: Path, count: int, seed: int) -> None:
    warnings.simplefilter("error")
    dice = random.Random(seed)
    assets, expectations = folder / "assets", folder / "expectations"
    policy, system = expectations / "house.yaml", assets / "hiring" / "defs.yaml"
    system.parent.mkdir(parents=True)
    expectations.mkdir()
    sound = {
        policy: json.dumps(
            POLICY | {"clauses": [{"id": "H-1", "text": "x", "level": "output", "control": CONTROLS[2]}]}
        ),
        system: json.dumps(SYSTEM),
    }
    for path, text in sound.items():
        path.write_text(text)
    assert lint(assets, expectations) == []
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError):
        zoneinfo.ZoneInfo("Nowhere")  # imports the package of time zones
    watch, counts, wrong, slowest = Watch(folder), Counter(), [], 0.0
    warm_up = min(count, 200)  # what is imported when it is first needed is no effect of one file
    for number in range(-warm_up, count):
        path = policy if number % 2 else system
        data = mutant(dice, system=path == system)
        path.write_bytes(data)
        begun = time.process_time()
        watch.armed = number >= 0
        try:
            (load_policy if path == policy else load_declaration)(path)
        except ConfigurationError as error:
            said = "refused"
            if not error.mistakes or not all(
                each.file.endswith(path.name) and each.problem and each.remedy for each in error.mistakes
            ):
                wrong.append(f"{number}: {error}")
            str(error).encode()
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is what we look for)
            said = "crashed"
            wrong.append(f"{number}: {type(error).__name__}: {str(error)[:300]}: {data[:2000]!r}")
        else:
            said = "read"
            try:
                found = lint(assets, expectations)
                "\n".join(map(str, found)).encode()
                said = "linted" if found else "sound"
            except BaseException as error:  # noqa: BLE001  (as above)
                wrong.append(f"{number}: lint: {type(error).__name__}: {str(error)[:300]}: {data[:2000]!r}")
        watch.armed = False
        counts[said] += number >= 0
        took = time.process_time() - begun
        if took > slowest:
            slowest, where = took, data[:300]
        path.write_text(sound[path])
    print(
        json.dumps({"counts": counts, "wrong": wrong[:20], "seen": dict(watch.seen), "slowest": [slowest, repr(where)]})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
