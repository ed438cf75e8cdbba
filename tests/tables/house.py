"""A project with a bucket in a folder and the prediction API on it: from a file to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.cli.main import main
from tasks.config import find_pipeline
from tasks.errors import PerennialError
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.rows import open_rows
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.workspace import Workspace
from tests.life import train
from tests.servers import Serving

# What decides whether a model serves, and not how well it is tuned: two families, untuned.
QUICKLY = ("--set", "training.trials=0", "--set", "training.families=[linear, lightgbm]")


@dataclass(frozen=True)
class House:
    """A project with a bucket in a folder, and the prediction API on it."""

    project: Path
    settings: Settings
    serving: Serving

    def drafts(self, name: str, data: Path, target: str, *words: str) -> int:
        """Run `perennial new`, and return its exit status."""
        command = ["new", name, "--data", str(data), "--target", target]
        with pytest.raises(SystemExit) as ended:
            main([*command, *words, *QUICKLY])
        return int(ended.value.code or 0)

    def workspace(self, name: str) -> Workspace:
        """Return the drafted pipeline in the bucket."""
        pipeline = find_pipeline(name, self.project / "pipelines")
        bucket, key = open_bucket(self.settings), self.settings.keyring
        return Workspace(bucket, name, key, pipeline=pipeline, home=self.settings.home)

    def asks(self, name: str) -> httpx.Response:
        """Ask the API for what it says of a pipeline."""
        return httpx.get(f"http://127.0.0.1:{self.serving.port}/v1/{name}")

    def predicts(self, name: str, *rows: dict[str, Any]) -> httpx.Response:
        """Ask the API for predictions."""
        url = f"http://127.0.0.1:{self.serving.port}/v1/{name}/predict"
        return httpx.post(url, json={"rows": list(rows)})

    def answers(self, name: str) -> bool:
        """Return whether the API answers the example that it gives for this pipeline."""
        told = self.asks(name)
        if told.status_code != httpx.codes.OK:
            return False
        answer = self.predicts(name, told.json()["example"])
        return answer.status_code == httpx.codes.OK and len(answer.json()["predictions"]) == 1


def bring(workspace: Workspace, data: Path) -> Landed:
    """Drop a file into `incoming/`, and land it."""
    key = f"{workspace.layout.incoming}{data.name}"
    workspace.bucket.put(key, data.read_bytes())
    return land(open_rows(workspace), key, lambda _: None)


def why_not_served(workspace: Workspace) -> str:
    """Train; return why no model is in service, or nothing."""
    try:
        ended = train(workspace)
    except PerennialError as error:
        return str(error)
    return "" if ended.outcome == "promoted" else ended.summary
