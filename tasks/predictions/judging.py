"""What labels say of the answers in service, and of a challenger that is tried beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.evaluation.metrics import METRICS
from tasks.pages.markdown import write_part
from tasks.pages.page import Bullets
from tasks.policy.reading import count_text
from tasks.policy.situation import MetricValue, loss
from tasks.predictions.live import Live
from tasks.predictions.read import CHAMPION, live_performance
from tasks.predictions.senders import CONTRADICTS, find_suspects
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
        doubted: why this did not end it after all, or empty.
    """

    since: datetime
    version: int
    champion: Live
    trial: Trial | None = None
    challenger: Live | None = None
    withdrawn: str = ""
    doubted: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """Sentences for a person."""
        lines = [f"Answered by version {self.version}: {_said(self.champion)}."]
        if self.trial is not None and self.challenger is not None:
            who = f"version {self.trial.version}, {self.trial.words}"
            lines.append(f"Answered by {who}: {_said(self.challenger)}.")
        if self.withdrawn:
            lines.append(f"The trial is withdrawn: {self.withdrawn}.")
        if self.doubted:
            lines.append(f"The trial goes on: {self.doubted}.")
        return tuple(lines)

    def to_markdown(self) -> str:
        """Return the same as a list."""
        return write_part(Bullets(self.told))

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
            "doubted": self.doubted,
            "told": list(self.told),
        }


def judge_answers(workspace: Workspace) -> Answered | None:
    """Judge what was answered, and withdraw a canary whose live metric fell under its bound.

    It has to have fallen without any one sender's answers, too, where there are enough others.
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
    why = doubt = ""
    if trial.share:
        upwards = METRICS[pipeline.metric].greater_is_better
        why = fallen(reigning.live, tried.live, trial.max_drop, upwards=upwards)
    if why and (doubt := _doubt(workspace, trial, reigning, tried)):
        why = ""
    if why:
        # None where it ended, or another began, while the answers were judged
        ended = trials.withdraw(workspace, by="monitor", why=why, trial=trial)
        why = "" if ended is None else why
    return Answered(since, champion.version, reigning, trial, tried, why, doubt)


def _doubt(workspace: Workspace, trial: Trial, reigning: Live, tried: Live) -> str:
    """Say whose answers alone make a challenger fall, or return an empty text.

    Whoever knows the truth of some rows can ask about them with other values: a few such answers
    among many turn no figure, and yet a challenger falls by two hundredths.
    """
    upwards = METRICS[workspace.pipeline.metric].greater_is_better
    for sender in find_suspects(reigning.senders, tried.senders):
        champion, challenger = (
            live_performance(workspace, start=trial.since, roles=roles, without=sender)
            for roles in (CHAMPION, [trial.mode])
        )
        enough = min(champion.judged, challenger.judged) >= CONTRADICTS
        if not (enough and champion.live.known and challenger.live.known):
            continue
        lost = loss(champion.live.value, challenger.live.value, upwards)
        if lost <= trial.max_drop:
            whom = f"the API key {sender}" if sender else "those without an API key"
            figures = f"{_bounds(challenger.live)}, the champion's {_bounds(champion.live)}"
            return f"without the answers to {whom}, its {challenger.live.metric} is {figures}"
    return ""


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
    again = f"; {live.repeated:,} other answers to the same keys do not count" * bool(live.repeated)
    shown = f"{figure.metric} {_bounds(figure)}, {labelled}" if figure.known else labelled
    over = "".join(
        f"; {count:,} labelled answers to {sender or 'no API key'} are left out, for one API key's "
        "are at most half"
        for sender, count in live.left_out.items()
    )
    return f"{shown}{again}{over}"


def _bounds(figure: MetricValue) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
