"""Where a Delta table lies, and how one of its versions is opened."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tasks.data.columns import stored_schema
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

    def opened(self, version: int | None) -> Any:
        """Open this version, the newest where None.

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
            return self.at(version)


def stored_columns(opened: Any) -> pa.Schema:
    """Return the columns of an opened table, and their types."""
    return stored_schema(pa.schema(opened.schema().to_arrow()))
