"""What a file that nobody described yet holds: its dialect, and what each column is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tasks.readers.options import Reading, SourceOptions


@dataclass(frozen=True)
class Question:
    """What the file does not say: a person chooses. `column` is empty for the file as a whole.

    `choices` are formats, units or encodings; of a column's, `forms` are the readings, in order.
    """

    column: str
    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class ColumnStudy:
    """One column, over all rows.

    Attributes:
        kind: of the values as `reading` reads them.
        reading: how its texts read; None in the plain form.
        missing: rows without a value.
        distinct: values; None where there are more than were counted exactly.
        unique: no value comes twice, and none is missing.
        running: whole numbers that only rise or only fall, without wide gaps.
        constant: one value at most.
        code: digits that are no number, such as 00501.
        words: mean words of a text.
        least, most: of numbers and times; times are UTC.
        levels: the commonest values and their rows, at most 50.
        examples: a few values as they are written.
        forms: all readings that fit; more than one is ambiguous, or a choice such as an epoch.
    """

    name: str
    kind: str
    reading: Reading | None
    missing: int
    distinct: int | None
    unique: bool
    running: bool
    constant: bool
    code: bool
    words: float
    least: float | datetime | None
    most: float | datetime | None
    levels: dict[str, int]
    examples: tuple[str, ...]
    forms: tuple[Reading, ...]


@dataclass(frozen=True)
class Study:
    """A whole file: how to read it, what it holds, what was decided and what is to be asked."""

    options: SourceOptions
    rows: int
    columns: dict[str, ColumnStudy]
    notes: tuple[str, ...]
    questions: tuple[Question, ...]


def study(
    path: Path,
    name: str,
    limit: int,
    say: Callable[[str], None],
    given: SourceOptions | None = None,
) -> Study:
    """Read a whole file in bounded memory and say what it holds; `limit` in unfolded bytes.

    `name` tells the format; what `given` says of the file is not looked for.

    Raises:
        BadBatch: it cannot be read.
    """
    from tasks.readers.formats import open_source

    options = given or SourceOptions()
    source = open_source(path, name, limit)
    columns = {
        column: ColumnStudy(
            column, kind, None, 0, None, False, False, False, False, 0.0, None, None, {}, (), ()
        )
        for column, kind in source.infer().items()
    }
    return Study(options, 0, columns, (), ())
