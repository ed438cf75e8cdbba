"""Where a Delta table lies, how a version of it is opened, and what its log says of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tasks.data.columns import stored_schema
from tasks.data.commits import Commit, read_commit
from tasks.data.table_errors import translate_errors
from tasks.errors import DataError
from tasks.store.bucket import TableAddress


class Location(TableAddress):
    """A place of a Delta table, which `deltalake` opens."""

    def at(self, version: int | None) -> Any:
        """Open this version, the newest where None, as `deltalake` does."""
        from deltalake import DeltaTable

        return DeltaTable(self.uri, version=version, storage_options=dict(self.options))

    def open(self) -> Any | None:
        """Open the newest version; None where there is no table yet."""
        from deltalake.exceptions import TableNotFoundError

        with translate_errors(self.uri):
            try:
                return self.at(None)
            except TableNotFoundError:
                return None

    def opened(self, version: int | None, *, exactly: bool = False) -> Any:
        """Open this version, the newest where None; `exactly`: its own files, not compacted ones.

        Raises:
            DataError: there is no table yet, or no such version.
        """
        newest = self.open()
        if newest is None:
            raise DataError(self.uri, "there is a table", "none", "Ingest a batch first.")
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            rule = f"a version is 0 to {newest.version()}"
            raise DataError(self.uri, rule, version, "See `perennial history`.")
        with translate_errors(self.uri):
            return self.at(version if exactly else self.same_rows(newest, version))

    def same_rows(self, newest: Any, version: int) -> int:
        """Return the last version that has the rows of this one, for files were only rewritten."""
        for commit in said_since(newest, version + 1):
            if not commit.upkeep or commit.version > newest.version():
                break
            version = commit.version
        return version


def said_since(opened: Any, first: int) -> tuple[Commit, ...]:
    """Return the commits from version `first` on, oldest first, those that came meanwhile too."""
    if first > opened.version():
        return ()
    # Newer commits may have come since it was opened, and deltalake's own numbers are then wrong:
    # numbered from the oldest, which is `first`.
    said = reversed(opened.history(opened.version() - first + 1))
    return tuple(read_commit(first + place, entry) for place, entry in enumerate(said))


def stored_columns(opened: Any) -> pa.Schema:
    """Return the columns of an opened table as they are stored, and their types."""
    return stored_schema(pa.schema(opened.schema().to_arrow()))


def count_bytes(opened: Any) -> int:
    """Return how large the files of an opened table are, in bytes."""
    files = pa.table(opened.get_add_actions(flatten=False))
    return sum(files["size_bytes"].to_pylist())
