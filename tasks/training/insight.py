"""The step of a training that explains the version as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Integers
from tasks.documents import seal
from tasks.drift.encoding import encode_profile
from tasks.drift.profiling import Profiler
from tasks.evaluation.curves import spread_evenly
from tasks.evaluation.metrics import METRICS
from tasks.explanation.explainer import Explainer
from tasks.explanation.overview import Overview, permutation_losses, shares
from tasks.explanation.surrogate import fit_surrogate
from tasks.features.prepare import prepared_columns
from tasks.features.schema import FeatureSchema, origins
from tasks.features.terms import count_words
from tasks.models.attribution import Scale
from tasks.models.exchange import ExchangingModel
from tasks.models.runtime import OnnxModel
from tasks.pages.draw import draw
from tasks.pages.page import Figure, Grid, Page, Section, drop_empty
from tasks.promotion.manifest import PROFILE
from tasks.promotion.model_version import ModelVersion
from tasks.records import plain, read
from tasks.signatures import sha256
from tasks.tracking import contributions
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.folds import fit_fold
from tasks.training.keepsakes import make_manifest
from tasks.training.plan import digest
from tasks.training.work import Work

# WORK is in additions, as `Explainer.work` is: it keeps the step within seconds.
MOST_ROWS, FEWEST_ROWS, WORK = 2_000, 25, 1.5e8
# Rows and times that each column is shuffled, for each of which the model answers again.
SHUFFLED, ROUNDS = 1_000, 2
DEPENDENCE = 3
FOLDER = "explanation"
Answer = Callable[[Any], Array]
UNITS: dict[Scale, str] = {"log-odds": "log-odds", "probability": "probability", "value": ""}


@dataclass(frozen=True)
class Insight:
    """The overview with its plots by path and their titles, or why there is none."""

    overview: Overview | None
    images: Mapping[str, bytes] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return all but the images."""
        titles = dict(self.titles)
        return {"overview": plain(self.overview), "titles": titles, "failure": self.failure}


def explain_version(work: Work, chosen: Chosen, final: Contender) -> tuple[Insight, bool]:
    """Explain the model `final` on holdout rows; and whether that was known already."""
    judged = chosen.best.contender

    def compute() -> tuple[dict[str, Any], Mapping[str, bytes]]:
        made = _computed(work, chosen, final)
        return made.to_dict(), made.images

    # by the models themselves: a run that comes to another one explains that
    key = digest([work.key, sha256(final.model), sha256(judged.model)])
    remembered, known = work.compute_once("explanation.json", "train.explained", compute, key)
    content = remembered.document
    overview = read(Overview, content["overview"], "explanation.json")
    return Insight(overview, remembered.files, content["titles"]), known


def store_explanation(work: Work, version: int, found: Insight) -> None:
    """Write what was found into the bucket, again the same if it is there."""
    sealed = seal("explanation", found.to_dict())
    document = json.dumps(sealed, indent=2, allow_nan=False).encode()
    files = {f"{FOLDER}/explanation.json": (document, "application/json")}
    files |= {path: (data, "image/png") for path, data in found.images.items()}
    page = draw_explanation(work.pipeline.name, version, found)
    files[f"{FOLDER}/explanation.html"] = (page.encode(), "text/html; charset=utf-8")
    for path, (data, kind) in files.items():
        where = work.workspace.layout.report(FOLDER, f"{version}/{PurePosixPath(path).name}")
        work.workspace.bucket.put(where, data, content_type=kind)


def draw_explanation(pipeline: str, version: int, found: Insight) -> str:
    """Return the page of what a version looks at: its drawings, and each column's share."""
    figures = tuple(Figure(found.titles[path], png) for path, png in found.images.items())
    overview, lead, metric = found.overview, found.failure, "the metric"
    rows: tuple[tuple[str, str, str], ...] = ()
    if overview is not None:
        metric = overview.metric
        lead = f"Averaged over {overview.rows:,} rows it was judged on, by {overview.method}."
        rows = tuple(
            (share.name, f"{share.adds:.4g}", f"{share.lost:+.4f} ± {share.spread:.4f}")
            for share in overview.columns
        )
    heads = ("column", "adds, on average", f"{metric} loses, shuffled")
    parts = (Grid(heads, rows, frozenset({1, 2})),)
    sections = drop_empty(Section("Columns", parts), Section("Drawings", figures))
    return draw(Page(f"What {pipeline} version {version} looks at", sections, lead=lead))


def rows_within(work: float) -> int:
    """Return on how many rows a model is looked at, by what one of them costs.

    >>> rows_within(2e4), rows_within(1e6), rows_within(1e9)
    (2000, 150, 25)
    """
    return int(min(MOST_ROWS, max(FEWEST_ROWS, WORK / work)))


def _computed(work: Work, chosen: Chosen, final: Contender) -> Insight:
    data, pipeline = work.dataset, work.pipeline
    places = np.flatnonzero(data.split.holdout)
    places = places[spread_evenly(len(places), MOST_ROWS)]
    rows, y = data.prepared.iloc[places].reset_index(drop=True), data.y[places]
    columns, behind = prepared_columns(data.schema), origins(data.schema)
    watched = count_words(rows, columns)
    profiler = Profiler(columns)
    profiler.add(rows)
    files = {**final.files, PROFILE: encode_profile(profiler.result())}
    # nothing is published yet: run and version are made up, and explaining reads neither
    explainer = Explainer(ModelVersion(make_manifest(work, chosen, final, "", 1), files))
    some = rows.iloc[spread_evenly(len(rows), rows_within(explainer.work))].reset_index(drop=True)
    values, of = explainer.contributions(some)
    # the contributions are the published model's; what shuffling costs is measured on the one that
    # was judged, since only it was fitted on none of these rows
    metric, seed = METRICS[pipeline.metric], pipeline.training.seed
    few, answer, seen = _unseen(work, chosen, places, rows)
    lost = permutation_losses(answer, seen, y[few], metric, behind, ROUNDS, seed)
    answers = np.asarray(OnnxModel(final.model).predict(rows))
    overview = Overview(
        explainer.method,
        explainer.scale,
        of,
        len(some),
        pipeline.metric,
        len(few),
        shares(explainer.raw, values, lost),
        fit_surrogate(watched, columns.watched, answers, data.classes),
    )
    adds = dict(zip(explainer.raw, values.T, strict=True))
    images, titles = _drawn(overview, adds, count_words(some, columns), data.schema)
    return Insight(overview, images, titles)


def _unseen(
    work: Work, chosen: Chosen, places: Integers, rows: pd.DataFrame
) -> tuple[Integers, Answer, Mapping[str, Array] | pd.DataFrame]:
    """Return which rows the judged model was not fitted on, its answers, and them as it takes them.

    At most `SHUFFLED` of the rows, which lie at these places of the dataset.
    """
    data, best = work.dataset, chosen.best
    if not data.split.folds:
        few = spread_evenly(len(places), SHUFFLED)
        judged = ExchangingModel(best.contender.model, rows.iloc[few])
        return few, judged.predict, judged.columns
    last = data.split.folds[-1]
    unseen = np.flatnonzero(np.isin(places, last.judge))
    few = unseen[spread_evenly(len(unseen), SHUFFLED)]
    length = best.challenger.length
    model = fit_fold(data, work.pipeline, best.contender.setting, last, length)
    classes = len(data.classes)

    def answer(columns: Any) -> Array:
        return model.answers(pd.DataFrame(columns), classes)

    return few, answer, rows.iloc[few]


def _drawn(
    overview: Overview, adds: Mapping[str, Array], rows: pd.DataFrame, schema: FeatureSchema
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Draw the summary, and the dependence of the largest columns; return images and titles."""
    features = {feature.name: feature for feature in schema.features}
    behind = {}
    for share in overview.columns:
        feature = features[share.name]
        numbers = None if feature.kind == "category" else rows[feature.prepared[0]].to_numpy()
        behind[share.name] = (adds[share.name], numbers)
    unit = UNITS[overview.scale] or overview.of
    images = {f"{FOLDER}/summary.png": contributions.summary(behind, overview.of, unit)}
    titles = {f"{FOLDER}/summary.png": "What each column adds"}
    for place, share in enumerate(overview.columns[:DEPENDENCE], start=1):
        path, shown = f"{FOLDER}/dependence-{place}.png", features[share.name].prepared[0]
        values = rows[shown].to_numpy().tolist()
        images[path] = contributions.dependence(shown, values, adds[share.name], overview.of, unit)
        titles[path] = f"What it adds: {share.name}"
    return images, titles
