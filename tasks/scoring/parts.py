"""The parts of one scoring: kept in the bucket as they come, one Parquet file in the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from tasks.errors import IntegrityError, NotFound
from tasks.faults import external_write
from tasks.scoring.assembly import Assembly
from tasks.scoring.judgement import Labelled
from tasks.scoring.run import Scoring
from tasks.scoring.thinning import Thinned

PARQUET = "application/vnd.apache.parquet"


class Parts:
    """Takes parts in order; a part it took stays, whatever happens then. A context manager."""

    def __init__(self, scoring: Scoring, path: Path) -> None:
        self._bucket, self._layout = scoring.workspace.bucket, scoring.workspace.layout
        self._whose = scoring.run, scoring.pin.digest
        classes = scoring.model.manifest.classes
        # the columns of few distinct values, for which a dictionary pays
        self._repeated = ["model_version", "prediction"] if classes else ["model_version"]
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
                key = self._layout.scoring_part(*self._whose, number)
                self._assembly.add(self._bucket.get(key), key)
                number += 1
        return number

    def labelled(self, taken: int, none: Labelled) -> Iterator[Thinned]:
        """Yield what is needed to judge the first `taken` parts; `none` is of their target."""
        for number in range(taken):
            # a part without labelled rows has no such object
            with suppress(NotFound):
                data = self._bucket.get(self._layout.scoring_labelled(*self._whose, number))
                yield Thinned.from_bytes(data, none)

    def put(self, number: int, rows: pa.Table, labelled: Thinned) -> None:
        """Take a part, and what is needed to judge it; the part before lies in the bucket then."""
        # before the part itself, which is never scored again once it lies there
        if labelled.count:
            with external_write("score.labelled"):
                where = self._layout.scoring_labelled(*self._whose, number)
                self._bucket.put(where, labelled.to_bytes())
        key = self._layout.scoring_part(*self._whose, number)
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
            where = self._layout.scoring(self._whose[0])
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
