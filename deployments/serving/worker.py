"""One worker process of the prediction API: what its application is made of."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from types import FrameType

from deployments.linux import die_with
from deployments.serving.accepting import CONNECTIONS
from deployments.serving.admission import Admission
from deployments.serving.application import Application
from deployments.serving.explaining import Explaining
from deployments.serving.hosts import ALLOWED, ANY, Hosts
from deployments.serving.keeping import Keeping
from deployments.serving.keyfile import KEY_FILE, KeyFile
from deployments.serving.load import Load
from deployments.serving.logs import ACCESS, log_as_json
from deployments.serving.metrics import Metrics
from deployments.serving.predicting import Predicting
from deployments.serving.protocol import ServingProtocol
from deployments.serving.rounds import Rounds
from deployments.serving.shadowing import Shadowing
from tasks.errors import ConfigurationError, PerennialError
from tasks.predictions.ship import declared
from tasks.predictions.spool import Spool
from tasks.promotion.trials import withdraw
from tasks.serving.fleet import EVERY, Fleet
from tasks.serving.following import Turn, make_refused_entry
from tasks.serving.newest import Newest
from tasks.settings import Settings, read_keyring
from tasks.store.connect import open_bucket
from tasks.workspace import open_place

WORKERS = "PERENNIAL_SERVING_WORKERS"
OPEN = "PERENNIAL_SERVING_OPEN"
DRAIN = "PERENNIAL_SERVING_DRAIN"
LOG = "PERENNIAL_PREDICTION_LOG"
log = logging.getLogger("perennial.serving")


def application() -> Application:
    """Return the application of this process, as the environment says."""
    log_as_json()
    parent = multiprocessing.parent_process()
    # a worker whose parent is killed would hold the port against the next one
    if parent is not None and parent.pid is not None:
        die_with(parent.pid)
    ServingProtocol.allow(int(os.environ[CONNECTIONS]))
    settings, metrics = Settings.from_environment(), Metrics()
    bucket, told = open_bucket(settings), partial(tell, settings, metrics)
    newest = Newest(settings.home / "serving" / "newest")
    worker = Worker(settings, metrics, Fleet(bucket, settings.keyring, told, newest))
    named, is_open = os.environ.get(KEY_FILE, ""), os.environ.get(OPEN) == "1"
    known = KeyFile(Path(named) if named else None, open_without=is_open).read
    return Application(
        Predicting(worker.fleet, worker.spool.add, worker.shadow.offer, worker.keeps),
        metrics,
        Admission(known, int(os.environ.get(WORKERS, "1")), metrics.wrong_key),
        worker.explaining,
        worker.beside,
        ill=worker.ill,
        hosts=Hosts(os.environ.get(ALLOWED, ANY).split(",")),
        access=os.environ.get(ACCESS) == "1",
        load=worker.load,
    )


class Worker:
    """What goes on in one process beside its requests."""

    def __init__(self, settings: Settings, metrics: Metrics, fleet: Fleet) -> None:
        self.fleet, self.rounds = fleet, Rounds(metrics.thread_failed)
        self.spool = Spool(log_folder(settings))
        self.rounds.watch(self.spool.thread)
        self.keeps = Keeping(settings, metrics.not_kept).keeps
        self.shadow = Shadowing(self.spool.add, rounds=self.rounds, keeps=self.keeps)
        self.explaining = Explaining(partial(explains, settings))
        self._settings, self._metrics, self._stop = settings, metrics, threading.Event()
        self._stopping, self.load = False, Load()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Run from the first request to the last, and finish what they left to others."""
        looked = self._begin()
        # a worker that takes another's place must not answer before it has the models
        await asyncio.get_running_loop().run_in_executor(None, looked.wait)
        self._announce_stops()
        log.info("worker %d takes requests", os.getpid())
        yield
        # requests are over: what they left to others is answered, then written, in this order
        self._stop.set()
        self.explaining.close()
        await asyncio.get_running_loop().run_in_executor(None, self.shadow.close)
        await asyncio.get_running_loop().run_in_executor(None, self.spool.close)

    def ill(self) -> str:
        """Return why no further request is to be sent here, or an empty text."""
        return "this server is about to stop" if self._stopping else self.rounds.ill()

    def _announce_stops(self) -> None:
        """Let a stop begin with readiness that says so, while every request is still answered."""
        loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
        assert callable(stop)
        seconds = float(os.environ.get(DRAIN, "0"))

        def told(number: int, frame: FrameType | None) -> None:
            # a process group's signal and the parent's own are one stop
            if not self._stopping:
                self._stopping = True
                loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, told)

    def _begin(self) -> threading.Event:
        """Start the threads; return what is set once the pointers were looked at."""
        begin, stop = self.rounds.begin, self._stop
        looked = begin("following", partial(look, self.fleet, self._metrics), EVERY, stop)
        withdrawal = partial(withdraw_the_failing, self._settings, self.fleet)
        begin("withdrawing", withdrawal, EVERY, stop)
        begin("log figures", OwnFigures(self.spool, self.load, self._metrics).tell, EVERY, stop)
        self._metrics.threads(self.rounds.failures)
        return looked


class OwnFigures:
    """Tells the metrics how the prediction log stands, and how loaded the worker is."""

    def __init__(self, spool: Spool, load: Load, metrics: Metrics) -> None:
        self._spool, self._load, self._metrics, self._dropped = spool, load, metrics, 0

    def tell(self) -> None:
        """Say it once; what was dropped since the last time is counted."""
        dropped = self._spool.dropped
        self._metrics.logged(self._spool.waiting_bytes, dropped - self._dropped)
        self._dropped = dropped
        self._metrics.loaded(self._load.share())


def look(fleet: Fleet, metrics: Metrics) -> None:
    """Look at the pointers once, and say what is in service.

    Raises:
        ExceptionGroup: looks at some pipelines failed; the others were looked at.
    """
    # of a file that a command replaces: what is signed with another key follows at once
    with suppress(ConfigurationError):
        fleet.believe(read_keyring(os.environ))
    try:
        fleet.look(time.monotonic())
    finally:
        metrics.looked(fleet.answered)
        for name, follower in fleet.followers.items():
            if follower.current is not None:
                refused = follower.champion.refusal is not None
                metrics.in_service(name, follower.current, refused=refused)


def withdraw_the_failing(settings: Settings, fleet: Fleet) -> None:
    """End the trial of a challenger that fails too often; without a store, at a later look.

    Raises:
        ExceptionGroup: some could not be ended, and not for the store; the others were.
    """
    failures: list[Exception] = []
    for name, follower in fleet.followers.items():
        challenger = None if follower.current is None else follower.current.challenger
        if challenger is None:
            continue
        try:
            if why := challenger.over:
                place, trial = open_place(settings, name), challenger.trial
                withdraw(place, by="serving", why=why, trial=trial)
        except PerennialError as error:
            log.warning("a version of %s is not withdrawn yet: %s", name, error)
        except Exception as failure:  # one pipeline's is not the others'
            failures.append(failure)
    if failures:
        raise ExceptionGroup("trials were not withdrawn", failures)


# a file is read once: another one comes with another start
@lru_cache(maxsize=100)
def explains(settings: Settings, name: str) -> bool:
    """Tell whether a pipeline's file lets its predictions be explained; without a file, yes."""
    pipeline = declared(settings, name)
    return pipeline is None or pipeline.serving.explain


def log_folder(settings: Settings) -> Path:
    """Return where workers leave answers for the parent process to ship."""
    named = os.environ.get(LOG, "")
    return Path(named) if named else settings.home / "predictions"


def tell(settings: Settings, metrics: Metrics, turn: Turn) -> None:
    """Count and log what became of a changed pointer; a refusal goes into the ledger."""
    metrics.turned(turn.pipeline, turn.outcome)
    level = logging.INFO if turn.outcome == "loaded" else logging.WARNING
    log.log(level, "%s version %s %s %s", turn.pipeline, turn.version, turn.outcome, turn.why)
    if turn.outcome == "refused" and turn.etag:
        try:
            open_place(settings, turn.pipeline).ledger.append(make_refused_entry(turn))
        except PerennialError as error:
            log.warning("The refusal is not in the ledger: %s", error)
