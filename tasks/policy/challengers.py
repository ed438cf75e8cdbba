"""Which challengers one retraining makes. Pure.

A retraining may make several, and the gate picks the best that passes:

- `tuned`: tune on every row of the training window, then fit.
- `refitted`: the champion's own setting, fitted again; no tuning, seconds.
- `recent 90d`: the champion's own setting, fitted on the latest 90 days only.
- `warm`: the champion is fitted further with the rows that came after its own (more trees on top
  of a boosting, more steps of a network); it costs what the new rows cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

import numpy as np

from tasks.arrays import Mask, Times
from tasks.quantities import parse_duration

Kind = Literal["tuned", "refitted", "warm", "recent"]
WRITTEN = re.compile(r"(tuned|refitted|warm)|recent\s+(\S+)")


@dataclass(frozen=True)
class ChallengerSpec:
    """How one challenger is made; `length` is how far back a recent one looks.

    `family` is a tuned one's where it is not the family that the tuning chose, but a next best.
    """

    kind: Kind
    length: timedelta | None = None
    family: str | None = None

    @property
    def text(self) -> str:
        """The way it is written in the pipeline file.

        >>> parse_challenger("recent  90d").text
        'recent 90d'
        """
        if self.length is None:
            return self.kind if self.family is None else f"{self.kind} {self.family}"
        seconds = self.length.total_seconds()
        return f"recent {seconds / 86_400:g}d" if seconds >= 86_400 else f"recent {seconds:g}s"

    @property
    def step(self) -> str:
        """What its results are kept under.

        >>> parse_challenger("recent 90d").step
        'recent-90d'
        """
        return self.text.replace(" ", "-")


def parse_challenger(text: str) -> ChallengerSpec:
    """Read one challenger as it is written.

    Raises:
        ValueError: it is not of tuned, refitted, warm, recent DURATION.

    >>> parse_challenger("recent 90d")
    ChallengerSpec(kind='recent', length=datetime.timedelta(days=90), family=None)
    """
    found = WRITTEN.fullmatch(str(text).strip())
    if found is None:
        rule = "a challenger is tuned, refitted, warm, or recent and a length (recent 90d)"
        raise ValueError(rule)
    if found[2]:
        return ChallengerSpec("recent", parse_duration(found[2]))
    return ChallengerSpec(cast("Kind", found[1]))


def plan_challengers(
    asked: Sequence[str], *, champion: bool, warm: bool = False
) -> tuple[ChallengerSpec, ...]:
    """Return the challengers to make, each once.

    Without a champion only a tuned one can be. Where a warm start is impossible (its family has
    none, or the columns are others now), the champion is refitted instead.

    >>> [spec.text for spec in plan_challengers(["refitted", "warm", "tuned"], champion=True)]
    ['refitted', 'tuned']
    >>> [spec.text for spec in plan_challengers(["refitted", "warm"], champion=True, warm=True)]
    ['refitted', 'warm']
    >>> plan_challengers(["refitted"], champion=False)
    (ChallengerSpec(kind='tuned', length=None, family=None),)
    """
    if not champion:
        return (ChallengerSpec("tuned"),)
    wanted = [parse_challenger(text) for text in asked]
    # a warm one that cannot be is the refitted one: asked for both, it is made once
    possible = [
        ChallengerSpec("refitted") if spec.kind == "warm" and not warm else spec for spec in wanted
    ]
    return tuple(dict.fromkeys(possible))


def select_rows(length: timedelta | None, times: Times, within: Mask) -> Mask:
    """Return which of the rows `within` it is fitted on: all, or those of the latest `length`.

    Args:
        length: of the window that ends with the latest of the rows; None takes all.
        times, within: (n,) event times, and which rows may be taken.

    >>> days = np.array(["2013-01-01", "2013-01-02", "2013-01-03"], "datetime64[us]")
    >>> select_rows(timedelta(hours=30), days, np.array([True, True, False])).tolist()
    [True, True, False]
    """
    if length is None:
        return within
    # by the rows' own clock, not today's: a replayed year takes the rows that the year took
    latest = times[within].max()
    return np.asarray(within & (times > latest - np.timedelta64(length)))


def choose_best(passed: Sequence[bool], scores: Sequence[float], greater_is_better: bool) -> int:
    """Return the place of the best that passed the gate, or of the best where none did.

    >>> choose_best([False, True, True], [0.9, 0.7, 0.8], greater_is_better=True)
    2
    >>> choose_best([False, False], [0.9, 0.7], greater_is_better=False)
    1
    """
    # what passed stands before what did not, however good; of equals the first asked for wins
    sign = 1 if greater_is_better else -1
    ranked = [(ok, sign * score) for ok, score in zip(passed, scores, strict=True)]
    return max(range(len(ranked)), key=lambda place: ranked[place])
