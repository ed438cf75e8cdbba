"""The parts of one scoring: kept in the bucket as they come, one Parquet file in the end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tasks.errors import IntegrityError, NotFound
from tasks.faults import external_write
from tasks.scoring.assembly import Assembly
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Places:
    """Where one run's parts by the model of this digest lie."""

    layout: Layout
    run: str
    model: str

    def part(self, number: int) -> str:
        return self.layout.scoring_part(self.run, self.model, number)

    def labelled(self, number: int) -> str:
        return self.layout.scoring_labelled(self.run, self.model, number)

    @property
    def transaction(self) -> str:
        """Name the commit of all parts; the same rows by the same model have the same name."""
        return f"score-{self.run}-{self.model[:32]}"


class Parts:
    """Takes parts in order; a part it took stays, whatever happens then. A context manager."""

    def __init__(self, bucket: Bucket, places: Places, path: Path, repeated: Sequence[str]) -> None:
        """`repeated` are the columns of few distinct values."""
        self._bucket, self._places, self._repeated = bucket, places, repeated
        self._assembly = Assembly(path)
        # one part goes up while the next one is scored
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._upload: Future[None] | None = None

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def take_up(self) -> int:
        """Return how many parts an earlier start left, one after the other from the first."""
        number = 0
        with suppress(NotFound):
            while True:
                key = self._places.part(number)
                self._assembly.add(self._bucket.get(key), key)
                number += 1
        return number

    def put(self, number: int, rows: pa.Table) -> None:
        """Take a part; the one before it lies in the bucket then."""
        key = self._places.part(number)
        part = self._assembly.encode(rows, self._repeated)
        self._assembly.add(part, key)
        # one upload at a time: a part that is lacking between others would hide those behind it
        self._settle()
        self._upload = self._pool.submit(self._keep, key, part)

    def finish(self, rows: int) -> Path:
        """Return the file that the parts are, once it has so many rows.

        Raises:
            IntegrityError: it has not.
        """
        self._settle()
        if self._assembly.rows != rows:
            rule, came = f"the parts hold the {rows:,} rows of the source", self._assembly.rows
            where = self._places.layout.scoring(self._places.run)
            raise IntegrityError(where, rule, came, "Remove them, and score again.")
        self._assembly.finish()
        return self._assembly.path

    def _keep(self, key: str, part: bytes) -> None:
        with external_write("score.part"):
            self._bucket.put(key, part, content_type=PARQUET)

    def _settle(self) -> None:
        if self._upload is not None:
            self._upload.result()
            self._upload = None
