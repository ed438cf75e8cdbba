"""A column of whole numbers that holds numbers from some version on, whichever way it is read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from tasks.data.table import Table
from tasks.errors import DataError
from tasks.scoring.sources import TableRows
from tests.buckets import local


def whole(*values: int) -> pa.Table:
    return pa.table({"id": pa.array(range(len(values)), pa.int64()), "a": pa.array(values)})


def broken(*values: float) -> pa.Table:
    return pa.table(
        {
            "a": pa.array(values, pa.float64()),
            "id": pa.array(range(10, 10 + len(values)), pa.int64()),
            "b": pa.array(["new"] * len(values)),
        }
    )


def test_every_way_of_reading_gives_one_column(tmp_path: Path) -> None:
    bucket = local()
    address = bucket.table("toy/table")
    table = Table(address.uri, address.options)
    table.append(whole(1, 2, 3), "first", {})
    with pytest.raises(DataError, match="a is double, not int64"):
        table.append(broken(0.5), "second", {})
    second = table.append(broken(0.5, 1.5), "second", {}, evolve=True)
    assert table.append(broken(0.5, 1.5), "second", {}, evolve=True).landed is False
    third = table.append(broken(2.5), "third", {}, evolve=True)
    assert third.version == second.version + 1
    schema = table.schema()
    assert schema is not None
    assert (schema.names, str(schema.field("a").type)) == (["id", "a", "b"], "double")
    assert str(table.schema(1).field("a").type) == "int64"  # type: ignore[union-attr]
    wanted = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    ways = [
        table.read(["a"]).column("a"),
        table.rows().column("a"),  # type: ignore[union-attr]
        pa.concat_tables(table.pieces(table.scan())).column("a"),
        table.scan().collect()["a"],
    ]
    assert [sorted(way.to_pylist() if hasattr(way, "to_pylist") else way) for way in ways] == [
        wanted
    ] * len(ways)
    assert table.read(["id"], where=pl.col("a") > 2.2).column("id").to_pylist() == [10, 2]
    assert table.read(["a"], version=1).column("a").to_pylist() == [1, 2, 3]
    # scoring reads the files themselves, one after the other
    rows = TableRows("toy/table", "x", None, table, bucket, 2**30, tmp_path)
    asked = pa.schema([("a", pa.float64()), ("b", pa.string())])
    read = pa.concat_tables(rows.tables(asked, None))
    assert read.column("a").to_pylist() == [1, 2, 3, 0.5, 1.5, 2.5]
    assert read.column("b").null_count == 3
