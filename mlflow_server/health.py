"""Ask a tracking server whether it is well, without importing MLflow."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException


def is_healthy(uri: str, timeout: float = 2.0) -> bool:
    """Return whether the server at `uri` answers within `timeout` seconds."""
    return _get(f"{uri}/health", timeout) is not None


def version(uri: str, timeout: float = 2.0) -> str | None:
    """Return the MLflow version the server at `uri` runs, or None when it gives no answer."""
    return _get(f"{uri}/version", timeout)


def _get(url: str, timeout: float) -> str | None:
    if not url.startswith(("http://", "https://")):
        return None
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310
            return str(answer.read(1000).decode("utf-8", "replace").strip())
    except (OSError, HTTPException, ValueError):
        return None
