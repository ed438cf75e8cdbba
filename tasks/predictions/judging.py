"""What labels say of the answers in service, and of a challenger that is tried beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.evaluation.metrics import METRICS
from tasks.policy.reading import count_text
from tasks.policy.situation import MetricValue, loss
from tasks.predictions.live import Live
from tasks.predictions.read import live_performance
from tasks.predictions.table import predictions_table
from tasks.promotion import pointer, trials
from tasks.promotion.trial import Trial
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Answered:
    """The live performance of what was really answered since the champion, or the trial, began.

    Attributes:
        version: the champion's.
        challenger: None without a trial; a canary's keys are others than the champion's.
        withdrawn: why this ended the trial, or empty.
    """

    since: datetime
    version: int
    champion: Live
    trial: Trial | None = None
    challenger: Live | None = None
    withdrawn: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """Sentences for a person."""
        lines = [f"Answered by version {self.version}: {_said(self.champion)}."]
        if self.trial is not None and self.challenger is not None:
            who = f"version {self.trial.version}, {self.trial.words}"
            lines.append(f"Answered by {who}: {_said(self.challenger)}.")
        if self.withdrawn:
            lines.append(f"The trial is withdrawn: {self.withdrawn}.")
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; of the trial, what says which answers are meant."""
        trial = self.trial
        return {
            "since": self.since.isoformat(),
            "version": self.version,
            "champion": self.champion.to_dict(),
            "trial": trial and {"version": trial.version, "mode": trial.mode, "share": trial.share},
            "challenger": None if self.challenger is None else self.challenger.to_dict(),
            "withdrawn": self.withdrawn,
            "told": list(self.told),
        }


def judge_answers(workspace: Workspace) -> Answered | None:
    """Judge what was answered, and withdraw a canary whose live metric fell under its bound.

    None where there is nothing to judge by: no champion, no key, no log.

    Raises:
        StoreError: the store did not answer.
        IntegrityError: a pointer or a manifest does not hold.
    """
    pipeline, found = workspace.pipeline, pointer.read(workspace)
    answered = predictions_table(workspace.bucket, workspace.name)
    there = pipeline.key and answered.version() is not None
    if found is None or not there:
        return None
    champion, trial = found[0], trials.standing(workspace)
    since = champion.since if trial is None else trial.since
    reigning = live_performance(workspace, start=since)
    if trial is None:
        return Answered(since, champion.version, reigning)
    tried = live_performance(workspace, start=since, roles=[trial.mode])
    why = ""
    if trial.share:
        upwards = METRICS[pipeline.metric].greater_is_better
        why = fallen(reigning.live, tried.live, trial.max_drop, upwards=upwards)
    if why:
        # None where it ended, or another began, while the answers were judged
        ended = trials.withdraw(workspace, by="monitor", why=why, trial=trial)
        why = "" if ended is None else why
    return Answered(since, champion.version, reigning, trial, tried, why)


def fallen(champion: MetricValue, challenger: MetricValue, most: float, *, upwards: bool) -> str:
    """Say how far a challenger's live metric is under the champion's, if that is too far.

    Too far is by more than `most` (in units; of an error, as a share of the champion's) and by
    more than chance: the intervals do not touch, as for the signal `performance`.

    >>> before, now = MetricValue("roc_auc", 0.7, 0.68, 0.72, 900, 900), (900, 900)
    >>> fallen(before, MetricValue("roc_auc", 0.6, 0.55, 0.65, *now), 0.02, upwards=True)
    'roc_auc 0.600 [0.550, 0.650] on 900 rows, 0.100 under the champion with 0.700 [0.680, 0.720]'
    >>> fallen(before, MetricValue("roc_auc", 0.6, 0.5, 0.7, *now), 0.02, upwards=True)
    ''
    """
    if not (champion.known and challenger.known):
        return ""
    lost = loss(champion.value, challenger.value, upwards)
    sure = challenger.high < champion.low if upwards else challenger.low > champion.high
    if lost <= most or not sure:
        return ""
    far = f"{lost:.3f} under" if upwards else f"{lost:.1%} over"
    rows = count_text(challenger.labelled, "row", "rows")
    told = f"{challenger.metric} {_bounds(challenger)} on {rows}"
    return f"{told}, {far} the champion with {_bounds(champion)}"


def _said(live: Live) -> str:
    figure = live.live
    labelled = f"{figure.labelled:,} of {figure.rows:,} keys labelled"
    again = f"; {live.repeated:,} later answers to the same keys do not count" * bool(live.repeated)
    shown = f"{figure.metric} {_bounds(figure)}, {labelled}" if figure.known else labelled
    return f"{shown}{again}"


def _bounds(figure: MetricValue) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
