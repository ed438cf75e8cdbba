"""Live a year of flights in a folder, and keep what its ledger and tables said in one file.

    python -m tests.tasks.monitoring.record_year

takes some minutes: January to March come as one file, each later month as its own, and July once
with mistakes, as in `perennial demo`. What `test_year.py` replays is written anew.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from deployments.demo.flights import first_quarter, mistaken_month, month
from tasks.config import find_pipeline
from tasks.evaluation.metrics import METRICS
from tasks.ingestion.land import land
from tasks.ingestion.quarantine import tell_ledger
from tasks.ingestion.rows import open_rows
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import find_arrivals
from tasks.monitoring.champion import read_lineage
from tasks.monitoring.past import ChampionLineage, read_observation
from tasks.monitoring.record import load_errors
from tasks.policy.detectors import detect_change
from tasks.policy.policy import parse_policy
from tasks.promotion.versions import manifest_of, published
from tasks.settings import REPOSITORY
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests import life
from tests.tasks.monitoring.year import YEAR

MISTAKEN = 7


def live(folder: Path) -> Workspace:
    """Return the pipeline of flights after its year."""
    declared = find_pipeline("flights", REPOSITORY / "deployments" / "pipelines")
    content = declared.model_dump(mode="json")
    # so that a slow machine tunes as far as a fast one
    content["training"]["timeout"] = "30m"
    pipeline = type(declared).model_validate(content)
    bucket = LocalBucket(folder / "bucket")
    workspace = Workspace(
        bucket, "flights", Keyring("a key"), pipeline=pipeline, home=folder / "home"
    )
    _arrive(workspace, first_quarter(folder))
    for number in range(4, 13):
        if number == MISTAKEN:
            _arrive(workspace, mistaken_month(number, folder))
        _arrive(workspace, month(number, folder))
    return workspace


def _arrive(workspace: Workspace, path: Path) -> None:
    key = f"{workspace.layout.incoming}{path.name}"
    workspace.bucket.put(key, path.read_bytes())
    landed = land(open_rows(workspace), key, lambda _line: None)
    if landed.version is None:
        tell_ledger(workspace, landed, key)
    for decided in life.monitor(workspace):
        print(path.name, decided.decision.reason, flush=True)
        if decided.decision.retrain:
            print(life.train(workspace, decision=decided.id).summary, flush=True)


def record(workspace: Workspace) -> dict[str, Any]:
    """Return what a pipeline's bucket says of its past, JSON values."""
    limits, metric = workspace.pipeline.limits, workspace.pipeline.metric
    entries, found = workspace.ledger.entries(), find_arrivals(workspace)

    def errors_of(batch: str) -> np.ndarray:
        (entry,) = [e for e in entries if e.kind == "decision" and e.figures["batch"] == batch]
        assert entry.version is not None
        return load_errors(workspace, batch, entry.version)

    return {
        "policy": str(parse_policy(workspace.pipeline.retraining.policy)),
        "limits": {
            **{name: getattr(limits, name) for name in ("worth", "drop", "quality")},
            "cooldown": limits.cooldown.total_seconds(),
        },
        "budget": [limits.budget.count, limits.budget.window / timedelta(days=1)],
        "greater_is_better": METRICS[metric].greater_is_better,
        "champions": [
            _champion(read_lineage(manifest_of(workspace, version), metric))
            for version in published(workspace)
        ],
        "arrivals": [{**asdict(one), "at": one.at.isoformat()} for one in found],
        "errors": _watched(entries, errors_of),
        "entries": [entry.to_dict() for entry in entries],
    }


def _champion(champion: ChampionLineage) -> dict[str, Any]:
    until, reference = champion.fitted_until.isoformat(), champion.reference.to_dict()
    told = {"fitted_until": until, "reference": reference, "without": list(champion.without)}
    return {**asdict(champion), **told}


def _watched(entries: Sequence[Entry], errors_of: Callable[[str], np.ndarray]) -> dict[str, Any]:
    """Return what a detector had found in each champion's errors after each batch."""
    streams: dict[int, list[np.ndarray]] = {}
    found: dict[str, Any] = {}
    for entry in entries:
        seen = read_observation(entry) if entry.kind == "decision" else None
        if seen is not None:
            stream = streams.setdefault(seen.version, [])
            stream.append(errors_of(seen.batch))
            errors = np.concatenate(stream)
            found[seen.batch] = asdict(detect_change(errors)) if len(errors) else None
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = json.dumps(record(live(Path(scratch))), sort_keys=True)
    YEAR.parent.mkdir(exist_ok=True)
    YEAR.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
