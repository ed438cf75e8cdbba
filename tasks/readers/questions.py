"""What a file does not say of itself, asked with values of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks.readers.column_study import ColumnStudy
from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.options import Reading


@dataclass(frozen=True)
class Question:
    """What the file does not say: a person chooses. `column` is empty for the file as a whole.

    `choices` are encodings of the file; of a column, formats, or `decimal` and a mark.
    """

    column: str
    text: str
    choices: tuple[str, ...]

    @property
    def without_values(self) -> Question:
        """The same of a personal column, whose values are shown nowhere.

        >>> Question("born", "`1.2.50` and `3.4.51` read as %d.%m.%y", ()).without_values.text
        'its values read as %d.%m.%y'
        """
        return replace(self, text=re.sub("`.*`", "its values", self.text, flags=re.DOTALL))

    @property
    def setting(self) -> str:
        """The first choice, as the key of the pipeline file that says it.

        >>> Question("paid", "", ("decimal .", "decimal ,")).setting
        'source.columns."paid".decimal=.'
        """
        choice = self.choices[0]
        if not self.column:
            return f"source.encoding={choice}"
        key, mark = ("decimal", choice[-1]) if choice.startswith("decimal ") else ("format", choice)
        return f'source.columns."{self.column}".{key}={mark}'


def ask(column: ColumnStudy) -> list[Question]:
    """Return what is to be asked of a column: nothing where it reads in one way."""
    forms = column.forms
    if column.reading is not None or len(forms) < 2:
        return []
    shown = " and ".join(f"`{text}`" for text in column.examples[:2])
    if all(form.kind in TIMES and form.format for form in forms):
        choices = tuple(form.format or "" for form in forms)
        text = f"{shown} read as {' and as '.join(choices)}: which comes first, day or month?"
        return [Question(column.name, text, choices)]
    if all(form.kind in NUMERIC and _marked(form) for form in forms):
        choices = tuple(f"decimal {form.decimal}" for form in forms)
        text = f"{shown} read with a decimal point and with a decimal comma."
        return [Question(column.name, text, choices)]
    return []


def _marked(form: Reading) -> bool:
    return bool(form.thousands) or form.decimal != "."
