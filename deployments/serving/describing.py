"""What the prediction API says of itself and of the models in service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployments.serving.openapi import openapi
from deployments.serving.predicting import other_version, without
from deployments.serving.response import SOON, Response, error, said
from deployments.serving.routes import Found
from tasks.serving.following import Fleet, InService
from tasks.serving.forms import inference_metadata

OURS = "perennial"


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
    current = fleet[found.pipeline]
    if current is None:
        return without(fleet, found.pipeline)
    return other_version(current, found) or said({"name": found.pipeline, "ready": True})


def pipelines(fleet: Fleet, _found: Found) -> Response:
    """List what is in service."""
    served = [_short(one.current) for _, one in sorted(fleet.followers.items()) if one.current]
    return said({"pipelines": served})


def describe(fleet: Fleet, found: Found) -> Response:
    """Describe one pipeline's model: its fields, its figures, since when and why it serves."""
    current = fleet[found.pipeline]
    if current is None:
        return without(fleet, found.pipeline)
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
            "fields": [
                {"name": one.name, "kind": one.kind, "missing": one.missing}
                for one in request.fields
                if one.used
            ],
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
    return said({"name": OURS, "version": "2", "extensions": []})


def inference_model(fleet: Fleet, found: Found) -> Response:
    """Describe a model in the Open Inference Protocol's form."""
    current = fleet[found.pipeline]
    if current is None:
        return without(fleet, found.pipeline)
    served = current.served
    wrong = other_version(current, found)
    return wrong or said(inference_metadata(served.manifest, served.request))


def openapi_document(fleet: Fleet, *, closed: bool) -> Response:
    """Return the OpenAPI document of all that is in service; `closed` where keys are asked for."""
    served = [one.current.served for _, one in sorted(fleet.followers.items()) if one.current]
    return said(openapi(served, closed=closed))


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
