"""The command that says why the champion answers as it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from deployments.cli.output import LocalFile, OneOf, about_pipeline, show, table
from deployments.session import open_session
from tasks.policy.reading import count_text

if TYPE_CHECKING:
    from tasks.explanation.explanation import Explanation
    from tasks.explanation.file import ExplainedFile

LARGEST = 6  # contributions shown; the others are one line


@about_pipeline
@click.argument("file", type=LocalFile())
@click.option("--rows", type=click.IntRange(1, 10_000), default=3, show_default=True,
              help="How many of the file's first rows.")  # fmt: skip
@click.option("--method", type=OneOf(["shap", "lime"]),
              help="SHAP's values where the family allows them, else LIME.")  # fmt: skip
def explain(
    name: str, file: Path, rows: int, method: Literal["shap", "lime"] | None, as_json: bool
) -> None:
    """Say what each column adds to the champion's predictions for the rows of FILE."""
    from tasks.explanation.file import explain_file

    found = explain_file(open_session(name), file, rows, method)
    show(found.to_dict(), as_json, lambda: explanations_text(found))


def explanations_text(found: ExplainedFile) -> str:
    """A table a row: its largest contributions, and what they do."""
    lines = [f"{found.pipeline} version {found.version} ({found.family}), {found.method}"]
    pairs = zip(found.keys, found.explanations, strict=True)
    for number, (key, explanation) in enumerate(pairs, start=1):
        told = " ".join(f"{name} {value}" for name, value in key.items())
        lines += ["", f"Row {number}  {told}".rstrip(), _answer(explanation)]
        lines.append(contributions_table(explanation))
    return "\n".join(lines)


def contributions_table(explanation: Explanation) -> str:
    """The largest contributions, and what the others add together."""
    shown, others = explanation.contributions[:LARGEST], explanation.contributions[LARGEST:]
    signed = "{:+.3f}" if explanation.scale != "value" else "{:+,.4g}"
    rows = [["(base)", "", signed.format(explanation.base), ""]]
    rows += [[part.column, part.shown, signed.format(part.value), part.says] for part in shown]
    if others:
        rest = sum(part.value for part in others)
        rows.append(
            [f"({count_text(len(others), 'other', 'others')})", "", signed.format(rest), ""]
        )
    return table(["column", "is", "adds", ""], rows)


def _answer(explanation: Explanation) -> str:
    of, value, scale = explanation.of, explanation.prediction, explanation.scale
    fit = explanation.fit
    known = "" if fit is None else f"; the linear model fits with R² {fit:.2f}"
    if scale == "value":
        return f"{of}: {value:,.6g}{known}"
    return f"chance of {of}: {value:.1%}, told in {scale}{known}"
