"""The challenger against the champion and the best before it, on rows that neither learned from."""

from __future__ import annotations

import numpy as np

from tasks.arrays import Array, Integers, Mask
from tasks.dataset.evidence import describe_split
from tasks.errors import ConfigurationError, DataError
from tasks.evaluation.bootstrap import Sampling, paired_gain
from tasks.evaluation.calibration import calibration_error
from tasks.evaluation.metrics import METRICS
from tasks.evaluation.slices import Slice, compare_slices
from tasks.features.history import add_history
from tasks.labels.known import gather_history
from tasks.models.runtime import OnnxModel
from tasks.promotion.evidence import Comparison
from tasks.promotion.model_version import ModelVersion
from tasks.training.contender import build_contender
from tasks.training.folds import answer_folds
from tasks.training.work import Work

UNSEEN = "holdout rows that neither was fitted on"


def compare_with_champion(
    work: Work, predictions: Array
) -> tuple[Comparison | None, tuple[Slice, ...]]:
    """Return the paired gain over the champion, whole and by slice; None and () without one.

    Holdout rows up to the last event time the champion was fitted on are left out. Where fewer
    than the gate's `min_rows` remain, the champion's setting is fitted again on the training
    window, so that both are judged on rows that neither saw. In a cross-validation it is fitted
    again in each fold.

    `predictions` are the challenger's: (judged rows, classes) probabilities, or values.
    """
    reigning, until = work.reigning, work.known_until
    if reigning is None or until is None:
        return None, ()
    data, pipeline = work.dataset, work.pipeline
    holdout, metric = data.split.judged, METRICS[pipeline.metric]
    kept, theirs, how = _answer_unseen(work, reigning, until, holdout)
    y, ours, sampling = _pair(work, predictions, kept)
    frame = data.frame.iloc[holdout[kept]][list(pipeline.gate.slices)]
    comparison = Comparison(
        version=reigning.manifest.version,
        rows=int(kept.sum()) // describe_split(data.split).repeats,
        score=metric.score(y, theirs),
        gain=paired_gain(metric, y, ours, theirs, sampling),
        how=how,
        calibration=(
            calibration_error(y, ours, task=pipeline.task),
            calibration_error(y, theirs, task=pipeline.task),
        ),
    )
    return comparison, compare_slices(metric, y, ours, theirs, frame, sampling)


def compare_with_best(work: Work, predictions: Array) -> Comparison | None:
    """Return the paired gain over the best version before the champion; None where none did better.

    On the held-out rows that came after what it was fitted on. None too where these are too few, or
    the data have no longer what it looks at, or its transform is gone.
    """
    data, best = work.dataset, work.best_before
    if best is None or data.split.folds:
        return None
    holdout = data.split.judged
    kept = data.times[holdout] > work.seen_until(best)
    y, ours, sampling = _pair(work, predictions, kept)
    if not _enough(work, y):
        return None
    try:
        theirs = _mapped(work, best, holdout[kept])
    except (DataError, ConfigurationError):
        return None
    metric = METRICS[work.pipeline.metric]
    return Comparison(
        version=best.manifest.version,
        rows=len(y),
        score=metric.score(y, theirs),
        gain=paired_gain(metric, y, ours, theirs, sampling),
        how=UNSEEN,
    )


def _pair(work: Work, predictions: Array, kept: Mask) -> tuple[Array, Array, Sampling]:
    """Return truth and answers of the judged rows that are kept, and how their gain is drawn."""
    data, pipeline = work.dataset, work.pipeline
    y = data.y[data.split.judged][kept]
    held_out = describe_split(data.split)
    sampling = held_out.sample(len(y), pipeline.gate.confidence, pipeline.training.seed)
    return y, predictions[kept], sampling


def _answer_unseen(
    work: Work, reigning: ModelVersion, until: np.datetime64, holdout: Integers
) -> tuple[Mask, Array, str]:
    """Return which of the judged rows are compared, the champion's answers there, and why so."""
    data, every = work.dataset, np.ones(len(holdout), dtype=bool)
    if data.split.folds:
        folds = describe_split(data.split).folds
        how = f"{folds} folds, the champion's setting fitted again in each"
        return every, answer_folds(data, work.pipeline, reigning.setting), how
    unseen = data.times[holdout] > until
    if _enough(work, data.y[holdout][unseen]):
        return unseen, _mapped(work, reigning, holdout[unseen]), UNSEEN
    # the champion itself saw some of these rows, and would win by having learned them by heart
    how = "the holdout, the champion's setting fitted again on the training window"
    return every, _refitted(work, reigning, holdout), how


def _enough(work: Work, y: Array) -> bool:
    # of one class alone most metrics are no number
    one_class = work.pipeline.task != "regression" and len(np.unique(y)) < 2
    return len(y) >= work.pipeline.gate.min_rows and not one_class


def _mapped(work: Work, earlier: ModelVersion, rows: Array) -> Array:
    frame, history = work.dataset.frame, earlier.schema.history
    if history is not None:
        # the file may ask for another history by now, and the earlier model knows its own
        frame = add_history(frame, history, gather_history(frame, history))
    theirs = earlier.predict(frame.iloc[rows])
    classes = work.dataset.classes
    if not classes or tuple(earlier.manifest.classes) == classes:
        return theirs
    known = {label: place for place, label in enumerate(earlier.manifest.classes)}
    # an earlier version gives no chance to a class that came after it
    columns = [theirs[:, known[c]] if c in known else np.zeros(len(theirs)) for c in classes]
    return np.column_stack(columns)


def _refitted(work: Work, reigning: ModelVersion, holdout: Array) -> Array:
    data, training = work.dataset, work.dataset.split.training
    again = build_contender(
        reigning.setting,
        work.pipeline,
        data.schema,
        data.prepared[training],
        data.y[training],
        data.times[training],
    )
    return np.asarray(OnnxModel(again.model).predict(data.prepared.iloc[holdout]))
