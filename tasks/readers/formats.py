"""The formats that are read, and which of them a file is: its name and first bytes must agree."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.problem import Problem
from tasks.readers.read_csv import CsvSource
from tasks.readers.read_jsonl import JsonLinesSource
from tasks.readers.read_parquet import ParquetSource
from tasks.readers.source import BadBatch, Source
from tasks.readers.stream import BOM, unfold

START = 64  # bytes: a mark, or what stands behind a byte order mark and blank lines
# No library that we keep reads them in bounded memory.
UNREAD = {
    (".xlsx", ".xlsm", ".xls", ".ods"): "A spreadsheet",
    (".orc",): "ORC",
    (".avro",): "Avro",
    (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"): "An archive",
    (".feather", ".arrow", ".h5", ".hdf5", ".sav", ".dta", ".sas7bdat", ".rds"): "This format",
}


@dataclass(frozen=True)
class SourceFormat:
    """One format.

    Attributes:
        name: as reports say it.
        suffixes: of an object's name, in lower case.
        read: makes the reader of a file, given at most so many unfolded bytes.
        magic: how every file of it begins; nothing where it has no mark.
        never: beginnings, white space left out, that show another format under its name.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, int, SourceOptions], Source]
    magic: bytes = b""
    never: tuple[bytes, ...] = ()


CSV_SUFFIXES = tuple(
    f".{ending}{packed}" for ending in ("csv", "tsv", "tab", "txt") for packed in ("", ".gz")
)
FORMATS = (
    # JSON under a CSV's name reads as one broken column: its braces are looked for instead.
    SourceFormat("CSV", CSV_SUFFIXES, CsvSource, never=(b'{"', b"[{", b"{}")),
    SourceFormat("Parquet", (".parquet",), ParquetSource, magic=b"PAR1"),
    SourceFormat(
        "JSON lines",
        (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
        JsonLinesSource,
    ),
)


def tell_format(name: str) -> str | None:
    """Return the format that an object's name tells, or None.

    >>> tell_format("flights/incoming/2013-01.CSV.gz"), tell_format("notes.doc")
    ('CSV', None)
    """
    told = _told(name)
    return None if told is None else told.name


def open_source(path: Path, name: str, limit: int, options: SourceOptions = PLAIN) -> Source:
    """Return the reader of a downloaded object of this name; `limit` in unfolded bytes.

    `options` are the pipeline's `source`.

    Raises:
        BadBatch: it is empty, of an unknown format, or not what its name says.
    """
    told = _told(name)
    if told is None:
        raise BadBatch(Problem("format", None, _unknown(name)))
    if path.stat().st_size == 0:
        raise BadBatch(Problem("empty", None, "The file is empty: 0 bytes."))
    start = _start(path)
    message = _disagreement(told, start)
    if message:
        raise BadBatch(Problem("format", None, message))
    return told.read(path, limit, options)


def _unknown(name: str) -> str:
    kind = next((kind for end, kind in UNREAD.items() if name.lower().endswith(end)), None)
    if kind is not None:
        return f"{kind} is not read. Save it as CSV or Parquet."
    known = ", ".join(suffix for format_ in FORMATS for suffix in format_.suffixes)
    return f"The name ends in none of {known}."


def _told(name: str) -> SourceFormat | None:
    lower = name.lower()
    return next((format_ for format_ in FORMATS if lower.endswith(format_.suffixes)), None)


def _disagreement(told: SourceFormat, start: bytes) -> str:
    if not start.startswith(told.magic):
        mark = told.magic.decode("ascii", "replace")
        return f"The name says {told.name}, the content is not: it does not begin with {mark}."
    for other in FORMATS:
        if other is not told and other.magic and start.startswith(other.magic):
            return f"The name says {told.name}, the content is {other.name}."
    # JSON lines have no mark; an object or a list of them begins so, and no header does.
    if start.removeprefix(BOM).lstrip()[:2] in told.never:
        return f"The name says {told.name}, the content looks like JSON."
    return ""


def _start(path: Path) -> bytes:
    """Return the first bytes, of the content where the file is packed."""
    with path.open("rb") as plain:
        try:
            return unfold(plain).read(START)
        except (EOFError, OSError, zlib.error):
            return b""  # a damaged gzip file, which the reader tells
