"""The exact figures of a comparison as a page."""

from __future__ import annotations

from tasks.drift.drift import ColumnDrift, DatasetDrift
from tasks.pages.page import Grid, Note, Page, Section, drop_empty
from tasks.policy.reading import count_text

HEADS = ("column", "kind", "score", "limit", "PSI", "missing", "unseen", "weight", "")
NUMERIC = frozenset(range(2, 8))
SCORE = (
    "The score is the normed Wasserstein distance of numbers, or the Jensen-Shannon distance of "
    "categories and of numbers with at most five values."
)


def drift_page(drift: DatasetDrift, note: str, appendix: str = "") -> Page:
    """Return every column's figures, above the page's `appendix`, which `note` is about."""
    before, now = drift.rows
    counted = f"{count_text(now, 'row', 'rows')} now, against {before:,} in the model's profile."
    return Page(
        title="Drift",
        sections=drop_empty(
            Section("Finding", (drift.summary, f"{counted} The figures below are of all rows.")),
            Section("Columns", (_table(drift.columns),)),
            Section("Predictions", (_table(drift.predictions),)),
            Section("Target", (_table((drift.target,) if drift.target else ()),)),
            Section("How to read this", (Note(SCORE), Note(note))),
        ),
        appendix=appendix,
        scripts=bool(appendix),
    )


def _table(columns: tuple[ColumnDrift, ...]) -> Grid:
    marked = frozenset(place for place, column in enumerate(columns) if column.drifted)
    return Grid(HEADS, tuple(map(_row, columns)), NUMERIC, marked)


def _row(column: ColumnDrift) -> tuple[str, ...]:
    before, now = column.missing
    return (
        column.name,
        column.kind,
        _number(column.score),
        _number(column.limit),
        _number(column.psi),
        f"{before:.1%} → {now:.1%}",
        f"{column.unseen:.1%}" if column.kind == "category" or column.unseen else "",
        f"{column.weight:.1%}",
        f"{'drifted: ' if column.drifted else ''}{column.why}",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
