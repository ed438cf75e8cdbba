"""A model family and its parameters: what is tried, fitted and told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Setting:
    """A model family and its parameters, as JSON holds them."""

    family: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, family: str, params: Mapping[str, Any]) -> Setting:
        """Return the setting with its parameters as plain JSON: lists, not tuples or NumPy.

        >>> Setting.of("mlp", {"layers": (64, 32)}).params
        {'layers': [64, 32]}
        """
        return cls(family, json.loads(json.dumps(dict(params), default=_plain)))

    @property
    def text(self) -> str:
        """The setting as one canonical line; equal settings have equal texts."""
        return f"{self.family} {json.dumps(dict(self.params), sort_keys=True)}"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a parameter is a number, text, boolean, null or a list; got {value!r}")
