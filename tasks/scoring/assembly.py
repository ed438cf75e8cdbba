"""One Parquet file written in parts, each of which is kept as its bytes.

A part is what a Parquet writer puts into the file at the place where the part begins, with a footer
of its own. The file is the parts without their footers and one footer for all, so nothing is
encoded twice, and a part that was kept before a death is taken as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import IntegrityError

MAGIC = b"PAR1"
TAIL = 8  # the footer's length and the magic
# Rows: a reader takes a group at a time, and four of them make a part.
ROW_GROUP = 262_144
# Written in place of what lies before a part, as often as it takes.
SKIPPED = bytes(16 * 2**20)


class Assembly:
    """A Parquet file at `path` that grows by parts; it can be read once it is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._size = 0
        self._metadata: Any = None
        path.write_bytes(b"")

    def encode(self, table: pa.Table, repeated: Sequence[str]) -> bytes:
        """Return the part that these rows are, next in the file; `repeated` have few values."""
        sink = _Sink()
        file = pa.PythonFile(sink, mode="w")
        # a dictionary is only tried where values repeat: elsewhere it is built and thrown away
        with pq.ParquetWriter(
            file, table.schema, compression="zstd", use_dictionary=list(repeated)
        ) as writer:
            # the footer holds offsets: the writer has to believe that all before lies in its file
            sink.kept = False
            for start in range(0, self._size, len(SKIPPED)):
                file.write(SKIPPED[: self._size - start])
            sink.kept = True
            writer.write_table(table, row_group_size=ROW_GROUP)
        return sink.content.getvalue()

    def add(self, part: bytes, where: str) -> int:
        """Append a part; return its rows.

        Raises:
            IntegrityError: it is cut short, or belongs at another place.
        """
        try:
            length = int.from_bytes(part[-TAIL:-4], "little") + TAIL
            # a footer alone is read like a file, which has the magic at both ends
            footer = pq.read_metadata(pa.BufferReader(MAGIC + part[-length:]))
            begins = _begins(footer)
            if begins != self._size + len(MAGIC):
                raise ValueError(f"it begins at byte {begins:,}")
            if self._metadata is None:
                self._metadata = footer
            else:
                self._metadata.append_row_groups(footer)
        except (pa.ArrowException, ValueError, RuntimeError, OSError) as error:
            rule = f"it is the part at byte {self._size:,}"
            raise IntegrityError(where, rule, error, "Remove it, and score again.") from error
        with self.path.open("ab") as file:
            file.write(memoryview(part)[:-length])
        self._size += len(part) - length
        self.rows += footer.num_rows
        return int(footer.num_rows)

    def finish(self) -> None:
        """Write the footer."""
        footer = io.BytesIO()
        self._metadata.write_metadata_file(footer)
        with self.path.open("ab") as file:
            file.write(footer.getvalue()[len(MAGIC) :])


class _Sink(io.RawIOBase):
    """Keeps what is written but for the stretch that only moves the writer forward."""

    def __init__(self) -> None:
        super().__init__()
        self.content = io.BytesIO()
        self.kept = True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.content.write(data) if self.kept else len(data)


def _begins(footer: Any) -> int:
    first = footer.row_group(0).column(0)
    # a column begins with its dictionary, where it has one
    return int(first.dictionary_page_offset or first.data_page_offset)
