"""Pin a backtest to what is there now."""

from __future__ import annotations

from tasks.backtest.plan import START, BacktestPlan, Recorded, choose_policies
from tasks.code import digest_code, lock_digest
from tasks.data.reference import DatasetRef
from tasks.errors import ConfigurationError, DataError
from tasks.labels.table import labels_version
from tasks.policy.policy import parse_policy
from tasks.promotion import pointer
from tasks.promotion.versions import manifest_of
from tasks.tuning.trial import Setting
from tasks.workspace import Workspace

UNTUNED = Setting("lightgbm", {})


def plan_backtest(
    workspace: Workspace,
    policies: list[str] | None = None,
    rows: int | None = None,
    start: float | None = None,
) -> BacktestPlan:
    """Return the plan of a backtest of the curated table as it is now.

    Raises:
        ConfigurationError: a policy, the rows or the start are none.
        DataError: nothing was ingested yet.
        IntegrityError: the champion's manifest does not hold.
    """
    pipeline = workspace.pipeline
    asked = choose_policies(policies, parse_policy(pipeline.retraining.policy))
    if rows is not None and rows < 1:
        raise ConfigurationError("--rows", "at least 1", rows)
    share = START if start is None else start
    if not 0 < share < 1:
        raise ConfigurationError("--start", "a share between 0 and 1, both left out", share)
    version = workspace.curated.data_version()
    if version is None:
        remedy = f"Ingest first: `perennial ingest {pipeline.name} FILE`."
        raise DataError(f"pipeline {pipeline.name}", "the curated table has rows", "none", remedy)
    setting, origin = _setting(workspace)
    return BacktestPlan(
        pipeline=pipeline,
        setting=setting,
        origin=origin,
        policies=asked,
        rows=rows,
        start=share,
        data=DatasetRef(pipeline.name, version),
        labels=labels_version(workspace.bucket, pipeline),
        code=digest_code(pipeline.features.transform),
        lock=lock_digest(),
        recorded=Recorded.from_entries(workspace.ledger.entries()),
    )


def _setting(workspace: Workspace) -> tuple[Setting, str]:
    """Return the champion's own setting, or LightGBM's defaults where there is no champion."""
    found = pointer.read(workspace)
    if found is None:
        return UNTUNED, "LightGBM's defaults, since no champion is in service"
    version = found[0].version
    manifest = manifest_of(workspace, version)
    if manifest.task != workspace.pipeline.task:
        return UNTUNED, "LightGBM's defaults, since the champion is for another task"
    return manifest.lineage.setting, f"the champion's, version {version}"
