"""Finish what Prefect puts off until the first flow run of a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


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
    for each in model.__subclasses__():
        yield each
        yield from _below(each)
