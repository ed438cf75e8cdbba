"""What a suite is: the columns a batch must have, and the expectations its values must meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

OPEN = "open"  # of a column without any value so far: its first value settles the kind
Kind = Literal["string", "integer", "number", "boolean", "timestamp", "date"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Suite:
    """The contract of one pipeline's batches.

    `columns` names every column and its kind (`open` where no value came so far); None means that
    they are inferred over the whole of the first accepted batch. `expectations` are Great
    Expectations' own objects (`great_expectations.expectations.ExpectColumn…`); one with
    `severity="warning"` is reported and never refuses a batch. A column outside `columns` in an
    expectation is refused.
    """

    columns: Mapping[str, Kind | Literal["open"]] | None
    expectations: tuple[Any, ...]

    @property
    def open(self) -> frozenset[str]:
        """The columns of which no value came so far."""
        return frozenset(name for name, kind in (self.columns or {}).items() if kind == OPEN)

    def __post_init__(self) -> None:
        wrong = {kind for kind in (self.columns or {}).values() if kind not in (*KINDS, OPEN)}
        if wrong:
            raise ValueError(f"a column's kind is one of {', '.join(KINDS)}; got {sorted(wrong)}")
