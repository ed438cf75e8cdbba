"""What a person or a program reads: calm tables, or one JSON document."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from tasks.errors import ConfigurationError, PerennialError, did_you_mean
from tasks.letters import show_lines
from tasks.quantities import parse_share
from tasks.settings import pipelines_folder

GAP = "  "  # between columns
NARROWEST = 16  # a column is not wrapped any further
PAGE = 100  # columns, where no terminal and no COLUMNS says it


def reporting(function: Callable[..., Any]) -> click.Command:
    """Make a command of a function, with the options `--json` and `--debug` behind its own."""
    command = click.command()(function)
    as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")
    # `main` reads --debug from the words: an error may come before any option is parsed.
    debug = click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks.")
    command.params += [debug, as_json]
    return command


def about_pipeline(function: Callable[..., Any]) -> click.Command:
    """Make such a command about one pipeline, whose NAME is its first argument."""
    command = reporting(function)
    command.params.insert(0, click.Argument(["name"], shell_complete=complete_pipeline))
    return command


def complete_pipeline(_context: click.Context, _argument: click.Parameter, start: str) -> list[str]:
    """Return the pipelines whose names begin so, from their files' names alone."""
    return sorted(path.stem for path in pipelines_folder().glob(f"{start}*.yaml"))


class LocalFile(click.Path):
    """The path of a file here; one that is not there is answered with the nearest that is."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(value))
        if not path.exists():
            self.fail(f"There is no file {path}. {suggest_file(path)}".strip(), param, ctx)
        return super().convert(value, param, ctx)


class OneOf(click.Choice[str]):
    """One of a few words; a mistyped one is answered with the nearest."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        told = super().get_invalid_choice_message(value, ctx)
        return f"{told} {did_you_mean(str(value), map(str, self.choices))}".strip()


def suggest_file(path: Path) -> str:
    """Return the question after the nearest name in the folder of a path that is not there."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either. {suggest_folder(path.parent)}".strip()
    return did_you_mean(path.name, (there.name for there in path.parent.iterdir()))


def suggest_folder(path: Path) -> str:
    """Return the question after the folder that is nearest to one that is not there."""
    if not path.parent.is_dir():
        return ""
    return did_you_mean(
        path.name, (there.name for there in path.parent.iterdir() if there.is_dir())
    )


def read_share(_context: click.Context, option: click.Parameter, text: str | None) -> float | None:
    """Read the share that an option tells, such as 25% or 0.25.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        return None if text is None else parse_share(text)
    except ValueError as error:
        remedy = "Write 25%, or 0.25."
        raise ConfigurationError(option.opts[0], str(error), text, remedy) from error


def say(text: str) -> None:
    """Print a line of progress on standard error."""
    click.echo(show_lines(text), err=True)  # standard output is for the result alone


def show(document: Mapping[str, Any], as_json: bool, human: Callable[[], str]) -> None:
    """Print the document as JSON, or what `human` makes of it."""
    # names of files come from outside, and may hold what steers a terminal
    text = json.dumps(document, indent=2, default=str) if as_json else show_lines(human())
    try:
        click.echo(text)
        sys.stdout.flush()
    # Whoever reads, such as `head`, has enough.
    except BrokenPipeError:
        # What is left in the buffer would be written again at the end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report_error(error: PerennialError, *, as_json: bool) -> None:
    """Print one clear message; for programs, its parts as well."""
    if as_json:
        parts = {name: getattr(error, name) for name in ("where", "rule", "came", "remedy")}
        click.echo(json.dumps({"error": str(error), **parts}, indent=2))
    click.echo(show_lines(f"perennial: {error}"), err=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], most: int | None = None) -> str:
    """Align rows under their heads; numbers to the right.

    The widest columns are wrapped where a line would have more than `most` signs.

    >>> print(table(["name", "rows"], [["flights", 10], ["taxis", 2000]]))
    name     rows
    flights    10
    taxis    2000
    >>> print(table(["link", "found"], [["file", "no such pipeline is here, nor was"]], most=26))
    link  found
    file  no such pipeline is
          here, nor was
    """
    body = [["" if cell is None else str(cell) for cell in row] for row in rows]
    body = body if most is None else _wrapped(body, most)
    widths = [max(len(line[i]) for line in [list(head), *body]) for i in range(len(head))]
    numeric = [all(_is_number(line[i]) for line in body) and body != [] for i in range(len(head))]

    def aligned(line: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        return GAP.join(cells).rstrip()

    return "\n".join(aligned(line) for line in [list(head), *body])


def page_width() -> int:
    """Return how wide a table of sentences may be: as the terminal is."""
    return shutil.get_terminal_size((PAGE, 24)).columns


def _wrapped(body: list[list[str]], most: int) -> list[list[str]]:
    """Return rows as several each, cut so that no line has more than so many signs."""
    widths = [max(map(len, column)) for column in zip(*body, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > most and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    cut: list[list[str]] = []
    for row in body:
        # an address or a path stays whole: it is copied
        cells = [
            wrap(cell, width, break_long_words=False, break_on_hyphens=False) if cell else []
            for cell, width in zip(row, widths, strict=True)
        ]
        cut += map(list, zip_longest(*cells, fillvalue=""))
    return cut


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace(",", "").lstrip("+-").isdigit()
