"""What Prometheus reads of the prediction API; the only door of prometheus_client.

Each worker process writes its figures to files of its own in `PROMETHEUS_MULTIPROC_DIR`, and the
parent process adds them up when it is asked.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import prometheus_client.values
import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from deployments.serving.freshness import Watching
from deployments.serving.rounds import Rounds
from tasks.predictions.ship import Shipped
from tasks.serving.following import InService
from tasks.serving.served import ServedChallenger, count_held

FIGURES = "PROMETHEUS_MULTIPROC_DIR"
SMALLEST = 2**16  # bytes of a file of figures, as the vendor has it
log = logging.getLogger("perennial.serving")
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)


class RoomyFile(MmapedDict):
    """A file of figures that has its room on the disk before anything is written there.

    The vendor's is sparse: on a full disk the kernel ends the process (SIGBUS) at the first figure
    of a new page. Where there is no room, the figures go on in memory, and nobody reads them.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode and not Path(filename).exists():
            filename = _with_room(filename)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        # what the vendor writes is never longer
        while self._used + len(key.encode()) + 40 > self._capacity:
            self._grow()
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        wanted = 2 * self._capacity
        try:
            os.posix_fallocate(self._f.fileno(), 0, wanted)
        except OSError as error:
            held = bytes(self._m[: self._used])
            self._f = Path(_in_memory(self._fname, error)).open("a+b")  # noqa: SIM115
            self._f.write(held)
            self._f.flush()
            os.truncate(self._f.fileno(), wanted)
        self._capacity = wanted
        self._m = mmap.mmap(self._f.fileno(), wanted)


def _with_room(filename: str) -> str:
    # whole under its name: an empty one would be read, and no figure be told at all
    part = Path(f"{filename}.part")
    try:
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, SMALLEST)
        part.rename(filename)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        return _in_memory(filename, error)
    return filename


def _in_memory(filename: str, error: OSError) -> str:
    log.warning("the figures in %s are told no more until another start: %s", filename, error)
    return f"/proc/self/fd/{os.memfd_create('figures')}"


# every kind of figure makes its file by this name
prometheus_client.values.MmapedDict = RoomyFile  # type: ignore[attr-defined]


class Metrics:
    """The figures of one worker process."""

    def __init__(self) -> None:
        own: dict[str, Any] = {"registry": CollectorRegistry()}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"perennial_{name}", text, labels, **own)

        def gauge(name: str, text: str, *labels: str, mode: Any = "livemostrecent") -> Gauge:
            # "live…": a worker that ended has no state any more
            return Gauge(f"perennial_{name}", text, labels, multiprocess_mode=mode, **own)

        requests = counter("requests", "Requests answered.", "pipeline", "route", "status")
        text = "Seconds from the request, whole, to its answer."
        seconds = Histogram(
            "perennial_request_seconds", text, ("pipeline", "route"), buckets=SECONDS, **own
        )
        rows = counter("rows", "Rows predicted.", "pipeline", "version")
        # what every request asks for is asked of prometheus once: it takes a lock, and makes texts
        self._requests = cache(requests.labels)
        self._seconds = cache(seconds.labels)
        self._rows = cache(rows.labels)
        self._version = gauge("model_version", "The version in service.", "pipeline")
        text = "When it took its place, since 1970."
        self._since = gauge("model_since_seconds", text, "pipeline")
        text = "When the targets that it looks up were written, since 1970."
        self._known = gauge("history_since_seconds", text, "pipeline")
        text = "When it was trained, since 1970."
        self._created = gauge("model_created_seconds", text, "pipeline")
        text = "The most models that one process holds."
        self._held = gauge("models_held", text, "pipeline", mode="livemax")
        text = "1 while a refused champion is not served."
        self._refused = gauge("model_refused", text, "pipeline")
        text = "Rows that a challenger answered, or failed to."
        self._trials = counter("trial_rows", text, "pipeline", "version", "mode", "outcome")
        text = "The canary's share of the keys; 0 in shadow."
        self._share = gauge("trial_share", text, "pipeline")
        self._told: WeakKeyDictionary[ServedChallenger, tuple[int, int]] = WeakKeyDictionary()
        text = "Looks at a changed pointer."
        self._reloads = counter("reloads", text, "pipeline", "outcome")
        self._waiting = gauge("log_waiting_bytes", "Answers in memory only.", mode="livesum")
        self._dropped = counter("log_dropped", "Answers the log had no room for.")
        text = "Answers that may not be kept, or of which nobody knows whether they may."
        self._not_kept = counter("log_not_kept", text, "pipeline", "why")
        text = "When the store last answered the worker that waits longest, since 1970."
        self._looked = gauge("store_answered_seconds", text, mode="livemin")
        text = "How loaded the busiest worker is: 0 idle, 1 as much as it can."
        self._load = gauge("load", text, mode="livemax")
        self._wrong_keys = counter("wrong_keys", "Requests with a key that is none.")
        text = "Rounds of a worker's threads that failed; each is followed by the next."
        self._thread_failures = counter("thread_failures", text, "thread")

    def answered(self, pipeline: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests(pipeline, route, status).inc()
        self._seconds(pipeline, route).observe(seconds)

    def predicted(self, pipeline: str, version: int, rows: int) -> None:
        """Count the rows of one answer."""
        self._rows(pipeline, version).inc(rows)

    def turned(self, pipeline: str, outcome: str) -> None:
        """Count a look at a changed pointer."""
        self._reloads.labels(pipeline, outcome).inc()

    def in_service(self, name: str, current: InService, *, refused: bool) -> None:
        """Say what serves now; called by one thread."""
        manifest, challenger = current.served.manifest, current.challenger
        self._held.labels(name).set(count_held(name))
        self._version.labels(name).set(manifest.version)
        self._since.labels(name).set(current.champion.since.timestamp())
        self._created.labels(name).set(manifest.created.timestamp())
        known = current.served.known_since
        if known is not None:
            self._known.labels(name).set(known.timestamp())
        self._refused.labels(name).set(float(refused))
        self._share.labels(name).set(challenger.trial.share if challenger else 0)
        if challenger is not None:
            self._count_tries(name, challenger)

    def _count_tries(self, name: str, challenger: ServedChallenger) -> None:
        tries, failures = self._told.get(challenger, (0, 0))
        now = self._told[challenger] = challenger.tries, challenger.failures
        trials = partial(self._trials.labels, name, str(challenger.trial.version))
        failed = now[1] - failures
        trials(challenger.trial.mode, "failed").inc(failed)
        # read one after the other, while requests count: a failure may be seen before its try
        trials(challenger.trial.mode, "answered").inc(max(0, now[0] - tries - failed))

    def looked(self, answered: float) -> None:
        """Say when the store last answered, in seconds since 1970."""
        self._looked.set(answered)

    def wrong_key(self) -> None:
        """Count a request with a key that is none."""
        self._wrong_keys.inc()

    def threads(self, names: Iterable[str]) -> None:
        """Say 0 of threads of which no round failed yet."""
        for name in names:
            self._thread_failures.labels(name)

    def thread_failed(self, name: str) -> None:
        """Count a round of a thread that failed."""
        self._thread_failures.labels(name).inc()

    def loaded(self, share: float) -> None:
        """Say how loaded this worker is, from 0 to 1."""
        self._load.set(share)

    def not_kept(self, pipeline: str, why: str, rows: int) -> None:
        """Count answers that do not go into the prediction log."""
        self._not_kept.labels(pipeline, why).inc(rows)

    def logged(self, waiting: int, dropped: int) -> None:
        """Say how the prediction log stands; `dropped` is since the last time."""
        self._waiting.set(waiting)
        self._dropped.inc(dropped)


def exposition(shipped: Shipped, watching: Watching, rounds: Rounds) -> Any:
    """Return the WSGI application that answers `/metrics`."""
    registry = CollectorRegistry()
    registry.register(_Everyone())
    registry.register(_Parent(shipped, watching, rounds))
    return make_wsgi_app(registry)


class _Everyone(MultiProcessCollector):
    """The figures of all processes, those of the living only where a figure is a state."""

    def __init__(self) -> None:
        super().__init__(None, os.environ[FIGURES])  # type: ignore[no-untyped-call]

    def collect(self) -> Any:
        # nobody tells of a worker that was killed: its figures would count for ever
        for path in Path(os.environ[FIGURES]).glob("gauge_live*.db"):
            pid = path.stem.rpartition("_")[2]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
        return super().collect()  # type: ignore[no-untyped-call]


class _Parent(Collector):
    """What the parent process knows: how the log is shipped, and what monitoring last saw."""

    def __init__(self, shipped: Shipped, watching: Watching, rounds: Rounds) -> None:
        self._shipped, self._watching, self._rounds = shipped, watching, rounds

    def collect(self) -> Any:
        now = self._shipped
        yield CounterMetricFamily("perennial_log_shipped", "Answers in the tables.", now.rows)
        yield CounterMetricFamily("perennial_log_failures", "Failed shippings.", now.failures)
        text = "Answers that waited on disk, and may not be kept."
        yield CounterMetricFamily("perennial_log_unwanted", text, now.unwanted)
        backlog = now.backlog_bytes
        yield GaugeMetricFamily("perennial_log_backlog_bytes", "Answers on disk only.", backlog)
        text = "Rounds of the parent's threads that failed; each is followed by the next."
        name = "perennial_parent_thread_failures"
        failures = CounterMetricFamily(name, text, labels=("thread",))
        for thread, count in tuple(self._rounds.failures.items()):
            failures.add_metric((thread,), count)
        yield failures
        text = "The weighted share of columns that drifted in the latest batch."
        drift = GaugeMetricFamily("perennial_drift_share", text, labels=("pipeline",))
        text = "The deciding metric on the latest batch."
        live = GaugeMetricFamily("perennial_live_metric", text, labels=("pipeline", "metric"))
        for latest in self._watching.latest:
            if latest.drift is not None:
                drift.add_metric((latest.pipeline,), latest.drift)
            if latest.live is not None:
                live.add_metric((latest.pipeline, latest.metric), latest.live)
        yield from (drift, live)
