"""What a request may hold: the raw columns of the training rows, as one of them looked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.features.schema import Kind


@dataclass(frozen=True)
class Field:
    """One raw column: whether the model may look at it, and whether it may be missing.

    `marks` are the texts that stand for no value in files, as `source.columns` declares them;
    `made_of` the columns that files have in its stead, or beside it, by `source.derive`.
    """

    name: str
    kind: Kind
    used: bool
    missing: bool
    marks: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestSchema:
    """The fields in order of their names, those that identify a row, and an example.

    `left_out` are columns that files may have and nothing reads, as `source.leave_out` names them.
    """

    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
