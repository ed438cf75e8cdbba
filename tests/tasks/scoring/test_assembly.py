from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import IntegrityError
from tasks.scoring.assembly import Assembly

REPEATED = ("prediction", "model_version")


def table(first: int, count: int) -> pa.Table:
    places = np.arange(first, first + count)
    return pa.table(
        {
            "id": [f"row {place}" for place in places],
            "prediction": pa.array(["yes" if place % 3 else None for place in places]),
            "value": places / 7,
            "model_version": np.full(count, 3),
        }
    )


def assembled(path: Path, tables: list[pa.Table]) -> list[bytes]:
    assembly = Assembly(path)
    parts = []
    for rows in tables:
        parts.append(assembly.encode(rows, REPEATED))
        assert assembly.add(parts[-1], "part") == rows.num_rows
    assembly.finish()
    return parts


def test_the_parts_are_one_file_that_every_reader_reads(tmp_path: Path) -> None:
    tables = [table(0, 1000), table(1000, 1), table(1001, 300_000)]
    path = tmp_path / "all.parquet"
    assembled(path, tables)
    expected = pa.concat_tables(tables)
    assert pq.read_table(path).equals(expected)
    assert pl.read_parquet(path).equals(pl.from_arrow(expected))
    rest = pl.scan_parquet(path).filter(pl.col("value") > 42_900).select("id").collect()
    assert rest["id"].to_list() == [f"row {i}" for i in range(300_301, 301_001)]


def test_parts_kept_before_a_death_make_the_same_file(tmp_path: Path) -> None:
    tables = [table(i * 500, 500) for i in range(4)]
    whole, again = tmp_path / "whole.parquet", tmp_path / "again.parquet"
    parts = assembled(whole, tables)
    assembly = Assembly(again)
    for part in parts[:2]:
        assembly.add(part, "part")
    for rows in tables[2:]:
        assembly.add(assembly.encode(rows, REPEATED), "part")
    assembly.finish()
    assert assembly.rows == 2000
    assert again.read_bytes() == whole.read_bytes()


def test_a_part_that_is_cut_or_of_another_place_is_refused(tmp_path: Path) -> None:
    parts = assembled(tmp_path / "all.parquet", [table(0, 500), table(500, 500), table(1000, 5)])
    for wrong in ([parts[1]], [parts[0], parts[2]], [parts[0][:-9]], [b""], [b"\0" * 100]):
        assembly = Assembly(tmp_path / "wrong")
        with pytest.raises(IntegrityError, match="scoring/part"):
            for part in wrong:
                assembly.add(part, "scoring/part")
