"""What client and workers must share, or figures would depend on who computed them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from tasks.code import code_digest, lock_digest

# Dask compares its own relatives, and only warns. A lock may lie there and not be installed.
COMPARED = (
    "deltalake",
    "distributed",
    "lightgbm",
    "numpy",
    "onnxruntime",
    "pandas",
    "polars",
    "pyarrow",
    "scikit-learn",
    "scipy",
)
Makeup = Mapping[str, str]


@cache
def tell_makeup() -> Makeup:
    """Return what decides the figures of this process, by name: Python, lock, code, libraries."""
    # a patch of Python changes neither pickles nor figures
    python = ".".join(platform.python_version_tuple()[:2])
    made = {"Python": python, "the lock": lock_digest()[:12], "the code": code_digest()[:12]}
    return {**made, **{name: _installed(name) for name in COMPARED}}


@cache
def makeup_digest() -> str:
    """Return the SHA-256 of this process's makeup."""
    return hashlib.sha256(json.dumps(dict(tell_makeup()), sort_keys=True).encode()).hexdigest()


def find_differences(own: Makeup, other: Makeup) -> str:
    """Say in which parts another makeup differs; "" where it does not.

    >>> find_differences({"Python": "3.11", "lightgbm": "4.7"}, {"Python": "3.11"})
    'lightgbm nothing instead of 4.7'
    """
    pairs = [(name, other.get(name, "nothing"), own[name]) for name in own]
    others = [f"{name} {there} instead of {here}" for name, there, here in pairs if there != here]
    return ", ".join(others)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "nothing"
