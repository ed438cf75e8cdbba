"""From the folder that workers write to the pipelines' predictions tables, each answer once."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from tasks.config import Pipeline, find_pipeline, pipeline_names
from tasks.data.table import Table
from tasks.errors import IntegrityError, StoreUnavailable
from tasks.faults import external_write
from tasks.predictions.backlog import Backlog, Parcel, is_broken, set_aside
from tasks.predictions.record import Record, decoded
from tasks.predictions.segments import left
from tasks.predictions.table import SCHEMA, predictions_table, rows_of
from tasks.settings import Settings
from tasks.store.connect import open_bucket

Say = Callable[[str], None]
# Bytes of one Delta commit: few commits, and little in memory.
PARCEL_BYTES = 16 * 2**20
# Seconds: a store that is back is found within a minute.
LONGEST = 60.0
LOCK = "shipper.lock"
# Seconds for a request to the store; fewer in the last round, for whoever stops us waits.
PATIENCE, LAST_PATIENCE = 10, 5


@dataclass
class Shipped:
    """What was shipped so far, for whoever watches.

    Attributes:
        rows: answers that this process landed.
        commits: the Delta commits they came in.
        torn_bytes: what a damaged disk left unreadable, or the release before half written.
        unreadable: records that could be read no more.
        unwanted: answers that were deleted, for the pipeline's file says `log_predictions: false`,
            or there is none and whoever wrote them did not know whether they may be kept.
        failures: how often shipping failed; `error` says why the last time.
        backlog_bytes: what waited after the last round.
    """

    rows: int = 0
    commits: int = 0
    torn_bytes: int = 0
    unreadable: int = 0
    unwanted: int = 0
    failures: int = 0
    backlog_bytes: int = 0
    error: str = ""


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row.

    >>> [pause_after(n) for n in (1, 2, 3, 20)]
    [1.0, 2.0, 4.0, 60.0]
    """
    return min(2.0 ** (min(failures, 10) - 1), LONGEST)


class Shipper:
    """Ships what lies in one folder; there is to be one at a time, see `ship_until`."""

    def __init__(self, settings: Settings, folder: Path, shipped: Shipped, say: Say) -> None:
        self.settings, self.folder = settings, folder
        self.shipped, self.say = shipped, say
        # by pipeline: how often in a row it failed, and until when it is left alone
        self._pauses: dict[str, tuple[int, float]] = {}
        self._patience, self._down = PATIENCE, False

    def round(self, over: Callable[[], bool]) -> None:
        """Ship a parcel of each pipeline in turn until none is left to be tried, or `over()`."""
        try:
            with closing(Backlog(self.folder)) as backlog:
                newest, more = backlog.newest(), True
                while more:
                    parcels = chain(left(self.folder), backlog.parcels(PARCEL_BYTES, newest))
                    tried = [self._tried(parcel) for parcel in parcels if not over()]
                    more = any(tried)
                self.shipped.backlog_bytes = sum(backlog.sizes().values())
                backlog.tidy()
        except (OSError, sqlite3.Error, IntegrityError) as error:
            self._failed("the log", error)
            if is_broken(error):
                with suppress(OSError):
                    aside, size = set_aside(self.folder)
                    self.shipped.torn_bytes += size
                    self.say(f"the damaged log lies in {aside}, and another is begun")

    def last_round(self, seconds: float) -> None:
        """Try everything once more; what has not begun after so many seconds stays.

        It ends at the first request to the store that gets no answer.
        """
        self._pauses.clear()
        self._patience, self._down = LAST_PATIENCE, False
        end = time.monotonic() + seconds
        self.round(lambda: self._down or time.monotonic() >= end)

    def _tried(self, parcel: Parcel) -> bool:
        # a pipeline that fails is left alone for a while, and holds no other back
        failures, until = self._pauses.get(parcel.pipeline, (0, 0.0))
        if time.monotonic() < until:
            return False
        try:
            self._land(parcel)
        # the log's own failure is every pipeline's: the round ends
        except sqlite3.Error:
            raise
        except Exception as error:  # whatever it is, the other pipelines go on
            self._down = isinstance(error, StoreUnavailable)
            until = time.monotonic() + pause_after(failures + 1)
            self._pauses[parcel.pipeline] = failures + 1, until
            self._failed(f"the predictions of {parcel.pipeline}", error)
            return False
        self._pauses.pop(parcel.pipeline, None)
        return True

    def _land(self, parcel: Parcel) -> None:
        pipeline = declared(self.settings, parcel.pipeline)
        opened = parcel.open()
        rows, unreadable, unwanted = _keepable(opened.payloads, pipeline)
        if rows.num_rows:
            with external_write("log.append"):
                # of a table of release 0.1.0, columns are lacking
                table = self._table(parcel.pipeline)
                appended = table.append(rows, parcel.transaction, {}, evolve=True)
            if appended.landed:
                self.shipped.rows += rows.num_rows
                self.shipped.commits += 1
        # after the commit: a death in between lands it again, under the same id, as nothing
        parcel.done()
        self.shipped.torn_bytes += opened.torn
        self.shipped.unreadable += unreadable
        self.shipped.unwanted += unwanted

    def _table(self, name: str) -> Table:
        # Shipping tries again by itself, and a stop waits for the request at hand.
        wait = f"{self._patience} seconds"
        options = {"timeout": wait, "max_retries": "1", "retry_timeout": wait}
        table = predictions_table(open_bucket(self.settings), name)
        return replace(table, options={**table.options, **options})

    def _failed(self, what: str, error: Exception) -> None:
        self.shipped.failures += 1
        self.shipped.error = str(error)
        self.say(f"{what} wait in {self.folder}: {error}")


def _keepable(payloads: Sequence[bytes], pipeline: Pipeline | None) -> tuple[pa.Table, int, int]:
    """Return the rows that may be kept, how many records are unreadable, and how many unwanted."""
    tables, unreadable, unwanted = [SCHEMA.empty_table()], 0, 0
    for payload in payloads:
        records, failed = decoded(payload)
        kept = [record for record in records if _may_be_kept(record, pipeline)]
        tables.append(rows_of(kept, pipeline))
        unreadable += failed
        unwanted += sum(len(record.ids) for record in records) - tables[-1].num_rows
    return pa.concat_tables(tables), unreadable, unwanted


def _may_be_kept(record: Record, pipeline: Pipeline | None) -> bool:
    if pipeline is not None:
        return pipeline.serving.log_predictions
    # a worker asked the model before it wrote; an older release's did not, and says no sender
    return record.sender is not None


def declared(settings: Settings, name: str) -> Pipeline | None:
    """Return the pipeline of this name, or None where it has no file.

    Raises:
        ConfigurationError: its file is not valid; what is personal cannot be known then.
    """
    known = name in pipeline_names(settings.pipelines)
    return find_pipeline(name, settings.pipelines) if known else None


def ship_until(
    stop: threading.Event,
    settings: Settings,
    folder: Path,
    *,
    shipped: Shipped | None = None,
    every: float = 30.0,
    last: float = 20.0,
    say: Say = lambda _: None,
) -> Shipped:
    """Ship what workers log in `folder`, every so many seconds, until `stop`; then once more.

    The last round starts nothing after `last` seconds; what stays is shipped at the next start.
    A second shipper of the folder waits for the first to end. `shipped` counts as it goes.
    """
    shipped = Shipped() if shipped is None else shipped
    with _alone(folder, stop) as alone:
        if not alone:
            return shipped
        shipper = Shipper(settings, folder, shipped, say)
        while not stop.is_set():
            shipper.round(stop.is_set)
            stop.wait(every)
        shipper.last_round(last)
    return shipped


@contextmanager
def _alone(folder: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the folder's lock; false where `stop` came before it was free."""
    while True:
        # a folder that cannot be made, or a full disk, is tried again as a lock that is held
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (folder / LOCK).open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                file.close()
        if stop.wait(1.0):
            yield False
            return
    with file:
        yield True
