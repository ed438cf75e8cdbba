"""Addresses of MLflow's pages."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.tracking.links import VIEW, run_url

SERVER = "http://user:secret@mlflow:5000/"


def test_links_hold_no_credentials() -> None:
    assert run_url(SERVER, "ab12") == f"http://mlflow:5000/#/runs/ab12?{VIEW}"
    inside = f"http://mlflow:5000/#/experiments/4/runs/ab12?{VIEW}"
    assert run_url(SERVER, "ab12", "4") == inside


@pytest.mark.parametrize(
    "route",
    [
        VIEW.partition("=")[2],
        "/experiments/:experimentId/:tabName",
        "/runs/:runUuid",
        "/experiments/:experimentId/runs/:runUuid",
        "/experiments/:experimentId",
    ],
)
def test_the_installed_page_knows_the_routes(route: str) -> None:
    found = find_spec("mlflow")
    assert found is not None
    assert found.origin is not None
    scripts = (Path(found.origin).parent / "server/js/build/static/js").glob("main*.js")
    text = "".join(script.read_text(encoding="utf-8") for script in scripts)
    assert re.search(rf'"{re.escape(route)}"', text)
