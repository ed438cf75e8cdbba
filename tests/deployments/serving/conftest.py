from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tasks.settings import Settings
from tasks.store.s3 import S3Bucket
from tests.served import Fitted, champion
from tests.servers import S3, Serving, poll, running_serving

PIPELINES = {"serve-binary": "binary", "serve-classes": "multiclass", "serve-number": "regression"}


@dataclass(frozen=True)
class Api:
    """A running prediction API with a champion of each task."""

    serving: Serving
    settings: Settings
    models: dict[str, Fitted]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.serving.port}"

    @property
    def bucket(self) -> S3Bucket:
        return S3Bucket(self.settings)

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        return requests.request(method, self.url + path, timeout=20, **how)

    def predict(self, pipeline: str, rows: list[Any], **more: Any) -> requests.Response:
        return self.ask("POST", f"/v1/{pipeline}/predict", json={"rows": rows, **more})

    def version(self, pipeline: str) -> int:
        """The version that answers."""
        return int(self.ask("GET", f"/v1/{pipeline}").json()["version"])


@pytest.fixture(scope="session")
def api(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    bucket, key = S3Bucket(s3.settings), s3.settings.keyring
    models = {name: champion(bucket, key, name, task=task) for name, task in PIPELINES.items()}
    log: Path = tmp_path_factory.mktemp("serving") / "serving.log"
    with running_serving(s3.settings, log) as serving:
        made = Api(serving, s3.settings, models)
        for name in PIPELINES:
            # each of the two workers may answer, so ask more often than there are workers
            poll(lambda name=name: all_serve(made, name), 30, name, 0.2)
        yield made


def all_serve(api: Api, name: str) -> bool:
    """Tell whether every worker serves a pipeline."""
    return all(api.ask("GET", f"/v2/models/{name}/ready").ok for _ in range(12))
