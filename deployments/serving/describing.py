"""What the prediction API says of itself and of the models in service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployments.serving.openapi import openapi
from deployments.serving.predicting import find_served
from deployments.serving.response import SOON, Response, error, said
from deployments.serving.routes import Found
from tasks.serving.answers import inference_metadata
from tasks.serving.fleet import Fleet
from tasks.serving.following import InService


def healthz(_fleet: Fleet, _found: Found) -> Response:
    """Say that the process answers."""
    return said({"status": "ok", "live": True})


def readyz(fleet: Fleet, _found: Found) -> Response:
    """Say whether any model serves; a refused newer one does not change it."""
    if fleet.ready:
        return said({"status": "ok", "ready": True})
    why = "no pipeline has a champion in service yet"
    return error(503, why if fleet.searched else "the store was not reached yet", SOON)


def ready(fleet: Fleet, found: Found) -> Response:
    """Say whether one pipeline's model serves."""
    current = find_served(fleet, found)
    if isinstance(current, Response):
        return current
    return said({"name": found.pipeline, "ready": True})


def ready_or_not(fleet: Fleet, found: Found) -> Response:
    """Say whether one pipeline's model serves, to whom nothing else is to be told.

    Neither why it does not, nor whether there is such a pipeline.
    """
    told = ready(fleet, found)
    return told if told.status == 200 else error(503, f"{found.pipeline} is not ready", SOON)


def pipelines(fleet: Fleet, _found: Found) -> Response:
    """List what is in service."""
    return said({"pipelines": [_short(current) for current in _in_service(fleet)]})


def describe(fleet: Fleet, found: Found) -> Response:
    """Describe one pipeline's model: its fields, its figures, since when and why it serves."""
    current = find_served(fleet, found)
    if isinstance(current, Response):
        return current
    manifest, request = current.served.manifest, current.served.request
    return said(
        {
            **_short(current),
            "task": manifest.task,
            "classes": list(manifest.classes),
            "why": current.champion.why,
            "data_version": manifest.data_version,
            "window": manifest.window,
            "metrics": manifest.metrics,
            "evidence": manifest.lineage.evidence,
            "warnings": list(manifest.verdict.warnings),
            "fields": [
                {"name": field.name, "kind": field.kind, "missing": field.missing}
                for field in request.fields
                if field.used
            ],
            "ignored": {
                **dict.fromkeys(request.left_out, "the pipeline file leaves it out of files"),
                **current.served.version.schema.left_out,
            },
            "example": request.example,
            "refused": fleet.followers[found.pipeline].champion.refusal,
            "challenger": _challenger(fleet, found.pipeline, current),
        }
    )


def _challenger(fleet: Fleet, pipeline: str, current: InService) -> dict[str, Any] | None:
    refused = fleet.followers[pipeline].challenger.refusal
    if current.challenger is None:
        return {"refused": refused} if refused else None
    trial = current.challenger.trial
    return {
        "version": trial.version,
        "digest": trial.digest,
        "mode": trial.mode,
        "share": trial.share,
        "since": trial.since.isoformat(),
        "why": trial.why,
    }


def mlflow_version(_fleet: Fleet, _found: Found) -> Response:
    """Answer as MLflow's scoring server does, whose clients ask for its version."""
    from importlib.metadata import version

    return Response(200, version("mlflow-skinny").encode())


def inference_server(_fleet: Fleet, _found: Found) -> Response:
    """Say what server this is, in the Open Inference Protocol's form."""
    return said({"name": "perennial", "version": "2", "extensions": []})


def inference_model(fleet: Fleet, found: Found) -> Response:
    """Describe a model in the Open Inference Protocol's form."""
    current = find_served(fleet, found)
    if isinstance(current, Response):
        return current
    return said(inference_metadata(current.served.manifest, current.served.request))


def openapi_document(fleet: Fleet, *, closed: bool) -> Response:
    """Return the OpenAPI document of all that is in service; `closed` where keys are asked for."""
    return said(openapi([current.served for current in _in_service(fleet)], closed=closed))


def _in_service(fleet: Fleet) -> list[InService]:
    by_name = sorted(fleet.followers.items())
    return [follower.current for _, follower in by_name if follower.current]


def _short(current: InService) -> dict[str, Any]:
    manifest = current.served.manifest
    return {
        "pipeline": manifest.pipeline,
        "version": manifest.version,
        "digest": current.served.digest,
        "since": current.champion.since.isoformat(),
    }


ANSWERS: Mapping[str, Callable[[Fleet, Found], Response]] = {
    "healthz": healthz,
    "readyz": readyz,
    "ready": ready,
    "pipelines": pipelines,
    "describe": describe,
    "mlflow_version": mlflow_version,
    "inference_server": inference_server,
    "inference_model": inference_model,
}
