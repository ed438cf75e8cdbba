"""What a file does not say of itself, asked with values of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.readers.answers import is_ambiguous
from tasks.readers.column_study import ColumnStudy
from tasks.readers.kinds import TIMES
from tasks.readers.private import conceal
from tasks.readers.reading import quoted
from tasks.readers.source import NO_HEADER, doubt_header

SHOWN = 3  # fields of a line


@dataclass(frozen=True)
class Question:
    """What the file does not say: a person chooses. `column` is empty for the file as a whole.

    `choices` are encodings of the file, or names for its columns; of a column, formats, or
    `decimal` and a mark.
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
            return f"source.{'names' if choice.startswith('[') else 'encoding'}={choice}"
        key, mark = ("decimal", choice[-1]) if choice.startswith("decimal ") else ("format", choice)
        return f"source.columns.{quoted(self.column)}.{key}={mark}"


def ask(column: ColumnStudy) -> list[Question]:
    """Return what is to be asked of a column: nothing where it reads in one way."""
    forms = column.forms
    if column.reading is not None or not is_ambiguous(forms):
        return []
    texts = [text for text in column.examples if text not in forms[0].missing]
    shown = " and ".join(f"`{text}`" for text in texts[:2])
    if forms[0].kind in TIMES:
        choices = tuple(form.format or "" for form in forms)
        text = f"{shown} read as {' and as '.join(choices)}: which comes first, day or month?"
        return [Question(column.name, text, choices)]
    choices = tuple(f"decimal {form.decimal}" for form in forms)
    ways = "with a decimal point and with a decimal comma"
    if any(form.thousands == "." for form in forms):
        shown = " and ".join([f"`{text}`" for text in texts if "." in text][:2] or [shown])
        ways = "with points between thousands (decimal=,) and with a decimal point (decimal=.)"
    return [Question(column.name, f"{shown} read {ways}.", choices)]


def ask_names(
    header: Sequence[str], values: Mapping[str, Collection[str] | None]
) -> list[Question]:
    """Return what is to be asked of a first line that may be a row, or nothing.

    It is one where half of its fields or more, and two at least, come again below as values.

    Args:
        header: the fields of the first line.
        values: of each column, where they are few.

    >>> ask_names(["7.5", "2.1", "ann@b.org"], {})[0].text.partition(":")[0]
    'The first line is `7.5`, `2.1`, `(personal)`'
    >>> asked = ask_names(["red", "no"], {"red": ["blue", "red"], "no": ["yes", "no"]})
    >>> asked[0].setting, ask_names(["colour", "no"], {"colour": ["red"], "no": ["yes", "no"]})
    ('source.names=[column_1, column_2]', [])
    """
    again = [name for name in header if name in (values.get(name) or ())]
    if len(again) > 1 and 2 * len(again) >= len(header):
        why = "its fields come again below as values"
    elif doubt_header(header):
        why = "fields of it are numbers"
    else:
        return []
    # where it is a row, it is a person's as much as any other
    shown = ", ".join(f"`{conceal(name, header)}`" for name in header[:SHOWN])
    more = ", …" if header[SHOWN:] else ""
    way = f"{NO_HEADER} If it holds the names all the same: source.names=[]."
    names = f"[{', '.join(f'column_{place}' for place in range(1, len(header) + 1))}]"
    return [Question("", f"The first line is {shown}{more}: {why}. {way}", (names,))]
