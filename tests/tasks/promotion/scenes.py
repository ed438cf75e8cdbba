"""What the promotion tests set up, in this process and in the ones they start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import TrackingError
from tasks.faults import VARIABLE
from tasks.promotion.gate import Verdict
from tasks.promotion.golden import Golden
from tasks.promotion.manifest import Manifest
from tasks.promotion.rule import Outcome
from tasks.promotion.versions import Build, publish
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.forked import forking
from tests.lineage import LINEAGE

KEY = Keyring("a signing key for tests")
PRELOADED = ("tests.tasks.promotion.scenes", "boto3", "deltalake", "onnxruntime", "pandas")
FRAME = pd.DataFrame({"x": np.array([0.0, 1.0, 2.5, -1.0], dtype=np.float32)})


@dataclass(frozen=True)
class FileAlias:
    """An alias registry that is one file; it can be out of order."""

    folder: Path

    def __call__(self, pipeline: str, alias: str, version: int, of: str) -> None:
        if (self.folder / "down").exists():
            raise TrackingError("registry", "it answers", "nothing", "Start it.")
        part = self.folder / f".{os.getpid()}.{version}"
        part.write_text(str(version), encoding="utf-8")
        part.replace(self.folder / alias)

    @property
    def champion(self) -> int:
        return int((self.folder / "champion").read_text(encoding="utf-8"))


def context_of(bucket: Bucket, pipeline: str, folder: Path) -> Place:
    """Return a place whose alias registry lies in a folder."""
    return Place(bucket, pipeline, KEY, FileAlias(folder))


@cache
def a_model(slope: float = 2.0) -> bytes:
    """Return an ONNX model that multiplies x."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    column = [None, 1]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "slope"], ["variable"])],
        "times",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, column)],
        [helper.make_tensor_value_info("variable", TensorProto.FLOAT, column)],
        [numpy_helper.from_array(np.array([slope], dtype=np.float32), "slope")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    columns = json.dumps({"numbers": ["x"], "categories": []})
    helper.set_model_props(model, {"perennial.task": "regression", "perennial.columns": columns})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def building(
    pipeline: str, key: str, *, passed: bool = True, slope: float = 2.0, golden: float | None = None
) -> Build:
    """Return what `publish` calls for a model of this slope."""

    def build(version: int) -> tuple[Manifest, dict[str, bytes]]:
        said = FRAME["x"].to_numpy() * (slope if golden is None else golden)
        rule = Outcome("enough rows", passed, "1 row", "large enough" if passed else "too small")
        manifest = Manifest(
            pipeline=pipeline,
            version=version,
            schema={},
            task="regression",
            classes=(),
            golden=Golden.of(FRAME, said),
            metrics={"rmse": {"value": 1.0, "low": 0.9, "high": 1.1}},
            data_version=1,
            window={"start": None, "end": None},
            run="",
            training_key=key,
            verdict=Verdict(passed, (rule,)),
            created=datetime(2026, 1, 1, tzinfo=UTC),
            lineage=LINEAGE,
        )
        return manifest, {"model.onnx": a_model(slope)}

    return build


def published(bucket: Bucket, pipeline: str, count: int, *, passed: bool = True) -> None:
    """Publish this many versions."""
    for number in range(1, count + 1):
        key = f"key-{number}"
        publish(Place(bucket, pipeline, KEY), key, building(pipeline, key, passed=passed))


def barrier(parties: int) -> Any:
    """Return a barrier that started processes can wait at."""
    return forking(*PRELOADED).Barrier(parties)


def started(target: Callable[..., None], *arguments: Any) -> Any:
    """Start a function of a module in a process forked from one that never used a library."""
    child = forking(*PRELOADED).Process(target=target, args=arguments)
    child.start()
    return child


def dying(
    action: Callable[..., None], settings: Settings, pipeline: str, folder: Path, point: str
) -> None:
    """Run an action that is to die at a crash point."""
    os.environ[VARIABLE] = f"{point}:{folder / point}"
    action(S3Bucket(settings), pipeline, folder)
