"""A text that tries to leave every place it is put in, and values that hold it everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

HOSTILE = (
    " </script></style></title>--><evil a='b'\"><img src=//evil.example/x onerror=evil()>"
    "&lt;b&gt; $x ${y} {{z}} {%q%} `c`|d| **e**\n\n<evil>\n| f |\n|---|\n# g"
)


def taint(value: Any) -> Any:
    """Return the value with the hostile text behind every text in it."""
    if isinstance(value, str):
        return value + HOSTILE
    if is_dataclass(value) and not isinstance(value, type):
        own = [field.name for field in fields(value) if field.init]
        return replace(value, **{name: taint(getattr(value, name)) for name in own})
    if isinstance(value, Mapping):
        return {taint(key): taint(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(map(taint, value))
    return value
