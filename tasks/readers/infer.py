"""The kind of a column, judged on all of its values: text widens, it is never narrowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from tasks.readers.coerce import MISSING, coerce
from tasks.readers.options import Reading, SourceOptions
from tasks.readers.reading import as_texts, kind_read, plain_texts

ORDER = ("boolean", "integer", "number", "date", "timestamp")  # the narrowest first
# An integer of eighteen digits fits 64 bits whichever they are.
FORMS = {
    "boolean": r"^(?i:true|false)$",
    "integer": r"^-?(0|[1-9][0-9]{0,17})$",
    "number": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "timestamp": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
PROBE = 64  # texts that rule out most kinds before all texts are matched


class TextKind:
    """The narrowest kind that all values seen so far have.

    >>> import pyarrow as pa
    >>> kind = TextKind()
    >>> for block in (["1", "2"], ["NA", "2.5"]): kind.see(pa.array(block))
    >>> kind.kind
    'number'
    """

    def __init__(self, missing: Sequence[str] = tuple(MISSING.to_pylist())) -> None:
        self.possible = list(ORDER)
        self.seen = False
        self._missing = list(missing)

    def see(self, text: Any) -> None:
        """Take a block of texts into account."""
        if not self.possible:
            return
        texts = pl.Series(text).cast(pl.String).drop_nulls()
        texts = texts.filter(~texts.is_in(self._missing))
        if not len(texts):
            return
        self.seen = True
        # No kind comes back once it is ruled out, whatever later blocks hold.
        probe = texts.head(PROBE)
        self.possible = [kind for kind in self.possible if _fits(probe, kind)]
        self.possible = [kind for kind in self.possible if _fits(texts, kind)]

    @property
    def kind(self) -> str:
        """The kind; string where nothing narrower fits or no value came."""
        return self.possible[0] if self.seen and self.possible else "string"


def infer_kinds(
    batches: Iterable[pa.RecordBatch], names: Sequence[str], options: SourceOptions
) -> dict[str, str]:
    """Return the kind of each column of batches of texts: as the options say, else as all read."""
    kinds: dict[str, str | TextKind] = {name: _said(name, options) or TextKind() for name in names}
    open_ = {name: kind for name, kind in kinds.items() if not isinstance(kind, str)}
    for batch in batches if open_ else ():
        for name, kind in open_.items():
            column, reading = batch.column(name), options.columns.get(name)
            kind.see(column if reading is None else marked_texts(column, reading))
    return {name: kind if isinstance(kind, str) else kind.kind for name, kind in kinds.items()}


def marked_texts(column: Any, reading: Reading) -> Any:
    """Return texts in the plain form, and as they are where they do not read so."""
    texts, bad = plain_texts(column, reading)
    # One bad value makes the column text, as it would be without the reading.
    return as_texts(column) if len(bad) else texts


def _said(name: str, options: SourceOptions) -> str | None:
    if name in options.derive:
        return kind_read(Reading(format=options.derive[name].format))
    return kind_read(options.columns[name]) if name in options.columns else None


def _fits(texts: pl.Series, kind: str) -> bool:
    # A kind holds only for texts that it gives back: 007 is a name, not a number.
    if not texts.str.contains(FORMS[kind]).all():
        return False
    if kind == "number" and texts.str.contains(r"^[+-]?0[0-9]").any():
        return False
    return len(coerce(texts.to_arrow(), kind)[1]) == 0
