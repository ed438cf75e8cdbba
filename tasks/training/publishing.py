"""Publish what a training made: its run in MLflow, its version in the bucket, the registry."""

from __future__ import annotations

from tasks.faults import external_write
from tasks.features.prepare import prepared_columns
from tasks.promotion.manifest import Manifest
from tasks.promotion.versions import publish
from tasks.scoring.chunk import name_probabilities
from tasks.tracking.record import REASON, VERDICT, RunRecord
from tasks.tracking.upload import ModelColumns
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.finish import say_result
from tasks.training.insight import Insight, store_explanation
from tasks.training.keepsakes import gather_keepsakes, make_manifest
from tasks.training.telling import CARD, CARD_PAGE, make_record
from tasks.training.work import Work


def track_and_publish(
    work: Work, chosen: Chosen, final: Contender, insight: Insight
) -> tuple[int, str, str]:
    """Track the run, publish the version, register it; the same plan gives the same version.

    Returns the version, its run in MLflow (empty where runs are not tracked), its card as Markdown.

    Raises:
        TrackingError: MLflow is down or refuses.
        IntegrityError: the exported model does not give the golden answers.
    """
    with work.measured_beside():
        return _publish(work, chosen, final, insight)


def _publish(
    work: Work, chosen: Chosen, final: Contender, insight: Insight
) -> tuple[int, str, str]:
    record, server = make_record(work, chosen, final, insight), work.workspace.tracking
    # run, version, registry, in this order: the manifest names the run, and MLflow's version may
    # only be seen once the bucket has what it stands for
    with external_write("train.track"):
        run = "" if server is None else _track(server, record)
    version = store_version(work, chosen, final, run)
    with external_write("train.register"):
        if server is not None:
            from tasks.tracking.registry import register

            register(
                server,
                pipeline=work.pipeline.name,
                version=version,
                key=work.plan.key,
                run_id=run,
                model=final.model,
                columns=_columns(work),
                description=f"{final.setting.family}: {say_result(chosen.best.judged)}",
                marks={mark: record.tags[mark] for mark in (VERDICT, REASON)},
                about=work.pipeline.description,
            )
    with external_write("train.explanation"):
        store_explanation(work, version, insight)
        # Beside MLflow's copy: whoever has the bucket alone can open it too.
        page = record.texts[CARD_PAGE].encode()
        where = work.workspace.layout.report("card", f"{version}.html")
        work.workspace.bucket.put(where, page, content_type="text/html; charset=utf-8")
    return version, run, record.texts[CARD]


def store_version(work: Work, chosen: Chosen, final: Contender, run: str = "") -> int:
    """Publish the version alone, and return its number; `run` is its run in MLflow.

    Raises:
        IntegrityError: the exported model does not give the golden answers.
    """

    def build(version: int) -> tuple[Manifest, dict[str, bytes]]:
        files = {**final.files, **gather_keepsakes(work, chosen.best, final)}
        return make_manifest(work, chosen, final, run, version), files

    return publish(work.workspace, work.plan.key, build)


def _track(server: str, record: RunRecord) -> str:
    # MLflow is imported by those alone who track their runs
    from tasks.tracking.experiment import track

    return track(server, record)


def _columns(work: Work) -> ModelColumns:
    columns = prepared_columns(work.dataset.schema)
    outputs = tuple(name_probabilities(work.dataset.classes))
    return ModelColumns(columns.numbers, columns.written, outputs or (work.pipeline.target,))
