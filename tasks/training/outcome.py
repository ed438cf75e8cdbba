"""What the training flow hands on of how it ended; JSON values."""

from __future__ import annotations

from typing import Any

from tasks.features.schema import FeatureSchema
from tasks.promotion.versions import manifest_of
from tasks.records import plain
from tasks.tracking.links import run_url
from tasks.training.choosing import Chosen
from tasks.training.finish import Ended
from tasks.training.work import Work


def describe_end(
    work: Work, chosen: Chosen, version: int, ended: Ended, decision: str | None
) -> dict[str, Any]:
    """Return the outcome of a run that fitted, judged and published a version."""
    said = {
        "outcome": ended.outcome,
        "passed": ended.in_service,
        "version": version,
        "summary": ended.summary,
        "why": chosen.tuning.why,
        # the last verdict, which is not the manifest's where the challenger was judged again
        "rules": plain(ended.verdict.rules),
        "warnings": list(ended.verdict.warnings),
        "remedy": ended.verdict.ways_through(work.pipeline.name, version),
        "challengers": chosen.to_dicts(work.costs),
        "cost": work.cost.to_dict(),
        "price": ended.price,
        "decision": decision,
    }
    return describe_outcome(work, said)


def describe_outcome(work: Work, ended: dict[str, Any]) -> dict[str, Any]:
    """Add to how a run ended what its version's manifest says."""
    manifest, server = manifest_of(work.workspace, ended["version"]), work.workspace.tracking
    return {
        "pipeline": work.pipeline.name,
        "metric": manifest.lineage.metric,
        "metrics": manifest.metrics,
        "baselines": manifest.baselines,
        "why": manifest.lineage.why,
        "data_version": manifest.data_version,
        "training_key": work.plan.key,
        "without": list(work.plan.without),
        "unseen": list(work.plan.unseen),
        "rules": plain(manifest.verdict.rules),
        "left_out": FeatureSchema.from_dict(manifest.schema).left_out,
        "evidence": manifest.lineage.evidence,
        "warnings": list(manifest.verdict.warnings),
        "remedy": manifest.verdict.ways_through(manifest.pipeline, manifest.version),
        "url": server and run_url(server, manifest.run),
        **ended,
    }
