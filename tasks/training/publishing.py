"""Publish what a training made: its run in MLflow, its version in the bucket, the registry."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.faults import external_write
from tasks.tracking.record import RunRecord
from tasks.training import finish
from tasks.training.choosing import Chosen
from tasks.training.contender import Contender
from tasks.training.insight import Insight, store_explanation
from tasks.training.telling import gather_telling
from tasks.training.work import Work


@dataclass(frozen=True)
class Published:
    """A version, its run in MLflow (empty where runs are not tracked), its card as Markdown."""

    version: int
    run: str
    card: str


def track_and_publish(work: Work, chosen: Chosen, final: Contender, insight: Insight) -> Published:
    """Track the run, publish the version, register it; the same plan gives the same version.

    Raises:
        TrackingError: MLflow is down or refuses.
        IntegrityError: the exported model does not give the golden answers.
    """
    telling, server = gather_telling(work, chosen, final, insight), work.workspace.tracking
    # run, version, registry, in this order: the manifest names the run, and MLflow's version may
    # only be seen once the bucket has what it stands for
    with external_write("train.track"):
        run = "" if server is None else _track(server, telling.record)
    version = finish.store_version(work, chosen, final, run)
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
                columns=telling.columns,
                description=f"{final.setting.family}: {finish.say_result(chosen.best.judged)}",
                marks=telling.marks,
                about=work.pipeline.description,
            )
    with external_write("train.explanation"):
        store_explanation(work, version, insight)
    return Published(version, run, telling.card)


def _track(server: str, record: RunRecord) -> str:
    # MLflow is imported by those alone who track their runs
    from tasks.tracking.experiment import track

    return track(server, record)
