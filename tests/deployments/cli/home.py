"""A folder that the commands of this process are at home in."""

from __future__ import annotations

from pathlib import Path

import pytest


def settle(folder: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with this file of the pipeline `toy`, a bucket, and what tells of both."""
    (folder / "pipelines").mkdir()
    (folder / "pipelines" / "toy.yaml").write_text(file)
    monkeypatch.setenv("PERENNIAL_BUCKET", (folder / "bucket").as_uri())
    monkeypatch.setenv("PERENNIAL_HOME", str(folder / "home"))
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(folder / "pipelines"))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", "a signing key")
    return folder
