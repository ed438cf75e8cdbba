"""Which reader takes a file: its name and its first bytes must agree."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from tasks.readers.problem import Problem
from tasks.readers.read_csv import CsvSource
from tasks.readers.read_jsonl import JsonLinesSource
from tasks.readers.read_parquet import ParquetSource
from tasks.readers.source import BadBatch, Source
from tasks.readers.stream import BOM, GZIP_MAGIC

SUFFIXES = {
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".parquet": "Parquet",
    ".jsonl": "JSON lines",
    ".jsonl.gz": "JSON lines",
    ".ndjson": "JSON lines",
    ".ndjson.gz": "JSON lines",
    ".json": "JSON lines",
    ".json.gz": "JSON lines",
}
PARQUET_MAGIC = b"PAR1"


def format_of(name: str) -> str | None:
    """Return the format that an object's name tells, or None.

    >>> format_of("flights/incoming/2013-01.CSV.gz"), format_of("notes.txt")
    ('CSV', None)
    """
    lower = name.lower()
    ending = [format_ for suffix, format_ in SUFFIXES.items() if lower.endswith(suffix)]
    return ending[0] if ending else None


def open_source(path: Path, name: str, limit: int) -> Source:
    """Return the reader of a downloaded object of this name; `limit` in unfolded bytes.

    Raises:
        BadBatch: it is empty, of an unknown format, or not what its name says.
    """
    told = format_of(name)
    if told is None:
        known = ", ".join(SUFFIXES)
        raise BadBatch(Problem("format", None, f"The name ends in none of {known}."))
    if path.stat().st_size == 0:
        raise BadBatch(Problem("empty", None, "The file is empty: 0 bytes."))
    start = _start(path)
    parquet = start.startswith(PARQUET_MAGIC)
    if told == "Parquet" and not parquet:
        message = "The name says Parquet, the content is not: it does not begin with PAR1."
        raise BadBatch(Problem("format", None, message))
    if told != "Parquet" and parquet:
        raise BadBatch(Problem("format", None, f"The name says {told}, the content is Parquet."))
    if told == "CSV" and start.removeprefix(BOM).lstrip()[:2] in (b'{"', b"[{", b"{}"):
        raise BadBatch(Problem("format", None, "The name says CSV, the content looks like JSON."))
    if told == "Parquet":
        return ParquetSource(path, limit)
    return CsvSource(path, limit) if told == "CSV" else JsonLinesSource(path, limit)


def _start(path: Path) -> bytes:
    """Return the first bytes, of the content where the file is packed."""
    with path.open("rb") as file:
        start = file.read(64)
    if not start.startswith(GZIP_MAGIC):
        return start
    try:
        with gzip.open(path) as unfolded:
            return unfolded.read(64)
    except (EOFError, OSError, zlib.error):
        return b""
