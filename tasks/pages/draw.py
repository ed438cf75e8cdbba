"""Draws a page as one HTML file without any outside reference. Pure.

The templates lie in `templates/`, the style sheet among them; a page holds a copy of it, because
it is opened from a bucket, an artifact view or a folder, where nothing beside it can be reached.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from tasks.pages.page import Page

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = files("tasks.pages").joinpath("templates")


def draw(page: Page) -> str:
    """Return the page as HTML; every text of it but the appendix is escaped.

    A browser refuses every request that the page might make, by its Content-Security-Policy.
    """
    text = _environment().get_template("page.html").render(page=page)
    # Half a surrogate pair, as JSON may hold it, is no UTF-8 and would end the write of the page
    return text.encode("utf-8", "replace").decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # A name that a template misspells is an error, not an empty place on the page.
        undefined=StrictUndefined,
        loader=FunctionLoader(lambda name: TEMPLATES.joinpath(name).read_text("utf-8")),
    )
    environment.filters["base64"] = lambda data: b64encode(data).decode()
    return environment
