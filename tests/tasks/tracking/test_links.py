"""Addresses of MLflow's pages."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.tracking.links import model_url, run_url

SETTINGS = Settings("http://s3", "", "", "", mlflow_uri="http://user:secret@mlflow:5000/")


def test_links_hold_no_credentials() -> None:
    assert run_url(SETTINGS, "ab12") == "http://mlflow:5000/#/runs/ab12"
    assert model_url(SETTINGS, "flights") == "http://mlflow:5000/#/models/flights"
    assert model_url(SETTINGS, "flights", 4) == "http://mlflow:5000/#/models/flights/versions/4"


@pytest.mark.parametrize(
    "route",
    ["/runs/:runUuid", "/models/:modelName", "/models/:modelName/versions/:version",
     "/experiments/:experimentId"],
)  # fmt: skip
def test_the_installed_page_knows_the_routes(route: str) -> None:
    found = find_spec("mlflow")
    assert found is not None
    assert found.origin is not None
    scripts = (Path(found.origin).parent / "server/js/build/static/js").glob("main*.js")
    text = "".join(script.read_text(encoding="utf-8") for script in scripts)
    assert re.search(rf'"{re.escape(route)}"', text)
