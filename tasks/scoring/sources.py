"""What can be scored: an object of the bucket, or a Delta table in it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.data.standing import find_corrections
from tasks.data.table import Table, table_in
from tasks.data.widening import beside, join_beside
from tasks.errors import ConfigurationError, DataError, NotFound
from tasks.readers.formats import open_source
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.source import BadBatch, Source
from tasks.store.bucket import Bucket
from tasks.store.layout import BATCH, Layout, table_log

CURATED = "curated"
REMEDY = "Send the file as it was sent for training."


@dataclass(frozen=True)
class RowSource(ABC):
    """Rows in a certain order.

    Attributes:
        name: what they are called.
        identity: a digest that says which rows they are; of a table, which table it is.
        size: their bytes, where they are one object.
    """

    name: str
    identity: str
    size: int | None

    @abstractmethod
    def version(self) -> int | None:
        """Return the newest version, where the source has versions."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""

    @abstractmethod
    def total(self, version: int | None) -> int | None:
        """Return how many rows there are, where that is known before they are read."""

    @abstractmethod
    def tables(self, schema: pa.Schema, version: int | None) -> Iterator[pa.Table]:
        """Yield the rows in these types, some at a time; a column that is absent is null.

        Raises:
            DataError: the rows cannot be read, or a value does not read as its type.
        """


def resolve_key(source: str, bucket: Bucket, layout: Layout) -> str:
    """Return where in the bucket a source or an output lies.

    Raises:
        ConfigurationError: it lies in another bucket.
    """
    if source == CURATED:
        return layout.curated
    if not source.startswith("s3://"):
        return source.rstrip("/")
    named, _, key = source.removeprefix("s3://").partition("/")
    if named != bucket.name:
        remedy = "Copy it there, or set PERENNIAL_BUCKET."
        raise ConfigurationError(source, f"it lies in the bucket {bucket.name}", named, remedy)
    return key.rstrip("/")


def is_table(bucket: Bucket, key: str) -> bool:
    """Say whether a Delta table lies at this key: a folder with a log in it."""
    return any(True for _ in bucket.list(table_log(key)))


def open_rows(
    bucket: Bucket,
    key: str,
    limit: int,
    scratch: Path,
    options: SourceOptions = PLAIN,
    corrected: Sequence[str] = (),
) -> RowSource:
    """Return the rows at this key, downloaded to `scratch` where they are one object.

    `options` say how that object is written; a table of ours needs none. `corrected` are the
    columns by which later batches of a curated table corrected earlier ones.

    Raises:
        NotFound: there is neither an object nor a table.
    """
    if bucket.head(key) is not None:
        path = scratch / "source"
        size = bucket.download(key, path).size
        with path.open("rb") as file:
            identity = hashlib.file_digest(file, "sha256").hexdigest()
        return ObjectRows(key, identity, size, path, limit, options)
    if is_table(bucket, key):
        identity = hashlib.sha256(f"table {bucket.name} {key}".encode()).hexdigest()
        table = table_in(bucket, key)
        return TableRows(key, identity, None, table, bucket, limit, scratch, tuple(corrected))
    rule = "there is an object or a Delta table"
    raise NotFound(f"{bucket.name}/{key}", rule, "neither", "Check the name.")


@dataclass(frozen=True)
class ObjectRows(RowSource):
    """The rows of one object, a copy of which lies at `path`."""

    path: Path
    limit: int
    options: SourceOptions

    def version(self) -> int | None:
        return None

    def names(self) -> tuple[str, ...]:
        with refuse_unreadable(self.name):
            return self._opened().names()

    def total(self, version: int | None) -> int | None:
        # of the formats, only Parquet says it ahead
        with refuse_unreadable(self.name):
            rows = getattr(self._opened(), "rows", None)
        return None if rows is None else int(rows)

    def tables(self, schema: pa.Schema, version: int | None) -> Iterator[pa.Table]:
        with refuse_unreadable(self.name):
            yield from read_typed(self._opened(), schema)

    def _opened(self) -> Source:
        return open_source(self.path, self.name, self.limit, self.options)


@dataclass(frozen=True)
class TableRows(RowSource):
    """The rows of a version of a Delta table: its files by age, each in its own order.

    Where it is `corrected`, by the columns of a key, only the rows that stand.
    """

    table: Table
    bucket: Bucket
    limit: int
    scratch: Path
    corrected: tuple[str, ...] = ()

    def version(self) -> int | None:
        return self.table.version()

    def names(self) -> tuple[str, ...]:
        schema = self.table.schema()
        return () if schema is None else tuple(schema.names)

    def total(self, version: int | None) -> int | None:
        counts = [file.rows for file in self.table.files(version)]
        # a writer may leave the counts out of the log, and which rows stand is told by reading them
        if None in counts or find_corrections(self.table, self.corrected, version) is not None:
            return None
        return sum(filter(None, counts))

    def tables(self, schema: pa.Schema, version: int | None) -> Iterator[pa.Table]:
        before, path = 0, self.scratch / "file"
        corrections = find_corrections(self.table, self.corrected, version)
        wanted = schema if corrections is None else schema.append(pa.field(BATCH, pa.string()))
        # one file after the other: only one at a time takes room on the disk
        for file in self.table.files(version):
            where = f"{self.name}/{file.path}"
            self.bucket.download(where, path)
            with refuse_unreadable(where):
                opened = open_source(path, "file.parquet", self.limit)
                for table in read_typed(opened, beside(wanted), before):
                    before += table.num_rows
                    rows = join_beside(table, wanted)
                    if corrections is not None:
                        rows = corrections.leave_in_order(rows).select(schema.names)
                    yield rows
            path.unlink()


def read_typed(source: Source, schema: pa.Schema, before: int = 0) -> Iterator[pa.Table]:
    """Yield the rows of a file, of which `before` rows came earlier, in these types.

    Raises:
        DataError: a value does not read as its type.
    """
    for piece in source.pieces(schema):
        if piece.bad:
            column, places = next(iter(piece.bad.items()))
            rule = f"every value of {column} reads as {schema.field(column).type}"
            came = f"another in row {before + int(places[0]) + 1:,}"
            raise DataError("source", rule, came, "Mend the file; nothing was scored.")
        before += piece.table.num_rows
        yield piece.table


@contextmanager
def refuse_unreadable(name: str) -> Iterator[None]:
    """Say of a file that cannot be read what is wrong with it."""
    try:
        yield
    except BadBatch as bad:
        raise DataError(name, "the file can be read", bad, REMEDY) from bad
