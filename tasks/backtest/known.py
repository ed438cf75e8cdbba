"""What could be known after each batch of a history, and nothing else.

A replay reaches the history through this module only, apart from the test itself, so that the
rule against peeking stands in one place: a batch's drift and estimate are known when it has
arrived; its metric and errors when its labels have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np

from tasks.backtest.history import History
from tasks.errors import DataError
from tasks.policy.detectors import ErrorDetector
from tasks.policy.expected_gain import LATEST, expected_gain
from tasks.policy.situation import ErrorChange, Figure, Situation, loss

Delay = int | timedelta


@dataclass(frozen=True)
class Service:
    """The model in service: fitted on the batches up to `end`, once batch `since` had arrived."""

    end: int
    since: int


@dataclass
class Stream:
    """The errors of one model since it serves, fed to a detector as far as anyone asked."""

    detector: ErrorDetector = field(default_factory=ErrorDetector)
    found: list[ErrorChange] = field(default_factory=list)


class Known:
    """What is known after each batch, under one label delay; shared between replays.

    Args:
        history: what happened.
        delay: how long labels take: a number of batches, or a time.

    Raises:
        DataError: the delay is below zero.
    """

    def __init__(self, history: History, delay: Delay = 0) -> None:
        below = delay < timedelta(0) if isinstance(delay, timedelta) else delay < 0
        if below:
            raise DataError("label delay", "at least zero", delay)
        self.history = history
        self._clock = list(accumulate((one.end for one in history.batches), max))
        self._rows = [0, *accumulate(one.rows for one in history.batches)]
        self._labels = [0, *accumulate(one.labelled for one in history.batches)]
        self._labelled = self._arrivals(delay)
        self._streams: dict[Service, Stream] = {}
        self._measured: dict[tuple[int, Service, int], float | None] = {}

    def clock(self, at: int) -> datetime:
        """Return the latest event time known after batch `at`."""
        return self._clock[at]

    def labelled(self, at: int) -> int:
        """Return the newest batch whose labels, and all earlier ones, are there after `at`."""
        return self._labelled[at]

    def learnable(self, at: int) -> int:
        """Return the end of the newest model that could be fitted after batch `at`."""
        fitted = [end for end in self.history.fits if end <= self._labelled[at]]
        return max(fitted, default=self.history.first)

    def situation(self, service: Service, at: int, services: Sequence[Service] = ()) -> Situation:
        """Return the situation after batch `at`.

        Args:
            service: the model that met the batch.
            at: the batch.
            services: every model that served so far, oldest first, the current one included.
        """
        history, fit = self.history, self.history.fits[service.end]
        cell = history.cells[service.end, at]
        recent = self._recent(service, at)
        live = recent[-1] if recent else None
        new_end = max(self.learnable(at), service.end)
        upwards = history.greater_is_better
        drop = None if live is None else loss(fit.reference.value, live.value, upwards)
        return Situation(
            at=self._clock[at],
            batches=at - service.since,
            rows=self._rows[at + 1] - self._rows[service.since + 1],
            fitted_rows=fit.rows,
            fitted_until=self._clock[service.end],
            reference=fit.reference,
            greater_is_better=upwards,
            live=live,
            recent=recent,
            estimated=cell.estimated,
            drift=cell.drift,
            errors=self._errors(service, self._labelled[at]),
            learnable=self._labels[new_end + 1] - self._labels[service.end + 1],
            retrainings=tuple(self._clock[one.since] for one in services[1:]),
            expected_gain=expected_gain(self._gains(services, at), drop),
        )

    def _arrivals(self, delay: Delay) -> list[int]:
        count = len(self._clock)
        if isinstance(delay, int):
            return [max(at - delay, -1) for at in range(count)]
        newest, arrivals = -1, []
        for at in range(count):
            while newest < at and self._clock[newest + 1] + delay <= self._clock[at]:
                newest += 1
            arrivals.append(newest)
        return arrivals

    def _recent(self, service: Service, at: int) -> tuple[Figure, ...]:
        served = range(service.since + 1, self._labelled[at] + 1)
        lives = (self.history.cells[service.end, one].live for one in served)
        return tuple(live for live in lives if live is not None)

    def _errors(self, service: Service, last: int) -> ErrorChange | None:
        """Return what a detector has found in the errors up to batch `last`."""
        wanted = last - service.since
        if wanted <= 0:
            return None
        stream = self._streams.setdefault(service, Stream())
        while len(stream.found) < wanted:
            batch = service.since + len(stream.found) + 1
            errors = self.history.cells[service.end, batch].errors
            stream.found.append(stream.detector.add(() if errors is None else errors))
        return stream.found[wanted - 1]

    def _gains(self, services: Sequence[Service], at: int) -> list[float]:
        """Return what the latest retrainings bought, measured on the batches since, as labelled.

        The model that was replaced is scored along with its successor until the next one.
        """
        ends = [*(one.since for one in services[2:]), at]
        pairs = zip(services, services[1:], ends, strict=False)
        gains = (
            self._gain(old.end, new, min(until, self._labelled[at]))
            for old, new, until in list(pairs)[-LATEST:]
        )
        return [gain for gain in gains if gain is not None]

    def _gain(self, old: int, new: Service, last: int) -> float | None:
        """Return the mean gain of a model over the one with end `old`, up to batch `last`."""
        key = (old, new, last)
        if key not in self._measured:
            values, served = self.history.values, slice(new.since + 1, last + 1)
            gains = self.history.sign * (values[new.end, served] - values[old, served])
            if not self.history.greater_is_better:
                gains = gains / np.abs(values[old, served])
            known = gains[np.isfinite(gains)]
            self._measured[key] = float(known.mean()) if len(known) else None
        return self._measured[key]
