"""What every reader of a source format promises; a format without a case here fails."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.readers.formats import FORMATS, SourceFormat, open_source, tell_format
from tasks.readers.source import BadBatch, Source

LIMIT = 2**30
ROWS = {
    "id": [1, 2, 3],
    "share": [0.5, None, 2.25],
    "name": ["ada", "böb", "cyd"],
    "at": ["2024-01-31T10:00:00", "2024-02-01T00:00:00", "2024-02-02T23:59:59"],
}
KINDS = {"id": "integer", "share": "number", "name": "string", "at": "timestamp"}
SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "share": pa.float64(),
        "name": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "absent": pa.int64(),
    }
)
Columns = dict[str, list]


def as_csv(columns: Columns) -> bytes:
    lines = zip(*columns.values(), strict=True)
    texts = [",".join("" if value is None else str(value) for value in line) for line in lines]
    return "\n".join([",".join(columns), *texts, ""]).encode()


def as_json_lines(columns: Columns) -> bytes:
    lines = zip(*columns.values(), strict=True)
    return "".join(
        json.dumps(dict(zip(columns, line, strict=True))) + "\n" for line in lines
    ).encode()


def as_parquet(columns: Columns) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


WRITERS: dict[str, Callable[[Columns], bytes]] = {
    "CSV": as_csv,
    "JSON lines": as_json_lines,
    "Parquet": as_parquet,
}
each_format = pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)


def opened(folder: Path, name: str, data: bytes) -> Source:
    path = folder / "object"
    path.write_bytes(data)
    return open_source(path, name, LIMIT)


@each_format
def test_a_format_has_a_case_here(format_: SourceFormat) -> None:
    assert format_.name in WRITERS
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in format_.suffixes)


@each_format
def test_each_suffix_tells_one_format(format_: SourceFormat) -> None:
    for suffix in format_.suffixes:
        assert tell_format(f"A/B{suffix.upper()}") == format_.name
        telling = [other for other in FORMATS if suffix in other.suffixes]
        assert telling == [format_]


@each_format
def test_names_come_in_the_files_order_and_kinds_are_inferred(
    format_: SourceFormat, tmp_path: Path
) -> None:
    source = opened(tmp_path, f"a{format_.suffixes[0]}", WRITERS[format_.name](ROWS))
    assert source.names() == tuple(ROWS)
    kinds = source.infer()
    if format_.name == "Parquet":  # what a Parquet file types as text is text
        assert kinds == {**KINDS, "at": "string"}
    else:
        assert kinds == KINDS


@each_format
def test_rows_come_in_the_schemas_types_and_what_is_absent_is_null(
    format_: SourceFormat, tmp_path: Path
) -> None:
    source = opened(tmp_path, f"a{format_.suffixes[0]}", WRITERS[format_.name](ROWS))
    tables = [piece.table for piece in source.pieces(SCHEMA) if not piece.bad]
    table = pa.concat_tables(tables)
    assert table.schema == SCHEMA
    assert table.column("id").to_pylist() == ROWS["id"]
    assert table.column("share").to_pylist() == ROWS["share"]
    assert table.column("name").to_pylist() == ROWS["name"]
    assert table.column("at").to_pylist()[0].isoformat() == "2024-01-31T10:00:00+00:00"
    assert table.column("absent").null_count == 3


@each_format
def test_a_value_of_another_kind_is_told_by_its_place(
    format_: SourceFormat, tmp_path: Path
) -> None:
    texts = ["1", "two", "3"] if format_.name != "JSON lines" else [1, "two", 3]
    data = WRITERS[format_.name]({"id": texts})
    source = opened(tmp_path, f"a{format_.suffixes[0]}", data)
    (piece,) = source.pieces(pa.schema({"id": pa.int64()}))
    assert piece.bad["id"].tolist() == [1]
    assert piece.table.column("id").to_pylist() == [1, None, 3]


@each_format
def test_an_empty_file_and_another_formats_mark_are_refused(
    format_: SourceFormat, tmp_path: Path
) -> None:
    name = f"a{format_.suffixes[0]}"
    with pytest.raises(BadBatch, match="0 bytes"):
        opened(tmp_path, name, b"")
    for other in FORMATS:
        if other is not format_ and other.magic:
            with pytest.raises(BadBatch, match=f"the content is {other.name}"):
                opened(tmp_path, name, WRITERS[other.name](ROWS))
    if format_.magic:
        with pytest.raises(BadBatch, match="does not begin with"):
            opened(tmp_path, name, as_csv(ROWS))


@each_format
def test_a_packed_file_reads_as_the_plain_one(format_: SourceFormat, tmp_path: Path) -> None:
    packed = [suffix for suffix in format_.suffixes if suffix.endswith(".gz")]
    if not packed:
        assert format_.magic, "a format without a mark can be packed"
        return
    source = opened(tmp_path, f"a{packed[0]}", gzip.compress(WRITERS[format_.name](ROWS)))
    assert source.names() == tuple(ROWS)
