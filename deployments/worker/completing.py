"""Finish what libraries put off until the first flow run of a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# What each of these computes stays in its module: S3's description, which package holds a module.
# The second is private: MLflow is pinned to a version (3.17.2).
ONCE = (
    ("tasks.store.s3", "session"),
    ("mlflow.utils.requirements_utils", "_init_packages_to_modules_map"),
)


def complete() -> None:
    """Do, where these libraries are imported, what each run would do again."""
    pydantic = sys.modules.get("pydantic")
    # Prefect's models build their validators when they are first used: in each run, after a fork.
    for model in {*_below(pydantic.BaseModel)} if pydantic else ():
        if model.__module__.startswith("prefect.") and not model.__pydantic_complete__:
            with suppress(Exception):  # its types are not all known yet: a run does it itself
                model.model_rebuild(raise_errors=False)
    for module, function in ONCE:
        with suppress(Exception):  # a run that needs it does it itself
            getattr(sys.modules[module], function)()


def _below(model: Any) -> Iterator[Any]:
    for derived in model.__subclasses__():
        yield derived
        yield from _below(derived)
