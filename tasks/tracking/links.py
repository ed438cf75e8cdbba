"""Addresses of MLflow's pages, as its own web page routes them. Pure."""

from __future__ import annotations

from urllib.parse import quote

from tasks.tracking.client import address

# Without it, MLflow 3 opens its pages for language models, with empty charts of traces.
VIEW = "workflowType=machine_learning"


def experiment_page(server: str, experiment: str) -> str:
    """Return the page of an experiment's runs."""
    return f"{address(server)}/#/experiments/{experiment}/runs?{VIEW}"


def run_url(server: str, run_id: str, experiment: str = "") -> str:
    """Return the page of a run; without its experiment's id, MLflow redirects to that page."""
    run = f"runs/{quote(run_id, safe='')}"
    place = f"experiments/{experiment}/{run}" if experiment else run
    return f"{address(server)}/#/{place}?{VIEW}"
