"""The model card of a training run, from what its steps found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.dataset.classes import label_text
from tasks.evaluation.evaluate import EvidenceKind
from tasks.features.schema import origins
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.importance import by_feature
from tasks.promotion.gate import follows
from tasks.training.choosing import Chosen
from tasks.training.columns import tell_columns
from tasks.training.contender import Contender
from tasks.training.insight import Insight
from tasks.training.model_card import Card
from tasks.training.plan import TrainingPlan
from tasks.training.steps import HoldoutResult
from tasks.training.work import Work

CAUTIONS: dict[EvidenceKind, str] = {
    "latest rows": "It was judged on the time right after its training rows; the further from it, "
    "the less the figures say.",
    "random holdout": "It was judged on rows picked at random among those it learned from; rows "
    "that come otherwise, or later, may be answered worse.",
    "cross-validation": "Its setting was chosen on the rows that it was judged on, so the figures "
    "are a little too good; and they are of models that learned from fewer rows than it did.",
}
NO_CAUSES = "Importances say what the model looks at, not what causes the outcome."


def make_card(
    work: Work,
    chosen: Chosen,
    final: Contender,
    version: int,
    images: Mapping[str, str],
    insight: Insight,
) -> Card:
    """Return the card of the version that `final` is published as.

    `images` is the path of each plot by its title, `insight` what the model looks at.
    """
    judged, verdict = chosen.best.judged, chosen.best.verdict
    pipeline, data = work.pipeline, work.dataset
    blocks = Encoders.from_bytes(final.files[ENCODERS]).blocks
    return Card(
        pipeline=pipeline.name,
        version=version,
        description=pipeline.description,
        task=pipeline.task,
        target=pipeline.target,
        positive=label_text(data.classes[-1]) if pipeline.task == "binary" else "",
        family=final.setting.family,
        data_version=work.plan.data.version,
        rows=final.rows,
        window=final.window,
        tried=Counter(trial.setting.family for trial in chosen.tuning.trials),
        why=chosen.tuning.why,
        evaluation=judged.evaluation,
        champion=None if judged.comparison is None else judged.comparison.score,
        verdict=follows(verdict, pipeline.gate),
        reasons=verdict.reasons,
        warnings=verdict.warnings,
        rules=verdict.rules,
        features=by_feature(final.importances, origins(data.schema)),
        params=dict(final.setting.params),
        columns=tell_columns(data.frame, data.schema, blocks),
        limits=_limits(judged),
        cautions=(CAUTIONS[judged.evaluation.evidence], NO_CAUSES),
        lineage=_lineage(work.plan),
        images=images,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **describe_insight(insight),
    )


def describe_insight(insight: Insight) -> dict[str, Any]:
    """Return the card's fields of what the model looks at, or why it could not be said.

    >>> describe_insight(Insight(None, failure="DataError: no rows"))
    {'looked': 'It could not be explained: DataError: no rows'}
    """
    found = insight.overview
    if found is None:
        return {"looked": f"It could not be explained: {insight.failure}"}
    names = {"tree_shap": "SHAP's values", "linear_shap": "SHAP's values", "lime": "LIME"}
    unit = "its own unit" if found.scale == "value" else found.scale
    tree = found.surrogate
    fidelity = f"{tree.fidelity:.0%}" if tree.measure != "R²" else f"{tree.fidelity:.2f}"
    return {
        "looked": f"Mean size of what a column adds to {found.of}, in {unit}: {names[found.method]}"
        f" on {found.rows:,} holdout rows. What shuffling a column costs is measured on "
        f"{found.shuffled:,} rows, with the model that was judged.",
        "looks": found.columns,
        "imitation": f"A tree of {len(tree.leaves)} leaves imitates the model with a fidelity of "
        f"{fidelity} ({tree.measure}, on rows it was not fitted on). Below one half, do not "
        "take it for the model.",
        "imitated": tuple(
            (" and ".join(leaf.conditions) or "always", leaf.answer, f"{leaf.rows:,}")
            for leaf in tree.leaves
        ),
    }


def _lineage(plan: TrainingPlan) -> dict[str, str]:
    return {
        "training key": plan.key,
        "data version": str(plan.data.version),
        "configuration": plan.configuration,
        "code": plan.code,
        "lock": plan.lock,
        "seed": str(plan.seed),
    }


def _limits(judged: HoldoutResult) -> tuple[str, ...]:
    small = [f"{s.column} = {s.value}" for s in judged.evaluation.slices if s.too_small]
    return (f"Too few rows to judge: {', '.join(small)}.",) if small else ()
