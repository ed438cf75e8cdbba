"""The forms that predictions leave in, told by a file's name, and written in bounded memory."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tasks.errors import ConfigurationError, did_you_mean

# What stands behind the last point of a name, with what it means; the rest is Parquet's.
TEXT_FORMS: Mapping[str, str] = {
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".jsonl": "JSON lines",
    ".jsonl.gz": "JSON lines",
    ".ndjson": "JSON lines",
    ".ndjson.gz": "JSON lines",
}
# Names that tell another program's form: Parquet inside would deceive whoever opens it.
FOREIGN = (".tsv", ".txt", ".json", ".json.gz", ".xlsx", ".xls", ".feather", ".arrow", ".orc")
WRITTEN = (".csv", ".gz", ".jsonl", ".ndjson", ".parquet", ".parq", ".pq")
# How a cell begins that a spreadsheet runs (OWASP, "CSV Injection").
FORMULA = r"^[=+\-@\t\r\n]"
ROWS = 65_536  # held at once


def is_text_form(name: str) -> bool:
    """Tell whether a file of this name is to hold CSV or JSON lines.

    >>> is_text_form("Out.CSV"), is_text_form("out.parquet"), is_text_form("out")
    (True, False, False)
    """
    return name.lower().endswith(tuple(TEXT_FORMS))


def check_form(output: str, *, spreadsheet: bool = False) -> None:
    """Refuse a name that promises a form which is not written, or not for a spreadsheet.

    An address in the bucket is an object in Parquet, or a table: `.csv` there is refused as well.

    Raises:
        ConfigurationError: the name ends in another form's suffix, or formulas are to be disarmed
            in a form that holds none.
    """
    name = output.lower()
    remote = name.startswith("s3://")
    if name.endswith(FOREIGN) or (remote and is_text_form(name)):
        rule = "predictions are written as Parquet, or to a file here as CSV or JSON lines"
        came = f".{name.rpartition('.')[2]}"
        remedy = "Name it .parquet, or a file here .csv, .csv.gz, .jsonl or .jsonl.gz."
        raise ConfigurationError(output, rule, came, remedy)
    # `out.cvs` would be Parquet under the name of a table that nobody meant
    ending = Path(name).suffix
    asked = "" if ending in WRITTEN else did_you_mean(ending, WRITTEN)
    if asked:
        rule = "its ending says in which form predictions are written"
        raise ConfigurationError(output, rule, ending, asked)
    if spreadsheet and (not is_text_form(name) or TEXT_FORMS[_suffix(name)] != "CSV"):
        rule = "--spreadsheet is for a file here of CSV"
        raise ConfigurationError(output, rule, remedy="Name it .csv or .csv.gz.")


def write_text_form(predictions: Path, to: Path, name: str, *, spreadsheet: bool = False) -> None:
    """Write the rows of a Parquet file to `to` in the form that `name` tells, in their order.

    Values are written as they are; in CSV for a `spreadsheet`, which would run a text such as `=A1`
    as a formula, these have an apostrophe before them, and are no longer what they were.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    with pq.ParquetFile(predictions) as file, _opened(to, name) as sink:
        if TEXT_FORMS[_suffix(name)] == "CSV":
            head = pa.RecordBatch.from_pylist([], file.schema_arrow)
            with csv.CSVWriter(sink, (_disarmed(head) if spreadsheet else head).schema) as writer:
                for rows in file.iter_batches(ROWS):
                    writer.write(_disarmed(rows) if spreadsheet else rows)
            return
        for rows in file.iter_batches(ROWS):
            _write_json_lines(rows, sink)


def _disarmed(rows: Any) -> Any:
    """Return a table whose names and texts no spreadsheet takes for formulas."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from tasks.readers.kinds import kind_of
    from tasks.readers.reading import as_texts

    columns = {}
    for field, column in zip(rows.schema, rows.columns, strict=True):
        name = f"'{field.name}" if re.match(FORMULA, field.name) else field.name
        columns[name] = column
        if kind_of(field.type) == "string":
            texts = as_texts(column)
            marked = pc.binary_join_element_wise("'", texts, "")
            columns[name] = pc.if_else(pc.match_substring_regex(texts, FORMULA), marked, texts)
    return pa.table(columns)


def _write_json_lines(rows: Any, sink: IO[bytes]) -> None:
    import polars as pl

    frame = pl.DataFrame(pl.from_arrow(rows))
    sink.write(frame.write_ndjson().encode())


@contextmanager
def _opened(to: Path, name: str) -> Iterator[IO[bytes]]:
    with to.open("wb") as plain:
        if not name.lower().endswith(".gz"):
            yield plain
            return
        # mtime: the same predictions are the same bytes whenever they are written
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
            yield packed  # type: ignore[misc]


def _suffix(name: str) -> str:
    return max((end for end in TEXT_FORMS if name.lower().endswith(end)), key=len)
