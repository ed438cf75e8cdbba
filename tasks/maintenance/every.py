"""Prune the pipelines of a project, each alone, and the results that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tasks.config import pipeline_names
from tasks.errors import PerennialError
from tasks.maintenance.prune import alone, prune, prune_results
from tasks.quantities import parse_duration
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.store.lease import HeldElsewhere
from tasks.workspace import open_workspace

BUSY = "another run prunes it now"


def prune_every(
    settings: Settings,
    names: Sequence[str] = (),
    *,
    dry: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Prune the pipelines of these names, all without any; return what came of it, as JSON values.

    Raises:
        ConfigurationError: a pipeline that was named has no file, or one that is not valid.
    """
    now, told, kept = datetime.now(UTC), [], []
    failed: list[dict[str, str]] = []
    for name in names or pipeline_names(settings.pipelines):
        try:
            workspace = open_workspace(settings, name)
            kept.append(parse_duration(workspace.pipeline.storage.keep_results))
            if dry:
                done = prune(workspace, now, dry=True)
            else:
                with alone(workspace):
                    done = prune(workspace, now)
        except HeldElsewhere:
            say(f"{name}: {BUSY}")
            failed.append({"pipeline": name, "reason": BUSY})
        except PerennialError as error:
            say(f"{name}: {error}")
            failed.append({"pipeline": name, "reason": str(error)})
        else:
            told.append({"pipeline": name, "places": [asdict(row) for row in done]})
    # of one pipeline alone nobody knows which results are its own
    results = None
    if kept and not names:
        results = asdict(prune_results(open_bucket(settings), max(kept), now, dry=dry))
    return {"dry_run": dry, "pipelines": told, "results": results, "failed": failed}
