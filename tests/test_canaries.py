"""The search finds what it is for, in every form that is looked into."""

from __future__ import annotations

import gzip
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tasks.readers.private import TESTS
from tests.canaries import MARK, PERSONAL, people, search, search_folder

ROWS = people(300)


def parquet(column: str) -> bytes:
    file = io.BytesIO()
    ROWS[["customer", column]].to_parquet(file, compression="zstd")
    return file.getvalue()


def npz(column: str) -> bytes:
    file = io.BytesIO()
    values = ROWS[column].to_numpy()
    narrow = values.astype(np.float32) if values.dtype.kind == "i" else values.astype(str)
    np.savez_compressed(file, values=narrow)
    return file.getvalue()


FORMS: dict[str, Callable[[str], bytes]] = {
    "text": lambda column: str(ROWS[column].iloc[0]).encode(),
    "utf-16": lambda column: str(ROWS[column].iloc[0]).encode("utf-16"),
    "json": lambda column: ROWS[[column]].to_json().encode(),
    "gzip": lambda column: gzip.compress(ROWS[column].to_csv().encode()),
    "parquet": parquet,
    "npz": npz,
}


@pytest.mark.parametrize("column", PERSONAL)
@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_in_each_form(form: str, column: str) -> None:
    assert [*search(FORMS[form](column), "here")]


@pytest.mark.parametrize("column", PERSONAL)
def test_a_value_is_found_in_a_database_and_where_it_was_deleted(
    column: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database, database:
        database.execute("CREATE TABLE kept (packed BLOB)")
        database.execute("INSERT INTO kept VALUES (?)", (parquet(column),))
    assert search_folder(tmp_path)
    with closing(sqlite3.connect(tmp_path / "a.sqlite")) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("INSERT INTO kept VALUES (?)", (str(ROWS[column].iloc[0]).encode(),))
        database.execute("DELETE FROM kept")
    assert search_folder(tmp_path)
    assert not search_folder(tmp_path, ["a.sqlite"])


def test_the_other_columns_hold_no_mark() -> None:
    others = ROWS.drop(columns=list(PERSONAL))
    assert not MARK.search(others.to_csv())
    assert not [*search(others.to_csv().encode(), "here")]


def test_the_values_read_as_what_they_are() -> None:
    kinds = ("mail addresses", "phone numbers", "bank accounts, with check digits that hold")
    for kind, column in zip(kinds, ("email", "phone", "iban"), strict=True):
        assert ROWS[column].map(TESTS[kind]).all(), column
