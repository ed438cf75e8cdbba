"""A model version in service: what it takes, what it answers, and how a challenger fares."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple
from weakref import WeakSet

import msgspec
import numpy as np

from tasks.arrays import Array
from tasks.errors import IntegrityError
from tasks.features.kept_history import open_history
from tasks.predictions.record import as_json, key_of
from tasks.predictions.senders import CONTRADICTS
from tasks.promotion.manifest import REMEDY
from tasks.promotion.model_version import ModelVersion
from tasks.promotion.trial import Trial
from tasks.readers.private import conceal_row
from tasks.serving.rows import Reader, RequestRows


class Predictions(NamedTuple):
    """What a model says of rows: a label or number each, and the probability of every class."""

    values: Sequence[Any]
    probabilities: Sequence[Sequence[float]] | None


# Weak, so that counting keeps no model in memory.
HELD: WeakSet[Served] = WeakSet()


class Served:
    """One verified model version, ready to answer; safe to use from several threads.

    Attributes: `version`, `manifest`, `request` (what a row may hold), `digest`, `labels` (the
    classes as keys of a JSON object; empty for a regression), `head` (how an answer names it, as
    JSON), `history` (which earlier targets it looks up; None for none), `known_since` (when what it
    looks them up in was written).
    """

    def __init__(self, version: ModelVersion) -> None:
        """Make ready a version that `versions.load` verified.

        Raises:
            IntegrityError: it says nothing of requests, gives other answers to the golden rows on
                the way that requests take, or no finite number.
            ConfigurationError: the transform that it was trained with is not here.
        """
        manifest = version.manifest
        if manifest.lineage.request is None:
            rule = "its manifest says what a request holds"
            raise IntegrityError(version.where, rule, "nothing", "Train a version anew.")
        HELD.add(self)
        self.version, self.manifest, self.digest = version, manifest, version.digest
        self.request = manifest.lineage.request
        self._reader = Reader(self.request, version.schema, version.transform)
        self._classes = manifest.classes
        self.labels = tuple(label_text(label) for label in self._classes)
        named = {"pipeline": manifest.pipeline, "version": manifest.version}
        self.head = msgspec.json.encode({**named, "digest": self.digest})
        self._model = version.by_row
        self._personal = version.schema.personal
        self.history = version.schema.history
        self.known_since: datetime | None = None

    def read(self, rows: Sequence[Any]) -> RequestRows:
        """Return the rows as the model takes them.

        Raises:
            Unfit: they do not fit; up to 100 problems are told.
        """
        return self._reader.read(rows)

    def know(self, content: Mapping[str, Any]) -> None:
        """Look rows' histories up in what was kept; where it is of another target, go on as is."""
        lookup = self._reader.lookup
        kept = None if lookup is None else open_history(content, lookup.plan)
        if lookup is not None and kept is not None:
            lookup.known, self.known_since = kept.known, kept.written

    def loggable(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return the rows without what is personal, as they may be kept beside their answers."""
        hidden, key = self._personal, self.request.key
        return [conceal_row(row, hidden, key) for row in rows] if hidden else rows

    def answer(self, rows: RequestRows) -> Predictions:
        """Return what the model says.

        Raises:
            IntegrityError: the model failed, or answered no finite number.
        """
        outputs = self._answers(rows)
        if not self._classes:
            return Predictions(outputs[:, 0].tolist(), None)
        classes, shares = self._classes, outputs.tolist()
        # what numpy's calls cost shows in a single row
        if len(shares) == 1:
            (only,) = shares
            return Predictions([classes[only.index(max(only))]], shares)
        return Predictions([classes[place] for place in outputs.argmax(1).tolist()], shares)

    def _answers(self, rows: RequestRows) -> Array:
        outputs = self._model.answers(rows.numbers, rows.texts)
        single = len(outputs) == 1
        if not (all(map(isfinite, outputs[0].tolist())) if single else np.isfinite(outputs).all()):
            rule = "it answers finite numbers"
            raise IntegrityError(self.version.where, rule, "NaN or infinity", REMEDY)
        return outputs


class ServedChallenger:
    """The model of a trial, and what became of it in this process; safe to use from threads.

    Attributes: `served`, `trial`, `tries` and `failures` (rows), and `error`, the last one.
    """

    def __init__(self, served: Served, trial: Trial) -> None:
        self.served, self.trial = served, trial
        self.tries = self.failures = 0
        self.error = ""
        # by sender: rows that were tried, and those among them that failed
        self._senders: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    @property
    def over(self) -> str:
        """Why it answers nothing any more, or an empty text."""
        if not self.trial.fails(self.tries, self.failures) or self._fails_for_one():
            return ""
        return (
            f"{self.failures} of {self.tries} answers failed in one process "
            f"(at most {self.trial.max_error_rate:.3g} of them may): {self.error}"
        )

    def pick(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the places of the rows that it answers: by their keys, or by all they hold."""
        if not self.trial.share or self.over:
            return []
        takes, key = self.trial.takes, self.served.request.key
        return [
            place
            # by its key, so that a row gets the same model's answer from every process and again
            for place, row in enumerate(rows)
            if takes(key_of(row, key) or as_json(row, ordered=True))
        ]

    def _fails_for_one(self) -> bool:
        """Tell whether it fails for one sender alone, whose rows may be made for that."""
        with self._lock:
            others = [(self.tries - n, self.failures - bad) for n, bad in self._senders.values()]
        return any(n >= CONTRADICTS and not self.trial.fails(n, bad) for n, bad in others)

    def count(self, rows: int, sender: str = "", error: Exception | None = None) -> None:
        """Count rows that it answered to a sender, or with an error failed to."""
        failures = 0 if error is None else rows
        # two threads that count at once would lose one
        with self._lock:
            tried, failed = self._senders.get(sender, (0, 0))
            self._senders[sender] = tried + rows, failed + failures
            self.tries += rows
            self.failures += failures
            if error is not None:
                self.error = f"{type(error).__name__}: {error}"


def count_held(pipeline: str) -> int:
    """Return how many models of a pipeline are in this process's memory."""
    # a copy first: another thread may load a model while this one counts
    return sum(served.manifest.pipeline == pipeline for served in tuple(HELD))


def label_text(label: Any) -> str:
    """Return a class as the key of a JSON object.

    >>> [label_text(label) for label in (True, 1, "late")]
    ['true', '1', 'late']
    """
    return str(label).lower() if isinstance(label, bool) else str(label)
