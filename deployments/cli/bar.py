"""Lines that tell a share are drawn as one bar on a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import click

SHARE = re.compile(r"(\d{1,3})% (.+)")
CELLS = 24  # leaves a line of 80 columns room for its text


class Bar:
    """Passes lines on; on a terminal, one that begins with a share is drawn over the last."""

    def __init__(self, say: Callable[[str], None], *, terminal: bool | None = None) -> None:
        self._say = say
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._width = 0

    def __call__(self, text: str) -> None:
        """Say a line, or draw it."""
        found = SHARE.fullmatch(text) if self._terminal else None
        if found is None:
            self._end()
            self._say(text)
            return
        line = draw_bar(int(found[1]), found[2])
        click.echo(f"\r{line.ljust(self._width)}", err=True, nl=False)
        self._width = len(line)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if self._width:
            click.echo(err=True)
            self._width = 0


def draw_bar(share: int, text: str) -> str:
    """Draw a share in percent.

    >>> draw_bar(50, "scored: 5 of 10 rows")
    '[############............]  50% scored: 5 of 10 rows'
    """
    full = min(share, 100) * CELLS // 100
    return f"[{'#' * full}{'.' * (CELLS - full)}] {share:3}% {text}"
