"""What monitoring last saw of each pipeline, for the figures that Prometheus reads."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from tasks.errors import PerennialError, StoreUnavailable
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.monitoring.observation import Observation
from tasks.settings import Settings
from tasks.store.bucket import Bucket
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout, commit, is_name

# Seconds: a batch is monitored a few times a day.
EVERY = 60.0
log = logging.getLogger("perennial.serving")


@dataclass(frozen=True)
class Freshness:
    """One pipeline's latest batch: its drifted share and the live metric, None where unknown."""

    pipeline: str
    metric: str
    drift: float | None
    live: float | None


class Watching:
    """Holds the latest figures; `look` renews them, which is to be called about every minute."""

    def __init__(self, settings: Settings) -> None:
        self.latest: tuple[Freshness, ...] = ()
        self._settings = settings
        self._read: dict[str, tuple[int, tuple[Freshness, ...]]] = {}

    def look(self) -> None:
        """Renew the figures once; a pipeline whose ledger cannot be read keeps its last ones.

        A store that is down leaves all as they are.
        """
        try:
            self._look()
        except PerennialError as error:
            log.warning("The ledgers were not read: %s", error)

    def _look(self) -> None:
        bucket, before = open_bucket(self._settings), self.latest
        renewed: list[Freshness] = []
        for name in bucket.folders():
            # a bucket may hold what is no pipeline
            if not is_name(name):
                continue
            try:
                renewed += self._renew(bucket, name)
            # no other pipeline's ledger answers either
            except StoreUnavailable:
                raise
            except Exception as error:  # whatever it is, the other pipelines go on
                log.warning("The ledger of %s was not read: %r", name, error)
                renewed += [figure for figure in before if figure.pipeline == name]
        self.latest = tuple(renewed)

    def _renew(self, bucket: Bucket, name: str) -> tuple[Freshness, ...]:
        version, figures = self._read.get(name, (None, ()))
        # one small request says that nothing was added; the ledger has a file for each entry
        if version is not None and not bucket.head(commit(Layout(name).ledger, version + 1)):
            return figures
        ledger = ledger_of(bucket, name)
        version = ledger.table.version()
        # without an observation, no champion saw the batch
        seen = [entry for entry in ledger.entries("decision") if entry.figures.get("observation")]
        figures = tuple(map(freshness, seen[-1:]))
        self._read[name] = (-1 if version is None else version, figures)
        return figures


def freshness(entry: Entry) -> Freshness:
    """Return what a decision says of its batch."""
    observation = Observation.from_dict(entry.figures["observation"])
    drift, live = observation.drift_share, observation.live
    if live is None:
        return Freshness(entry.pipeline, "", drift, None)
    return Freshness(entry.pipeline, live.metric, drift, live.value)
