"""A bucket for the prediction log, and a folder for its pipeline files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.settings import Settings
from tests.servers import S3


@pytest.fixture
def settings(s3: S3, tmp_path: Path) -> Settings:
    """Return a real bucket's settings, without pipeline files yet."""
    (tmp_path / "pipelines").mkdir()
    return replace(s3.settings, pipelines=tmp_path / "pipelines", home=tmp_path)
