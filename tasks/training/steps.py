"""Tune, fit, evaluate and refit: each computed once for the same plan."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.arrays import Floats, Mask
from tasks.dataset.dataset import fitted_until
from tasks.dataset.evidence import describe_split
from tasks.engine.engine import open_engine
from tasks.errors import DataError
from tasks.evaluation.evaluate import Evaluation, evaluate
from tasks.evaluation.metrics import METRICS
from tasks.evaluation.slices import Slice
from tasks.models.runtime import OnnxModel
from tasks.models.warm_start import read_warm_start
from tasks.policy.challengers import ChallengerSpec, select_rows
from tasks.promotion.evidence import Baseline, Comparison, Evidence
from tasks.promotion.model_version import ModelVersion
from tasks.records import plain, read
from tasks.training.comparison import compare_with_best, compare_with_champion
from tasks.training.contender import Contender, build_contender
from tasks.training.elsewhere import EngineJudge, PinnedRows
from tasks.training.folds import answer_folds, judge_baselines
from tasks.training.plan import digest
from tasks.training.rows import fold_table
from tasks.training.warm_start import select_newer
from tasks.training.work import Work
from tasks.tuning.search import search_settings
from tasks.tuning.trial import Progress, Setting, Tuning

ANSWERS = "answers.npy"


@dataclass(frozen=True)
class HoldoutResult:
    """The challenger on the judged rows, and against the champion, whole and by slice.

    `strange` rows more could not be judged: they are of classes that no training row has. `best` is
    the comparison with the best version before the champion, where there was a better one.
    """

    evaluation: Evaluation
    comparison: Comparison | None
    slices: tuple[Slice, ...]
    strange: int = 0
    best: Comparison | None = None

    @property
    def rows(self) -> str:
        """How many rows were judged, and how."""
        kinds = {"latest rows": "holdout rows", "random holdout": "randomly held out rows"}
        evaluation = self.evaluation
        how = kinds.get(evaluation.evidence, f"rows, {evaluation.how}")
        return f"{evaluation.rows:,} {how}"


def choose_setting(
    work: Work, say: Callable[[Progress], None], tell: Callable[[str], None] = lambda _: None
) -> tuple[Tuning, bool]:
    """Choose a setting on the training window; and whether that was known already.

    Where no challenger is to be tuned, the champion's own setting stands. `tell` hears of the
    engine.
    """
    setting = None if work.reigning is None else work.reigning.setting
    if setting is not None and all(challenger.kind != "tuned" for challenger in work.challengers):
        kept = Tuning(
            trials=(),
            chosen=setting,
            why=f"the champion's own setting ({setting.family}) was kept; nothing was tuned",
            metric=work.pipeline.metric,
            sampler="none",
            seed=work.plan.seed,
            seconds=0.0,
            cut_by_timeout=False,
        )
        return kept, False

    def compute() -> tuple[dict[str, Any], dict[str, bytes]]:
        found = _search(work, setting, say, tell)
        # a fold without a score is NaN, which strict JSON has not
        return plain(found, nan_as_null=True), {}

    remembered, known = work.compute_once("tuning.json", "train.tuned", compute)
    return read(Tuning, remembered.document, "tuning.json"), known


def _search(
    work: Work,
    champion: Setting | None,
    say: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> Tuning:
    pipeline, options = work.pipeline, work.pipeline.training
    table = fold_table(work.dataset, pipeline)
    with open_engine(pipeline.engine, tell) as engine:
        judge = None
        if engine is not None:
            judge = EngineJudge(engine, PinnedRows.of(work), len(table.folds))
        found = search_settings(
            table.frame,
            table.y,
            table.folds,
            task=pipeline.task,
            metric=pipeline.metric,
            families=table.families,
            columns=table.columns,
            champion=champion,
            trials=options.trials,
            seconds=options.seconds,
            sampler=options.sampler,
            seed=options.seed,
            say=say,
            judge=judge,
        )
        if engine is not None:
            work.spent_elsewhere += engine.cpu_seconds
    return found


def fit_challenger(
    work: Work, tuning: Tuning, challenger: ChallengerSpec
) -> tuple[Contender, bool]:
    """Fit a challenger on its part of the training window and export it."""
    training, setting = work.dataset.split.training, tuning.chosen
    if challenger.kind != "tuned" and work.reigning is not None:
        setting = work.reigning.setting
    return _contender(work, challenger, setting, "contender", "train.fitted", training)


def refit_challenger(
    work: Work, challenger: ChallengerSpec, setting: Setting
) -> tuple[Contender, bool]:
    """Fit a challenger's setting again with the holdout, and export it."""
    every = np.ones(len(work.dataset.y), dtype=bool)
    return _contender(work, challenger, setting, "final", "train.refitted", every)


def _contender(
    work: Work,
    challenger: ChallengerSpec,
    setting: Setting,
    step: str,
    write: str,
    within: Mask,
) -> tuple[Contender, bool]:
    champion, key = _champion_of(work, challenger)

    def compute() -> tuple[dict[str, Any], Mapping[str, bytes]]:
        data, start = work.dataset, None
        rows = select_rows(challenger.length, data.times, within)
        if champion is not None and challenger.kind == "warm":
            of, since = champion.manifest.lineage, str(champion.manifest.window["start"])
            start = read_warm_start(of.setting.family, champion.files, of.rows, since)
            rows = select_newer(champion.manifest, data.times, rows)
        made = build_contender(
            setting,
            work.pipeline,
            data.schema,
            data.prepared[rows],
            data.y[rows],
            data.times[rows],
            start,
        )
        until = str(np.datetime_as_string(fitted_until(data, rows), unit="us"))
        # files lie beside the document, each by its digest
        return plain(replace(made, fitted_until=until, files={})), made.files

    remembered, known = work.compute_once(f"{step}-{challenger.step}.json", write, compute, key)
    contender = read(Contender, remembered.document, "fitted challenger")
    return replace(contender, files=remembered.files), known


def evaluate_holdout(
    work: Work, contender: Contender, challenger: ChallengerSpec
) -> tuple[HoldoutResult, bool]:
    """Judge the export on the holdout, and against the champion as it is now."""

    def compute() -> tuple[dict[str, Any], dict[str, bytes]]:
        data, pipeline = work.dataset, work.pipeline
        judged = data.split.judged
        times = data.times[judged]
        predictions = judged_answers(work, contender, challenger)
        evaluation = evaluate(
            data.y[judged],
            predictions,
            task=pipeline.task,
            metric=pipeline.metric,
            seed=pipeline.training.seed,
            confidence=pipeline.gate.confidence,
            slices=data.frame.iloc[judged][_slices(work)],
            baselines=judge_baselines(data, pipeline),
            window=(str(times.min().astype("M8[s]")), str(times.max().astype("M8[s]"))),
            held_out=describe_split(data.split),
        )
        against = compare_with_champion(work, predictions)
        best = compare_with_best(work, predictions)
        return plain(HoldoutResult(evaluation, *against, data.strange, best), nan_as_null=True), {}

    # a comparison holds for one champion, and one best before it; others are compared anew
    others = [other.digest for other in (work.reigning, work.best_before) if other is not None]
    key = digest([work.key, *(others or [""])])
    step = f"evaluation-{challenger.step}.json"
    remembered, known = work.compute_once(step, "train.evaluated", compute, key)
    return read(HoldoutResult, remembered.document, "evaluation.json"), known


def judged_answers(work: Work, contender: Contender, challenger: ChallengerSpec) -> Floats:
    """Return the answers on the judged rows: the export's, or the folds' models' own.

    (n, classes) probabilities, or (n,) values. The folds' models are not exported: the gate holds
    the one export there is to its own model's answers.
    """
    data = work.dataset
    if not data.split.folds:
        return np.asarray(OnnxModel(contender.model).predict(data.prepared[data.split.holdout]))

    def compute() -> tuple[dict[str, Any], dict[str, bytes]]:
        answers = answer_folds(data, work.pipeline, contender.setting, challenger.length)
        buffer = io.BytesIO()
        np.save(buffer, answers, allow_pickle=False)
        return {"rows": len(answers)}, {ANSWERS: buffer.getvalue()}

    _, key = _champion_of(work, challenger)
    step = f"folds-{challenger.step}.json"
    remembered, _ = work.compute_once(step, "train.evaluated", compute, key)
    return np.asarray(np.load(io.BytesIO(remembered.files[ANSWERS]), allow_pickle=False))


def _champion_of(work: Work, challenger: ChallengerSpec) -> tuple[ModelVersion | None, str | None]:
    """Return the champion that a challenger stems from, and the key of its results; or None."""
    # what stems from the champion is found again only under the same champion
    champion = None if challenger.kind == "tuned" else work.reigning
    return champion, None if champion is None else digest([work.key, champion.digest])


def gather_evidence(contender: Contender, judged: HoldoutResult) -> Evidence:
    """Gather the figures that the gate looks at."""
    evaluation = judged.evaluation
    return Evidence(
        rows=evaluation.rows,
        metric=evaluation.metric,
        greater_is_better=METRICS[evaluation.metric].greater_is_better,
        score=evaluation.deciding,
        baselines=tuple(
            Baseline(name, value, evaluation.baseline_gains.get(name))
            for name, value in evaluation.baselines.items()
        ),
        champion=judged.comparison,
        slices=judged.slices,
        calibration_error=evaluation.calibration,
        golden_difference=contender.difference,
        latency=contender.latency,
        size=len(contender.model),
        folds=evaluation.folds,
        strange=judged.strange,
        best=judged.best,
    )


def _slices(work: Work) -> list[str]:
    there = set(work.dataset.frame.columns)
    for column in work.pipeline.gate.slices:
        if column not in there:
            listed = ", ".join(sorted(there))
            rule = "each is a column of the data"
            raise DataError("gate.slices", rule, column, f"There: {listed}.")
    return list(work.pipeline.gate.slices)
