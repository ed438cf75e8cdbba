"""A challenger in service beside the champion: which rows it answers, and how often it failed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.predictions.record import as_json, key_of
from tasks.promotion.trial import Trial
from tasks.serving.served import Served


class ServedChallenger:
    """The model of a trial, and what became of it in this process; safe to use from threads.

    Attributes: `served`, `trial`, `tries` and `failures` (rows), and `error`, the last one.
    """

    def __init__(self, served: Served, trial: Trial) -> None:
        self.served, self.trial = served, trial
        self.tries = self.failures = 0
        self.error = ""
        self._lock = threading.Lock()

    @property
    def over(self) -> str:
        """Why it answers nothing any more, or an empty text."""
        if not self.trial.fails(self.tries, self.failures):
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

    def count(self, rows: int, error: Exception | None = None) -> None:
        """Count rows that it answered, or with an error failed to."""
        # two threads that count at once would lose one
        with self._lock:
            self.tries += rows
            if error is not None:
                self.failures += rows
                self.error = f"{type(error).__name__}: {error}"
