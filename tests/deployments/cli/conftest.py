from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one for pipeline files in it, and its bucket and home beside that."""
    (tmp_path / "pipelines").mkdir()
    monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(tmp_path / "pipelines"))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", "a signing key")
    return tmp_path
