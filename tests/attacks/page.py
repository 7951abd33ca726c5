"""docs/attacks.md, written from what the cases say of themselves, which the run holds them to."""

from attacks.case import FILES, KEY, LAST, RECOMPUTE, ROOT, STAMP, THREATS, WITNESS

_HEAD = """\
# Attacks

What somebody who holds the online key, or only the files, could try, and what catches it. `make attacks` carries each case out on a
copy of a small home (two systems, five nights, a late decision, a missed window, two witnesses, a time authority, a root of trust of its
own) and prints this table; this page is compared with it. A forger in these cases does his work well: what his key may sign is
signed anew until all of it agrees, so that no other rule trips over it.

Each case is verified with nothing but the files, with each of the means below alone, and with all of them: a mark is put only
where the rule fails by that means alone, and nothing is marked that all *other* means together would have found.

- **files**: nothing is brought along. Everything else then finds it too.
- **trust**: `--trust` with the online key, or with version 2 of the root of trust, which names witnesses and authority.
- **last**: `--last` with the checkpoint that the auditor kept after the third night.
- **witness**: `--policy` with a tlog-policy that wants both witnesses.
- **time**: `--tsa` with the authority's certificate.
- **recompute**: `--recompute`.

"""
_PROMISED = """
What cannot be put as a change that is caught, and must hold all the same:

"""
_TAIL = """
Every single-bit flip of the proof of a decision, and of a night that travels alone with its proof, root of trust and token, is verified
with the root of trust and a tlog-policy that wants every signature: none is accepted. `make attacks` prints the counts; `make test` flips a
sample.

## What is not caught

| threat | what `gov verify` says of it, under *Not proven* |
| --- | --- |
| 25 omission at source | completeness at the source: that every decision the system made was handed over |
| 24 a dishonest time authority | time: that the time authority told the truth; any one of those the trust root names suffices |
| 8 the tail after the auditor's last look | the tail: the newest entries could have been cut off; keep a checkpoint with --keep FILE and give it as --last |
| 9 another story for others since the witnesses looked | what came after the witnesses looked: NAMES cosigned the first N entries |
| 28 a quantum adversary within retention | nothing: signatures are Ed25519 and ECDSA P-256; there is no second one by ML-DSA |
"""


def page(cases, promises) -> str:
    """The whole page."""
    columns = ("threat", "case", "what was changed", "rule", "files", "trust", "last", "witness", "time", "recompute")
    rows = [columns, ("---",) * len(columns), *map(_row, sorted(cases, key=lambda case: case.threats[0]))]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    numbered = "; ".join(f"{number} {words}" for number, words in THREATS.items())
    kept = "".join(f"- ({_numbers(each)}) {each.promised}\n" for each in promises)
    counted = f"\n{len(cases)} cases. Threats: {numbered}.\n"
    return f"{_HEAD}{table}{counted}{_PROMISED}{kept}{_TAIL}"


def _row(case) -> tuple[str, ...]:
    rules = ", ".join(f"`{rule}`" for rule in dict.fromkeys(case.by.values()))
    trust = ", ".join(words for means, words in ((KEY, "key"), (ROOT, "root")) if means in case.by)
    marks = ["yes" if means in case.by else "" for means in (LAST, WITNESS, STAMP, RECOMPUTE)]
    first = ["yes" if FILES in case.by else "", trust]
    return _numbers(case), case.name, case.changed, rules, *first, *marks


def _numbers(each) -> str:
    return ", ".join(map(str, each.threats))
