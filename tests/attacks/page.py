"""docs/attacks.md, written from what the cases say of themselves, which the run holds them to."""

from attacks.case import FILES, KEY, LAST, RECOMPUTE, ROOT, STAMP, THREATS, WITNESS

_HEAD = """\
# Attacks

What somebody who holds the online key, or only the files, could try, and what catches it. `make attacks` carries each case out on a
copy of a small home (two systems, five nights, a late decision, a missed window, two witnesses, a time authority, a root of trust that
other keys change) and prints these tables; this page is compared with them. A forger in these cases does his work well: what his key may sign is
signed anew until all of it agrees, so that no other rule trips over it.

Each case is verified with nothing but the files, with each of the means below alone, and with all of them: a mark is put only
where the rule fails by that means alone, and where the files alone do not show it, all means without a mark together do not either.

- **files**: nothing is brought along. Everything else then finds it too.
- **trust**: `--trust` with the online key, or with version 2 of the root of trust, which names witnesses and authority.
- **last**: `--last` with the checkpoint that the auditor kept after the third night.
- **witness**: `--policy` with a tlog-policy that wants both witnesses.
- **time**: `--tsa` with the authority's certificate.
- **recompute**: `--recompute`.

"""
_COLUMNS = ("case", "what was changed", "rule", "files", "trust", "last", "witness", "time", "recompute")
_NOT_CAUGHT = {
    25: "omission at source (see [What is not caught](#what-is-not-caught))",
    28: "a quantum adversary within retention (see there)",
}
_TAIL = """\
## Every bit

Every single-bit flip of the proof of a decision, and of a night that travels alone with its proof, root of trust and token, is verified
with the root of trust and a tlog-policy that wants every signature. `make attacks` flips each bit of a proof and of the smallest night, a
missed one; `make test` a sample, of an audited night too.

| `make attacks`, 2026-11-23, 2 cores, 24 GiB | bytes | flips | accepted |
| --- | --- | --- | --- |
| proof of a decision | 2,817 | 22,536 | 0 |
| missed night alone, 9 files | 13,672 | 109,376 | 0 |

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
    """The whole page: a section for each threat, a row for each case under the first threat that it is of."""
    sections = []
    for number, words in THREATS.items():
        rows = [_row(case) for case in cases if case.threats[0] == number]
        kept = [f"- Promised: {each.promised}{_also(each)}" for each in promises if each.threats[0] == number]
        table = [_COLUMNS, ("---",) * len(_COLUMNS), *rows] if rows else []
        lines = [f"| {' | '.join(row)} |" for row in table]
        sections.append("\n".join([f"### {number}. {words}", "", *lines, *([""] if rows and kept else []), *kept, ""]))
    counted = (
        f"{len(cases)} attacks, each caught, and {len(promises)} promises, each kept, by the number of the threat:\n"
    )
    named = [f"{number}. {words}" for number, words in sorted((THREATS | _NOT_CAUGHT).items())]
    return "\n".join([_HEAD + counted, *named, "", *sections, _TAIL])


def _row(case) -> tuple[str, ...]:
    rules = ", ".join(f"`{rule}`" for rule in dict.fromkeys(case.by.values()))
    trust = ", ".join(words for means, words in ((KEY, "key"), (ROOT, "root")) if means in case.by)
    marks = ["yes" if means in case.by else "" for means in (LAST, WITNESS, STAMP, RECOMPUTE)]
    return case.name, case.changed + _also(case), rules, "yes" if FILES in case.by else "", trust, *marks


def _also(each) -> str:
    others = ", ".join(map(str, each.threats[1:]))
    return f" (Also {others}.)" if others else ""
