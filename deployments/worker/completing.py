"""Finish what libraries put off until the first flow run of a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# what each of these computes stays in its module: S3's description, which package holds a module
ONCE = (
    ("tasks.store.s3", "session"),
    ("mlflow.utils.requirements_utils", "_init_packages_to_modules_map"),
)


def complete() -> None:
    """Do, where these libraries are imported, what each run would do again."""
    complete_models()
    for module, function in ONCE:
        with suppress(Exception):  # a run that needs it does it itself
            getattr(sys.modules[module], function)()


def complete_models() -> int:
    """Build the validators of Prefect's models, which each run would build again; return how many.

    A model whose types are not known yet stays as it is.
    """
    pydantic = sys.modules.get("pydantic")
    if pydantic is None:
        return 0
    count = 0
    for model in {*_below(pydantic.BaseModel)}:
        if model.__module__.startswith("prefect.") and not model.__pydantic_complete__:
            with suppress(Exception):
                count += bool(model.model_rebuild(raise_errors=False))
    return count


def _below(model: Any) -> Iterator[Any]:
    for derived in model.__subclasses__():
        yield derived
        yield from _below(derived)
