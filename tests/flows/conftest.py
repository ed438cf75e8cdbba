"""The flows against real servers, on a small pipeline of each test's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline, find_pipeline
from tasks.settings import REPOSITORY, Settings
from tasks.store.s3 import S3Bucket
from tasks.workspace import Workspace, make_workspace
from tests.flows.running import completed, run_flow
from tests.orchestration import Orchestrator
from tests.servers import S3, Tracking, variables

TOY = (REPOSITORY / "tests" / "pipelines" / "toy.yaml").read_text()


@dataclass(frozen=True)
class Bench:
    """A pipeline of its own on shared servers; `environment` is what a flow's process needs."""

    name: str
    settings: Settings
    environment: dict[str, str]
    folder: Path

    def run(self, flow: str, **parameters: Any) -> dict[str, Any]:
        """Run one of the flows in a process of its own; it must complete."""
        return completed(flow, self.environment, self.folder, pipeline=self.name, **parameters)

    def die(self, flow: str, point: str, **parameters: Any) -> None:
        """Run a flow that must reach `point` and die there."""
        marker = self.folder / f"fired-{point}"
        status, _ = run_flow(
            flow,
            self.environment,
            {"pipeline": self.name, **parameters},
            self.folder,
            (point, marker),
        )
        assert status == -signal.SIGKILL, f"{point}: ended with {status}"
        assert marker.read_text() == point

    @property
    def bucket(self) -> S3Bucket:
        return S3Bucket(self.settings)

    @property
    def tracking(self) -> str:
        assert self.settings.mlflow_uri is not None
        return self.settings.mlflow_uri

    @property
    def workspace(self) -> Workspace:
        return make_workspace(self.settings, self.pipeline)

    @property
    def pipeline(self) -> Pipeline:
        return find_pipeline(self.name, self.settings.pipelines)

    def rewrite(self, text: str) -> None:
        """Change the pipeline file."""
        path = self.settings.pipelines / f"{self.name}.yaml"
        path.write_text(text.replace("name: toy", f"name: {self.name}"))

    def drop(self, name: str, rows: pd.DataFrame) -> str:
        """Put a CSV object into the pipeline's incoming folder."""
        key = f"{self.name}/incoming/{name}"
        self.bucket.put(key, rows.to_csv(index=False).encode())
        return key

    def objects(self) -> dict[str, bytes]:
        """Return every object of the pipeline."""
        infos = self.bucket.list(f"{self.name}/")
        return {info.key: self.bucket.get(info.key) for info in infos}

    def put_back(self, kept: Mapping[str, bytes]) -> None:
        """Make the pipeline's objects those that were kept: storage is the truth."""
        for info in self.bucket.list(f"{self.name}/"):
            self.bucket.delete(info.key)
        for key, data in kept.items():
            self.bucket.put(key, data)


def toy_rows(count: int, start: int = 0, seed: int = 1) -> pd.DataFrame:
    """Make rows whose target follows from size and colour, with noise; one an hour."""
    draw = np.random.default_rng([seed, start])
    size = draw.normal(size=count)
    colour = draw.choice(["red", "green", "blue"], count)
    lean = 1.5 * size + (colour == "red")
    return pd.DataFrame(
        {
            "id": np.arange(start, start + count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=start),
            "size": np.where(draw.random(count) < 0.05, np.nan, size).round(4),
            "colour": colour,
            "high": (lean + draw.normal(size=count) > 0.5).astype(int),
        }
    )


@pytest.fixture(scope="module")
def kept() -> dict[str, bytes]:
    """Return the objects of a pipeline with a champion, once a test of the module has made it."""
    return {}


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    s3: S3,
    mlflow_tracking: Tracking,
    orchestrator: Orchestrator,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """Yield a toy pipeline under a name of its own; this process's environment reaches it."""
    name = "t" + "".join(c for c in request.node.name if c.isalnum()).lower()[-50:]
    (tmp_path / "pipelines").mkdir()
    settings = replace(
        s3.settings,
        mlflow_uri=mlflow_tracking.uri,
        prefect_url=orchestrator.settings.prefect_url,
        pipelines=tmp_path / "pipelines",
        home=tmp_path / "home",
    )
    environment = {**variables(settings), "PREFECT_HOME": str(orchestrator.home / "client")}
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)
    made = Bench(name, settings, {**os.environ, **environment}, tmp_path)
    made.rewrite(TOY)
    return made
