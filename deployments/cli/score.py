"""The command that scores a file, an object or a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from deployments.cli.output import about_pipeline, say, show, suggest_file, suggest_folder
from deployments.cli.runs import interval
from deployments.patience import over_a_restart
from deployments.session import follow, open_session, upload
from tasks.errors import ConfigurationError
from tasks.policy.reading import count_text
from tasks.scoring.forms import check_form, is_text_form, write_text_form
from tasks.scoring.seen import say_seen
from tasks.store.layout import table_log
from tasks.store.scratch import place_whole, scratch
from tasks.workspace import Workspace

ADDRESS = "s3://"
SHARE = re.compile(r"(\d{1,3})% (.+)")  # how a line of progress begins
CELLS = 24  # of a bar: leaves a line of 80 columns room for its text


@about_pipeline
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("--spreadsheet", is_flag=True, help="Let no text of a .csv be run as a formula.")
def score(name: str, source: str, output: str, spreadsheet: bool, as_json: bool) -> None:
    """Score every row of IN with the champion into OUT, in its order.

    The same command again goes on with a scoring that died.

    IN is a file here (CSV, Parquet, JSON lines), an object or a Delta table in the bucket
    (s3://bucket/path, or its path), or `curated`, the pipeline's own table. OUT is a file here,
    Parquet or what its name says (.csv, .csv.gz, .jsonl, .jsonl.gz); s3://bucket/name.parquet, an
    object; or s3://bucket/path, a Delta table. Values are written as they are; with --spreadsheet,
    a text of a .csv that begins as a formula does, such as =A1, has an apostrophe before it.
    """
    local = Path(output)
    if not output.startswith(ADDRESS) and (local.is_dir() or not local.parent.is_dir()):
        rule = "it is a file in a folder that is there, or an address such as s3://perennial/out"
        remedy = f"{suggest_folder(local.parent)} Make the folder, or choose another.".strip()
        raise ConfigurationError(output, rule, "neither", remedy)
    check_form(output, spreadsheet=spreadsheet)
    workspace = open_session(name)
    key = over_a_restart(lambda: bring_source(workspace, source), say)
    target = output if output.startswith(ADDRESS) else None
    with Bar(say) as bar:
        outcome = follow(workspace, "score", {"source": key, "output": target}, bar)
    if target is None:
        say(f"Writing {local.name}")
        written = partial(
            bring_output, workspace, outcome["output"], local, spreadsheet=spreadsheet
        )
        over_a_restart(written, say)
    show(outcome, as_json, lambda: summary(outcome))


def bring_source(workspace: Workspace, source: str) -> str:
    """Return where the rows lie in the bucket; a file is uploaded.

    Raises:
        ConfigurationError: there is no such file, object or table.
    """
    path = Path(source)
    if path.is_file():
        return upload(workspace, path, say, "scoring")
    if source.startswith(ADDRESS) or source == "curated":
        return source
    key, remedy = source.rstrip("/"), suggest_file(path) or "Check the name."
    # A path of this machine, or the bare name of a data file, means a file here: every key of the
    # bucket begins with a pipeline's folder.
    if path.is_absolute() or source.startswith((".", "~")) or ("/" not in key and "." in key):
        raise ConfigurationError(source, "no file of this name is here", remedy=remedy)
    log = workspace.bucket.list(table_log(key))
    if workspace.bucket.head(key) is None and not any(True for _ in log):
        rule = "no file of this name is here, and neither an object nor a table lies in the bucket"
        raise ConfigurationError(source, rule, remedy=remedy)
    return source


def bring_output(workspace: Workspace, key: str, path: Path, *, spreadsheet: bool = False) -> None:
    """Write the predictions at this key to a file here, in the form that its name asks for."""
    if not is_text_form(path.name):
        workspace.bucket.download(key, path)
        return
    with scratch(workspace.home) as folder, place_whole(path) as partial:
        made = folder / "predictions.parquet"
        workspace.bucket.download(key, made)
        write_text_form(made, partial, path.name, spreadsheet=spreadsheet)


def summary(outcome: dict[str, Any]) -> str:
    """How many rows were scored, and how well where the truth was there."""
    line = f"{count_text(outcome['rows'], 'row', 'rows')} scored by version {outcome['version']}."
    if outcome.get("resumed_parts"):
        parts = count_text(outcome["resumed_parts"], "part was", "parts were")
        line += f" {parts} there from before."
    live = outcome.get("metrics", {}).get(outcome.get("metric", ""))
    if live is None:
        return line
    naive = ", ".join(f"{name} {value:.3f}" for name, value in outcome["baselines"].items())
    share = outcome["labelled"] / outcome["rows"]
    line += f"\n{outcome['metric']} {interval(live)} on {share:.1%} labelled; naive: {naive}."
    return "\n".join(filter(None, [line, say_seen(outcome)]))


class Bar:
    """Passes lines on; on a terminal, one that begins with a share is drawn over the last."""

    def __init__(self, say: Callable[[str], None], *, terminal: bool | None = None) -> None:
        self._say = say
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._width = 0

    def __call__(self, text: str) -> None:
        found = SHARE.fullmatch(text) if self._terminal else None
        if found is None:
            self._end()
            self._say(text)
            return
        line = draw_bar(int(found[1]), found[2])
        # Padded to the last one's width: what was longer would show behind it.
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
