"""Uploads an ONNX model to a run, as `mlflow.onnx.log_model` does but without its global state."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.tracking.client import filter_by_tags, log_values, to_metrics
from tasks.tracking.record import VERSION

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

# Told to MLflow, which takes 8 to 18 s to infer them, against 0.2 s when they are given.
REQUIREMENTS = ("mlflow", "numpy", "onnx", "onnxruntime", "pandas")


@dataclass(frozen=True)
class ModelColumns:
    """What the exported model takes and gives: prepared numbers and categories, and outputs."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    outputs: tuple[str, ...]


def upload_model(
    client: MlflowClient, run: Any, model: bytes, columns: ModelColumns, identity: Mapping[str, str]
) -> str:
    """Return the id of the model logged to `run` under the tags `identity`; uploaded once only.

    Args:
        client, run: MLflow's, and the run that made the model.
        model, columns: ONNX bytes, and what they take and give.
        identity: our version and training key, as tags.
    """
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    if ready := _find_upload(client, run, identity):
        return ready
    run_id = run.info.run_id
    logged = client.create_logged_model(
        run.info.experiment_id,
        f"version-{identity[VERSION]}",
        run_id,
        dict(identity),
        model_type="onnx",
    )
    about = Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        run_id=run_id,
        model_id=logged.model_id,
        metadata={part: list(names) for part, names in asdict(columns).items()},
    )
    with tempfile.TemporaryDirectory() as folder:
        _save(Path(folder) / "model", model, about)
        client.log_model_artifacts(logged.model_id, str(Path(folder) / "model"))
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    _copy_metrics(client, run, logged.model_id)
    # last of all: what a death leaves unfinished, the next try removes
    client.finalize_logged_model(logged.model_id, "READY")
    return str(logged.model_id)


def _find_upload(client: MlflowClient, run: Any, identity: Mapping[str, str]) -> str:
    """Return the finished upload of this version, after removing what a crash left half-done."""
    wanted, ready = filter_by_tags(identity), ""
    for logged in client.search_logged_models([run.info.experiment_id], wanted):
        if logged.status != "READY":
            client.delete_logged_model(logged.model_id)
        elif logged.source_run_id == run.info.run_id:
            ready = str(logged.model_id)
    return ready


def _save(path: Path, model: bytes, about: Any) -> None:
    import onnx
    from mlflow import onnx as flavor

    graph = onnx.load_model_from_string(model)
    # pinned to what is installed: a person who loads the model has what wrote it
    needed = [f"{name}=={installed(name)}" for name in REQUIREMENTS]
    flavor.save_model(
        graph,
        str(path),
        mlflow_model=about,
        signature=_signature(graph),
        pip_requirements=needed,
        # MLflow's defaults ask for CUDA first, and lay the tensors beside the graph in other files
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
    )


def _signature(graph: Any) -> ModelSignature:
    """Read the signature off the graph, so that what MLflow checks is what the model takes."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec
    from onnx import helper

    def schema(values: Any) -> Schema:
        specs = []
        for value in values:
            tensor = value.type.tensor_type
            kind = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
            # ONNX has 0 for a dimension of any size, MLflow -1
            shape = tuple(size.dim_value or -1 for size in tensor.shape.dim)
            specs.append(TensorSpec(kind, shape, value.name))
        return Schema(specs)

    return ModelSignature(schema(graph.graph.input), schema(graph.graph.output))


def _copy_metrics(client: MlflowClient, run: Any, model_id: str) -> None:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    of = {"model_id": model_id, "run_id": run.info.run_id}
    if inputs:
        data = inputs[0].dataset
        of |= {"dataset_name": data.name, "dataset_digest": data.digest}
    at = run.info.end_time or run.info.start_time
    log_values(client, run.info.run_id, to_metrics(run.data.metrics, at, **of))
