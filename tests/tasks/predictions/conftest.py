"""A bucket in a folder for the prediction log, and a folder for its pipeline files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.signatures import Keyring


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of an empty bucket, without pipeline files yet."""
    pipelines, bucket = tmp_path / "pipelines", tmp_path / "bucket"
    pipelines.mkdir()
    told = {"bucket": bucket.as_uri(), "pipelines": pipelines, "home": tmp_path}
    return Settings("", "", "", Keyring("a signing key"), **told)
