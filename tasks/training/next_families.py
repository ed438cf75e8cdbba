"""Which families of a tuning stand next before the gate. Pure."""

from __future__ import annotations

from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.tuning.selection import select_setting
from tasks.tuning.trial import Setting, Tuning, mean

# Each further look at the same rows makes a lucky one likelier.
MOST = 2


def next_settings(tuning: Tuning) -> tuple[Setting, ...]:
    """Return the settings of the next best families, the best first, each chosen as the first was.

    >>> from tasks.tuning.trial import TuningTrial
    >>> tried = [("linear", 3.0), ("lightgbm", 5.0), ("random_forest", 4.0), ("extra_trees", 9.0)]
    >>> trials = tuple(
    ...     TuningTrial(place, Setting(name, {}), "defaults", (score,), 1.0, "complete")
    ...     for place, (name, score) in enumerate(tried)
    ... )
    >>> tuning = Tuning(trials, trials[0].setting, "", "rmse", "tpe", 7, 4.0, False)
    >>> [setting.family for setting in next_settings(tuning)]
    ['random_forest', 'lightgbm']
    """
    sign = -1 if METRICS[tuning.metric].greater_is_better else 1
    found = []
    for family in dict.fromkeys(trial.setting.family for trial in tuning.trials):
        trials = [trial for trial in tuning.trials if trial.setting.family == family]
        try:
            setting = select_setting(trials, greater_is_better=sign < 0).setting
        except DataError:
            continue
        scores = next(t.scores for t in trials if t.state == "complete" and t.setting == setting)
        if family != tuning.chosen.family:
            found.append((sign * mean(scores), setting))
    ranked = sorted(found, key=lambda pair: pair[0])
    return tuple(setting for _, setting in ranked[:MOST])
