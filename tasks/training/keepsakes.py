"""What a model takes along so that it can be watched. Pure."""

from __future__ import annotations

import numpy as np

from tasks.documents import seal
from tasks.drift.encoding import encode_profile
from tasks.drift.profiling import Profiler, predictions_profile, target_profile
from tasks.estimation.estimator import Estimator
from tasks.evaluation.suspicion import associations, surest_wrong
from tasks.features.prepare import prepared_columns
from tasks.models.runtime import OnnxModel
from tasks.policy.challengers import select_rows
from tasks.promotion.manifest import ESTIMATOR, PROFILE, SIGNS, canonical
from tasks.training.choosing import Candidate
from tasks.training.contender import Contender
from tasks.training.work import Work


def gather_keepsakes(work: Work, judged: Candidate, final: Contender) -> dict[str, bytes]:
    """Return the files to publish beside the model, by name."""
    data, pipeline = work.dataset, work.pipeline
    holdout = data.split.holdout
    # the features are profiled on the rows that `final` was fitted on; `refit_winner` hands the
    # very same object on where nothing was refitted
    refitted = final is not judged.contender
    within = np.ones(len(data.y), dtype=bool) if refitted else data.split.training
    profiler = Profiler(prepared_columns(data.schema), data.classes)
    profiler.add(data.prepared[select_rows(judged.challenger.length, data.times, within)])
    # on its own training rows a model is too sure: predictions and target are the holdout's
    predictions = np.asarray(OnnxModel(judged.contender.model).predict(data.prepared[holdout]))
    labels = data.frame[pipeline.target][holdout].to_numpy()
    profile = profiler.result().judged_on(
        predictions_profile(predictions, data.classes), target_profile(labels, data.classes)
    )
    estimator = Estimator.fit(
        pipeline.task,
        pipeline.metric,
        len(data.classes),
        data.y[holdout],
        predictions,
        data.prepared[holdout],
        pipeline.training.seed,
    )
    y, classes = data.y[holdout], len(data.classes)
    signs = {
        "associations": associations(data.prepared[holdout], y, classes),
        "surest_wrong": surest_wrong(y, predictions)[0] if classes else None,
    }
    return {
        PROFILE: encode_profile(profile),
        ESTIMATOR: canonical(seal("estimator", estimator.to_dict())),
        SIGNS: canonical(seal("signs", signs)),
    }
