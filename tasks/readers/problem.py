"""A rule that a file broke while it was read."""

from __future__ import annotations

from dataclasses import dataclass

FEW = 5  # row numbers that a report names: enough to find the fault in the file


@dataclass(frozen=True)
class Problem:
    """A rule that the batch broke while it was read.

    `rows` are a few 1-based data row numbers (the header is not counted), never values.
    """

    rule: str
    column: str | None
    message: str
    rows: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """The problem in one line.

        >>> Problem("kind", "age", "2 values are not integers.", (3, 9)).sentence
        'kind (age): 2 values are not integers. Rows 3, 9.'
        """
        return f"{name_rule(self.rule, self.column)}: {self.message}{list_rows(self.rows)}"


def name_rule(rule: str, column: str | None) -> str:
    """Return the rule, with its column where it has one."""
    return rule if column is None else f"{rule} ({column})"


def list_rows(rows: tuple[int, ...]) -> str:
    """Return the row numbers as a sentence; nothing where there are none."""
    if not rows:
        return ""
    return f" Row{'s' if len(rows) > 1 else ''} {', '.join(f'{row:,}' for row in rows)}."
