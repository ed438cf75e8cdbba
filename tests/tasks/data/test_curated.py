from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.curated import append_batch, curated, read_columns, training_rows
from tasks.data.reference import DatasetRef, Window
from tasks.data.table import Table
from tasks.errors import ConfigurationError, DataError
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.connect import open_bucket

START = datetime(2013, 1, 1)
NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)


def hours(*numbers: int) -> list[datetime]:
    return [START + timedelta(hours=number) for number in numbers]


def batch_file(folder: Path, name: str, **columns: object) -> Path:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = Table(str(tmp_path / "curated"))
    for name, numbers in {"b1": (3, 1, 2), "b2": (5, 4, 4), "b3": (9, 8)}.items():
        ids = [f"{name}-{place}" for place in range(len(numbers))]
        path = batch_file(tmp_path, name, id=ids, at=hours(*numbers))
        append_batch(table, path, name, NOON, {"object": f"{name}.csv"})
    return table


def test_rows_carry_their_batch_and_when_it_came(table: Table) -> None:
    row = table.read(version=1).slice(0, 1).to_pylist()[0]
    assert row == {"id": "b1-0", "at": START + timedelta(hours=3), "_batch": "b1"} | {
        "_ingested_at": NOON
    }
    assert table.history()[1].metadata == {"object": "b1.csv", "batch": "b1"}
    columns = read_columns(table)
    assert columns is not None
    assert columns.names == ["id", "at"]


def test_a_batch_lands_once(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "b1.parquet"
    again = append_batch(table, path, "b1", NOON + timedelta(days=1), {})
    assert (again.landed, again.version) == (False, 1)
    assert table.read().num_rows == 8


def test_a_batch_without_rows_lands_too(table: Table, tmp_path: Path) -> None:
    path = batch_file(
        tmp_path, "b4", id=pa.array([], pa.string()), at=pa.array([], "timestamp[us]")
    )
    assert append_batch(table, path, "b4", NOON, {}).landed
    assert table.read().num_rows == 8


def test_reserved_columns_are_refused(table: Table, tmp_path: Path) -> None:
    path = batch_file(tmp_path, "b4", id=["x"], at=hours(1), _batch=["forged"])
    with pytest.raises(DataError, match="_batch and _ingested_at are reserved; got _batch"):
        append_batch(table, path, "b4", NOON, {})


def test_a_time_without_zone_is_refused(table: Table, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ingested at"):
        append_batch(table, tmp_path / "b1.parquet", "b4", NOON.replace(tzinfo=None), {})


def test_files_outside_the_span_are_not_read(table: Table, tmp_path: Path) -> None:
    (file,) = (
        path
        for path in (tmp_path / "curated").glob("*.parquet")
        if "b3-0" in pq.read_table(path).column("id").to_pylist()
    )
    file.unlink()
    early = DatasetRef("p", 3, Window(*hours(1, 8)))
    assert len(training_rows(table, early, "at")) == 6


def test_training_rows_come_in_the_order_of_time(table: Table) -> None:
    frame = training_rows(table, DatasetRef("p", 3), "at", key=["id"])
    assert frame["id"].tolist() == [
        *("b1-1", "b1-2", "b1-0", "b2-1", "b2-2", "b2-0", "b3-1", "b3-0")
    ]
    assert frame["at"].is_monotonic_increasing
    assert frame.index.tolist() == list(range(8))


def test_training_rows_are_those_of_the_version(table: Table) -> None:
    frame = training_rows(table, DatasetRef("p", 2), "at")
    assert len(frame) == 6


def test_a_window_is_half_open(table: Table) -> None:
    window = Window(*hours(2, 5))
    frame = training_rows(table, DatasetRef("p", 3, window), "at")
    assert frame["at"].tolist() == [pd.Timestamp(time) for time in hours(2, 3, 4, 4)]


def test_the_same_reference_gives_the_same_rows(table: Table, tmp_path: Path) -> None:
    ref = DatasetRef("p", 3)
    before = training_rows(table, ref, "at")
    append_batch(table, batch_file(tmp_path, "b4", id=["x"], at=hours(4)), "b4", NOON, {})
    pd.testing.assert_frame_equal(training_rows(table, ref, "at"), before)


def test_bounds_with_a_zone_need_event_times_with_one(table: Table) -> None:
    window = Window(end=START.replace(tzinfo=UTC))
    with pytest.raises(DataError, match="column at: bounds have a zone where"):
        training_rows(table, DatasetRef("p", 3, window), "at")


def test_event_times_are_times(table: Table) -> None:
    with pytest.raises(DataError, match="column id: event times are times or dates; got string"):
        training_rows(table, DatasetRef("p", 3, Window(*hours(1, 2))), "id")
    with pytest.raises(DataError, match=r"the columns are of id, at, .*; got when"):
        training_rows(table, DatasetRef("p", 3), "when")


def test_dates_can_be_event_times(tmp_path: Path) -> None:
    table = Table(str(tmp_path / "daily"))
    days = [(START + timedelta(days=number)).date() for number in range(5)]
    append_batch(table, batch_file(tmp_path, "d", id=list("abcde"), day=days), "d", NOON, {})
    window = Window(START + timedelta(days=1), START + timedelta(days=3))
    frame = training_rows(table, DatasetRef("p", 1, window), "day")
    assert frame["id"].tolist() == ["b", "c"]


def test_the_curated_table_lies_in_the_folder_of_its_pipeline() -> None:
    settings = Settings("http://127.0.0.1:1", "key", "secret", Keyring("signing"), bucket="mine")
    assert curated(open_bucket(settings), "flights").uri == "s3://mine/flights/curated"
    with pytest.raises(ConfigurationError):
        curated(open_bucket(settings), "../flights")
