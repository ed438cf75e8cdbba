"""A text that tries to leave every place it is put in, and what a browser makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "input", "hr", "link"}
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


class Read(HTMLParser):
    """What a browser makes of a page: its tags, attributes and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data
