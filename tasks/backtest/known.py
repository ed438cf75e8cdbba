"""What could be known after each batch of a history, and nothing else. Pure.

The rule against peeking stands here alone: a batch's drift and estimate are known when it has
arrived; its metric and errors when its labels have. What follows from it for a policy is
`tasks.policy.past`'s to say, as it is for the live monitor.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from tasks.backtest.history import History
from tasks.errors import DataError
from tasks.policy.detectors import ErrorDetector
from tasks.policy.expected_gain import relative_gain
from tasks.policy.past import Accepted, GateGain, Incumbent, Meeting, Past
from tasks.policy.situation import ErrorChange, finite

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Service:
    """The model in service: fitted on the batches up to `end`, once batch `since` had arrived."""

    end: int
    since: int


class InformationSet:
    """What is known after each batch, where labels take `delay`; shared between replays.

    `labelled` says for each batch the newest whose labels, and all earlier ones, are there.

    Raises:
        DataError: the delay is below zero.
    """

    def __init__(self, history: History, delay: timedelta = AT_ONCE) -> None:
        if delay < AT_ONCE:
            raise DataError("label delay", "at least zero", delay)
        self.history = history
        # the data's clock: a batch of old rows never turns it back
        clock = list(accumulate((batch.end for batch in history.batches), max))
        self.labelled = [
            bisect_right(clock, now - delay, hi=at + 1) - 1 for at, now in enumerate(clock)
        ]
        # a detector cannot go back, so its answers are kept for the policies that ask again
        self._detectors: defaultdict[Service, ErrorDetector] = defaultdict(ErrorDetector)
        self._changes: defaultdict[Service, list[ErrorChange]] = defaultdict(list)
        # every policy asks after every batch, so what does not depend on it is made once
        self._ends = sorted(history.fits)
        self._told = tuple(
            Accepted(batch.name, batch.arrived, batch.rows, batch.labelled, batch.held)
            for batch in history.batches
        )
        self._untold = tuple(replace(batch, labelled=0) for batch in self._told)
        self._verdicts = {
            end: GateGain(end, cpu_seconds=history.fits[end].cpu_seconds) for end in self._ends
        }

    def learnable(self, at: int) -> int:
        """Return the end of the newest model that could be fitted after batch `at`."""
        place = bisect_right(self._ends, self.labelled[at])
        return self._ends[place - 1] if place else self.history.first

    def met(self, services: Sequence[Service], at: int) -> tuple[Meeting, ...]:
        """Return what batch `at` brought: labels of earlier batches, then the batch itself.

        `services` are the models that served so far, oldest first; the last of them met the batch.
        """
        # late labels are scored by the model that had met their rows; the live monitor scores them
        # with the champion then in service
        before = self.labelled[at - 1] if at else -1
        late = range(max(before, self.history.first) + 1, min(self.labelled[at], at - 1) + 1)
        own = self._meeting(services, at, labels=self.labelled[at] >= at)
        return (*(self._meeting(services, batch, labels=True) for batch in late), own)

    def past(
        self,
        services: Sequence[Service],
        at: int,
        meetings: tuple[Meeting, ...],
        retrained: tuple[datetime, ...],
    ) -> Past:
        """Return what had happened after batch `at`, the last of `meetings`."""
        history, service = self.history, services[-1]
        fit = history.fits[service.end]
        arrived, learnable = history.batches[at].arrived, self.learnable(at) + 1
        return Past(
            incumbent=Incumbent(
                model=service.end,
                arrived=service.since + 1,
                learned=service.end + 1,
                rows=fit.rows,
                until=fit.until,
                reference=fit.reference,
            ),
            # only what a model can be fitted on counts as labelled
            batches=(*self._told[:learnable], *self._untold[learnable : at + 1]),
            refusals=tuple(refusal for refusal in history.refusals if refusal <= arrived),
            meetings=meetings,
            # no gate judged these models, no files of labels come, and nothing runs beside a replay
            verdicts=tuple(self._verdicts[made.end] for made in services[1:]),
            retrainings=retrained,
            labels=(),
            errors=self._errors(service, self.labelled[at]),
            running=False,
            greater_is_better=history.greater_is_better,
        )

    def _meeting(self, services: Sequence[Service], at: int, *, labels: bool) -> Meeting:
        # who met the batch is who had been in service before it came, whoever is now
        place = bisect_left(services, at, key=lambda served: served.since) - 1
        service, cell = services[place], self.history.cells[services[place].end, at]
        batch = self.history.batches[at]
        return Meeting(
            model=service.end,
            last=batch.end,
            late=cell.late,
            live=cell.live if labels else None,
            estimated=cell.estimated,
            drift=cell.drift,
            gain=self._gain(services[place - 1].end, service.end, at) if labels and place else None,
            suspicions=batch.suspicions,
        )

    def _errors(self, service: Service, last: int) -> ErrorChange | None:
        """Return what a detector has found in the errors up to batch `last`."""
        wanted = last - service.since
        if wanted <= 0:
            return None
        found = self._changes[service]
        while len(found) < wanted:
            errors = self.history.cells[service.end, service.since + len(found) + 1].errors
            found.append(self._detectors[service].add(() if errors is None else errors))
        return found[wanted - 1]

    def _gain(self, old: int, new: int, at: int) -> float | None:
        """Return what one model added to another on batch `at`; None where either has no metric."""
        values, upwards = self.history.values, self.history.greater_is_better
        gain = self.history.sign * float(values[new, at] - values[old, at])
        return finite(relative_gain(gain, float(values[old, at]), upwards))
