"""A project of a test's own, without any server."""

from __future__ import annotations

from pathlib import Path


def make_project(root: Path) -> dict[str, str]:
    """Make an empty project under `root`, its bucket a folder; return what leads to both."""
    project = root / "project"
    project.mkdir()
    (project / "perennial.toml").write_text("")
    return {
        "PERENNIAL_PROJECT": str(project),
        "PERENNIAL_BUCKET": (root / "bucket").as_uri(),
        "PERENNIAL_SIGNING_KEY": "a signing key",
    }
