"""Changes in a stream of errors: the only door of river.

ADWIN keeps a window of the latest errors and cuts its older part off as soon as the means of
the two parts differ by more than chance: Bifet and Gavaldà, Learning from Time-Changing Data
with Adaptive Windowing, SIAM 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.arrays import Floats
from tasks.errors import DataError
from tasks.policy.situation import ErrorChange

# River's own default: the share of false alarms that each cut of the window may have.
SIGNIFICANCE = 0.002


class ErrorDetector:
    """ADWIN on errors that come batch by batch; what it has seen is never fed again."""

    def __init__(self) -> None:
        # loaded where errors are fed, not by every command that reads a policy
        from river.drift import ADWIN

        self._adwin = ADWIN(delta=SIGNIFICANCE)
        self._seen = 0
        self._window_rows = 0
        self._window_sum = 0.0
        self._found = ErrorChange(0)

    def add(self, errors: Floats | Sequence[float]) -> ErrorChange:
        """Take the (n,) next errors, in time order, and return what is known by now.

        Raises:
            DataError: one is missing or not in 0 to 1.
        """
        # river computes in float64; kept errors are float32
        array = np.asarray(errors, dtype=float)
        if len(array) and not (array.min() >= 0 and array.max() <= 1):
            came = f"{np.nanmin(array):g} to {np.nanmax(array):g}, {np.isnan(array).sum()} missing"
            raise DataError("errors", "each one lies in 0 to 1", came, "Scale the errors.")
        adwin, since = self._adwin, 0
        for place, error in enumerate(array.tolist(), start=1):
            adwin.update(error)
            if adwin.drift_detected:
                self._take(array[since:place])
                # river says what it kept, not what it cut off: that is the difference to all fed
                self._cut(adwin.width, adwin.total)
                since = place
        self._take(array[since:])
        self._seen += len(array)
        return replace(self._found, rows=self._seen)

    def _take(self, errors: Floats) -> None:
        self._window_rows += len(errors)
        self._window_sum += float(errors.sum())

    def _cut(self, kept_rows: float, kept_sum: float) -> None:
        gone = self._window_rows - kept_rows
        before = (self._window_sum - kept_sum) / gone if gone else 0.0
        after = kept_sum / kept_rows if kept_rows else before
        self._found = ErrorChange(0, self._found.changes + 1, after > before, before, after)
        # river starts an empty window after a change, so ours is emptied too
        self._window_rows, self._window_sum = 0, 0.0


def detect_change(errors: Floats | Sequence[float]) -> ErrorChange:
    """Return what ADWIN finds in (n,) errors of 0 to 1 in time order.

    Raises:
        DataError: one is missing or not in 0 to 1.

    >>> detect_change([0.1] * 500 + [0.6] * 500).raised
    True
    """
    return ErrorDetector().add(errors)
