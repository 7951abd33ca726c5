"""The leaves of a day, all at once: what `evidence.leaves` writes of one decision, written of a million with Polars.

Some thirteen hashes are made of each decision. `polars-hash` (extra `evidence`) makes them beside each other in Polars;
where it is not installed hashlib makes the same ones, one by one.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, TypeAlias, cast

import numpy as np
import polars as pl

from gov_pipelines.decisions import judged_controls
from gov_pipelines.evidence import canonical
from gov_pipelines.evidence.leaves import FIELDS, WHOLE, salt_message
from gov_pipelines.pipeline.night import Night
from gov_pipelines.store import read_frame

SALT = "/salt"
"""The column of master salts: no field is named so."""

Hashing: TypeAlias = Callable[[pl.Expr], pl.Expr]
"""Texts to the SHA-256 of each, hex."""

_ROWS = 100_000  # hashed at a time, so that a large day needs no more memory
_SALT_CHARACTERS = 32
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# RFC 8785 section 3.2.2.2: two characters have short escapes, five controls too, the other controls `\u00xx`, and nothing else.
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | {
    "\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\",
}  # fmt: skip


def decision_leaves(night: Night) -> list[bytes]:
    """One leaf a decision of a night, in the order of decision ids."""
    rows, fields, controls = day_rows(night)
    return leaves_of(rows, fields, controls)


def day_rows(night: Night) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Read what the leaves of a night are made of.

    Returns:
        A row a decision, sorted by `decision_id`: `SALT`, the fields and a verdict for each control; the names of the
        fields; the keys of the controls.
    """
    log, salts, verdicts = (
        read_frame(night.folder / f"{name}.parquet") for name in ("decision_log", "salts", "decision_verdicts")
    )
    # A declaration may name attributes that it did not name when the day was read.
    fields = list(
        dict.fromkeys([*FIELDS, *(name for name in night.declaration.attributes_in_log if name in log.columns)])
    )
    rows = log.select(fields).join(salts.rename({"salt": SALT}), on="decision_id").join(verdicts, on="decision_id")
    return rows.sort("decision_id"), fields, judged_controls(verdicts)


def in_polars(texts: pl.Expr) -> pl.Expr:
    """SHA-256 by polars-hash."""
    import polars_hash  # noqa: F401, PLC0415  (an extra; it gives expressions the namespace)

    digests: pl.Expr = cast(Any, texts).chash.sha2_256()
    return digests


def in_python(texts: pl.Expr) -> pl.Expr:
    """SHA-256 by hashlib."""
    return texts.map_batches(
        lambda column: pl.Series([sha256(text.encode()).hexdigest() for text in column], dtype=pl.String),
        return_dtype=pl.String,
    )


def fastest() -> Hashing:
    """The hashing that is installed."""
    return in_polars if find_spec("polars_hash") else in_python


def leaves_of(
    rows: pl.DataFrame, fields: Sequence[str], controls: Sequence[str], hashing: Hashing | None = None
) -> list[bytes]:
    """Write a leaf for each row, the same bytes as `evidence.decision_leaf`.

    Args:
        rows: `SALT`, the fields and the verdicts, as `day_rows` gives them.
        fields: what is hidden; texts, moments in UTC and numbers.
        controls: columns of verdicts; null where a rule does not concern the decision.
        hashing: how to hash; by default the fastest way that is installed.

    Raises:
        EvidenceError: a number has no canonical form.
    """
    digests = _Digests(hashing or fastest())
    leaves: list[bytes] = []
    for part in rows.iter_slices(_ROWS):
        # By place and not by name: a field may have any name. Polars works on the columns of one select side by side.
        hidden = part.select(
            digests.salt("").alias("salt"),
            _verdicts(controls).alias("v"),
            *(digests.field(name, part.schema[name]).alias(str(place)) for place, name in enumerate(sorted(fields))),
        )
        names = [str(place) for place in range(len(fields))]
        said = _text('["', pl.col("salt"), f'","{WHOLE}",{{"_sd":["', pl.concat_str(names, separator='","'), '"]}]')
        # Of ASCII without `>`, `?`, `~` and DEL base64 has no `+` and no `/`, so it is base64url as it stands.
        leaf = _text('{"_sd":["', digests.of(_base64(said)), '"],"_sd_alg":"sha-256","v":{', pl.col("v"), "}}")
        leaves += hidden.select(leaf.cast(pl.Binary)).to_series().to_list()
    return leaves


class _Digests:
    """Expressions that hash, in one way of hashing."""

    def __init__(self, hashing: Hashing) -> None:
        self.hashing = hashing

    def salt(self, name: str) -> pl.Expr:
        """The salt of a field."""
        before, after = salt_message("\n", name).split("\n", 1)
        return self.hashing(_text(before, pl.col(SALT), after)).str.head(_SALT_CHARACTERS)

    def field(self, name: str, dtype: pl.DataType) -> pl.Expr:
        """The digest of a field's disclosure."""
        spelled = canonical.dumps(name).decode()
        disclosure = _base64(_text('["', self.salt(name), f'",{spelled},', _json(name, dtype), "]"))
        for plain, safe in ("+-", "/_"):
            disclosure = disclosure.str.replace_all(plain, safe, literal=True)
        return self.of(disclosure)

    def of(self, disclosure: pl.Expr) -> pl.Expr:
        """The digest of a disclosure."""
        return self.hashing(disclosure).map_batches(_base64url, return_dtype=pl.String)


def _base64(said: pl.Expr) -> pl.Expr:
    return said.cast(pl.Binary).bin.encode("base64").str.strip_chars_end("=")


def _base64url(digests: pl.Series) -> pl.Series:
    """Hex digests as base64url, the whole column in one go: each with a zero byte after it makes 44 characters, one of them idle."""
    data = bytes.fromhex(digests.str.join("00").item() + "00")
    spelled = b2a_base64(data, newline=False).translate(_URL_SAFE)
    return pl.Series(np.frombuffer(spelled, dtype="S44")).cast(pl.String).str.head(43)


def _text(*parts: str | pl.Expr) -> pl.Expr:
    return pl.concat_str([pl.lit(part) if isinstance(part, str) else part for part in parts])


def _json(name: str, dtype: pl.DataType) -> pl.Expr:
    """A field's value as canonical JSON."""
    value = pl.col(name)
    if dtype == pl.String:
        spelled = _text('"', value.str.replace_many(_ESCAPES), '"')
    elif dtype.is_temporal():
        moment = value.dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").str.replace(".000000Z", "Z", literal=True)
        spelled = _text('"', moment, '"')
    else:
        spelled = value.map_batches(_numbers, return_dtype=pl.String)
    return spelled.fill_null("null")


def _numbers(values: pl.Series) -> pl.Series:
    known = {value: canonical.dumps(value).decode() for value in values.drop_nulls().unique()}
    return values.replace_strict(known, default=None, return_dtype=pl.String)


def _verdicts(controls: Sequence[str]) -> pl.Expr:
    """The members of a leaf's `v`, in canonical order."""
    ordered = canonical.loads(canonical.dumps(dict.fromkeys(controls, "")))
    said = [_text(f'{canonical.dumps(key).decode()}:"', pl.col(key).cast(pl.String), '"') for key in ordered]
    return pl.concat_str(said, separator=",", ignore_nulls=True) if said else pl.lit("")
