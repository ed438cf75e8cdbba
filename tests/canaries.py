"""Values of people that nobody can mistake, and the search for them in all that a life leaves."""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.store.bucket import Bucket

# Nothing tells that the last two are personal: the person names them.
NAMED = ("badge", "pin")
PERSONAL = ("email", "full_name", "phone", "iban", "ip_address", *NAMED)
LEAK = "settled"  # the target once more, with tax: only known afterwards
MARK = re.compile(
    r"canary\.example|zqcanary|7777[ -]?31337|3133731337|203\.0\.113\.|bdg-zq|7313371337"
    r"|7\.3133\d*e\+?12",
    re.IGNORECASE,
)
PIN = 7_313_371_337_000
# What holds rows as they came, and may: without them nothing could be judged anew, corrected,
# joined with labels or scored. The statistics in a Delta log are the table's own.
ROWS = re.compile(
    r"[^/]+/(incoming/.+|labels/incoming/.+|curated/.+|quarantine/[^/]+/(?!report\.json$).+"
    r"|scoring/[0-9a-f]{12}/.+)"
)


def people(count: int, start: int = 0) -> pd.DataFrame:
    """Make customers: what they spend follows from plan, visits and discount."""
    draw = np.random.default_rng([5, start])
    numbers = range(start, start + count)
    plan = draw.choice(["basic", "plus", "gold"], count)
    visits, discount = draw.integers(1, 30, count), draw.uniform(0, 0.4, count).round(3)
    base = 40 * (plan == "gold") + 15 * (plan == "plus") + 6 * visits
    spend = (base * (1 - discount) + draw.normal(0, 4, count)).round(2)
    return pd.DataFrame(
        {
            "customer": [f"c{number:05}" for number in numbers],
            "email": [f"person{number}@canary.example" for number in numbers],
            "full_name": [f"Zqcanary {_letters(number)}" for number in numbers],
            "phone": [f"+49 7777 31337{number:03}" for number in numbers],
            "iban": [_iban(number) for number in numbers],
            "ip_address": [f"203.0.113.{number % 256}" for number in numbers],
            "badge": [f"BDG-ZQ-{number:05}" for number in numbers],
            "pin": [PIN + number for number in numbers],
            "plan": plan,
            "visits": visits,
            "discount": discount,
            LEAK: (spend * 1.19).round(2),
            "spend": spend,
        }
    )


def search(data: bytes, where: str, mark: re.Pattern[str] = MARK) -> Iterator[str]:
    """Yield where a mark stands in some bytes: in themselves, and in what they hold packed.

    Looked into are gzip, zip (and so npz), NumPy's arrays, Parquet column by column, and text in
    one or two bytes a letter. A drawing shows no text that is found so.
    """
    for text in (data, data.replace(b"\0", b"")):
        if found := mark.search(text.decode("latin-1")):
            yield f"{where}: {found.group()}"
            break
    if data.startswith(b"\x1f\x8b"):
        yield from search(gzip.decompress(data), f"{where} (gzip)", mark)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                yield from search(packed.read(name), f"{where}!{name}", mark)
    elif data.startswith(b"\x93NUMPY"):
        yield from _values(np.load(io.BytesIO(data), allow_pickle=False).flat, where, mark)
    elif data.startswith(b"PAR1"):
        table = pq.read_table(pa.BufferReader(data))
        for name in table.column_names:
            yield from _values(table[name].to_pylist(), f"{where}#{name}", mark)


def search_database(path: Path, mark: re.Pattern[str] = MARK) -> Iterator[str]:
    """Yield where a mark stands in a SQLite database: row by row, and in the bytes of its files."""
    with closing(sqlite3.connect(path)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            for row in database.execute(f'SELECT * FROM "{table}"'):
                yield from _values(row, f"{path.name}:{table}", mark)
    for file in path.parent.glob(f"{path.name}*"):
        yield from search(file.read_bytes(), file.name, mark)


def search_folder(
    folder: Path, without: Iterable[str] = (), mark: re.Pattern[str] = MARK
) -> list[str]:
    """Return where a mark stands in the files below a folder; `without` are paths in it."""
    left = [folder / name for name in without]
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(path.is_relative_to(place) for place in left):
            continue
        with path.open("rb") as file:
            database = file.read(16) == b"SQLite format 3\0"
        if database:
            found += search_database(path, mark)
        else:
            found += search(path.read_bytes(), str(path.relative_to(folder)), mark)
    return found


def search_bucket(bucket: Bucket, mark: re.Pattern[str] = MARK) -> tuple[list[str], list[str]]:
    """Return where a mark stands among what holds no rows as they came, and among what does."""
    outside: list[str] = []
    inside: list[str] = []
    for info in bucket.list(""):
        found = inside if ROWS.fullmatch(info.key) else outside
        found += search(bucket.get(info.key), info.key, mark)
    return outside, inside


def _values(values: Iterable[Any], where: str, mark: re.Pattern[str]) -> Iterator[str]:
    for value in values:
        if isinstance(value, bytes):
            if found := [*search(value, where, mark)]:
                yield found[0]
                return
        # as float32, too, in which a pin is the next of those that it holds
        elif isinstance(value, int | float | np.number) and abs(float(value) - PIN) < 1e6:
            yield f"{where}: {value}"
            return
        elif found := mark.search(str(value)):
            yield f"{where}: {found.group()}"
            return


def _iban(number: int) -> str:
    account = f"3133731337{number:08}"
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02}{account}"


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:05}").capitalize()
