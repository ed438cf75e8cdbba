"""Addresses of MLflow's pages, as its own web page routes them. Pure."""

from __future__ import annotations

from urllib.parse import quote

from tasks.settings import Settings
from tasks.tracking.client import address


def run_url(settings: Settings, run_id: str) -> str:
    """Return the page of a run; MLflow redirects it to the run's place in its experiment."""
    return f"{address(settings.mlflow_uri)}/#/runs/{quote(run_id, safe='')}"


def model_url(settings: Settings, pipeline: str, version: int | None = None) -> str:
    """Return the page of a registered model, or of one of its versions in MLflow's numbers."""
    page = f"{address(settings.mlflow_uri)}/#/models/{quote(pipeline, safe='')}"
    return page if version is None else f"{page}/versions/{version}"
