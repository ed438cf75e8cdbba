from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.columns import (
    ROWS_AT_ONCE,
    FileRows,
    align,
    check_same_columns,
    stored_schema,
    stored_type,
)
from tasks.errors import DataError

KINDS = [
    *(pa.int8(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.decimal128(10, 2)),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())),
    *(pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.binary()),
    *(pa.list_(pa.float64()), pa.list_(pa.field("element", pa.float64()))),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_stored_type_is_stored_as_itself(kind: pa.DataType) -> None:
    once = stored_type("a", kind)
    assert stored_type("a", once) == once


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_table_a_reader_and_a_file_are_stored_alike(kind: pa.DataType, tmp_path: Path) -> None:
    came = pa.table({"b": [1, None], "a": pa.nulls(2, kind)})
    schema = stored_schema(came.schema.set(0, pa.field("b", pa.int64())))
    if kind != pa.float16():
        pq.write_table(came, tmp_path / "rows.parquet")
        came_from_file = align(FileRows(tmp_path / "rows.parquet"), schema).read_all()
        assert came_from_file == align(came, schema).read_all()
    assert align(came.to_reader(), schema).read_all() == align(came, schema).read_all()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_missing_values_reach_every_stored_type(kind: pa.DataType) -> None:
    came = pa.table({"a": pa.nulls(3, kind)})
    schema = stored_schema(came.schema)
    assert align(came, schema).read_all().column("a").null_count == 3


@pytest.mark.parametrize(
    "kind", [pa.null(), pa.list_(pa.int64()), pa.struct({"x": pa.int64()}), pa.time32("s")], ids=str
)
def test_a_type_without_stored_form_is_refused(kind: pa.DataType) -> None:
    with pytest.raises(DataError, match="column odd"):
        stored_type("odd", kind)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="a twice"):
        stored_schema(pa.schema([("a", pa.int64()), ("b", pa.int64()), ("a", pa.string())]))


def test_no_column_is_refused() -> None:
    with pytest.raises(DataError, match="no column"):
        stored_schema(pa.schema([]))


def test_every_fault_is_named_at_once() -> None:
    table = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.bool_())])
    came = pa.schema([("d", pa.int64()), ("b", pa.int64()), ("c", pa.bool_())])
    with pytest.raises(DataError) as told:
        check_same_columns(came, table, "curated")
    assert told.value.came == "a is missing; d is new; b is int64, not string"


def test_a_stream_comes_in_small_pieces_and_loses_nothing() -> None:
    came = pa.table({"b": range(200_001), "a": range(200_001)})
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    pieces = list(align(came, schema))
    assert max(piece.num_rows for piece in pieces) <= ROWS_AT_ONCE
    assert pa.Table.from_batches(pieces) == came.select(["a", "b"])


def test_a_value_beyond_its_type_is_refused() -> None:
    came = pa.table({"a": pa.array([2**64 - 1], pa.uint64())})
    with pytest.raises(DataError, match="column a: every value fits int64"):
        align(came, stored_schema(came.schema))


def test_finer_times_lose_what_is_under_a_microsecond() -> None:
    came = pa.table({"at": pa.array([1_234_567_891], pa.timestamp("ns"))})
    stored = align(came, stored_schema(came.schema)).read_all()
    assert stored.column("at").cast(pa.int64()).to_pylist() == [1_234_567]
