"""The kind of a column, judged on all of its values: text widens, it is never narrowed."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from tasks.readers.coerce import MISSING, coerce

ORDER = ("boolean", "integer", "number", "date", "timestamp")  # the narrowest first
# An integer of eighteen digits fits 64 bits whichever they are.
FORMS = {
    "boolean": r"^(?i:true|false)$",
    "integer": r"^-?(0|[1-9]\d{0,17})$",
    "number": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    "date": r"^\d{4}-\d\d-\d\d$",
    "timestamp": r"^\d{4}-\d\d-\d\d",
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

    def __init__(self) -> None:
        self._possible = list(ORDER)
        self._seen = False

    def see(self, text: Any) -> None:
        """Take a block of texts into account."""
        if not self._possible:
            return
        text = pc.filter(text, pc.invert(pc.is_in(text, value_set=MISSING))).drop_null()
        if len(text) == 0:
            return
        self._seen = True
        # No kind comes back once it is ruled out, whatever later blocks hold.
        probe = text.slice(0, PROBE)
        self._possible = [
            kind for kind in self._possible if _fits(probe, kind) and _fits(text, kind)
        ]

    @property
    def kind(self) -> str:
        """The kind; string where nothing narrower fits or no value came."""
        return self._possible[0] if self._seen and self._possible else "string"


def _fits(text: Any, kind: str) -> bool:
    # A kind holds only for texts that it gives back: 007 is a name, not a number.
    if not pc.all(pc.match_substring_regex(text, FORMS[kind])).as_py():
        return False
    if kind == "number" and pc.any(pc.match_substring_regex(text, r"^[+-]?0\d")).as_py():
        return False
    return len(coerce(text, kind)[1]) == 0
