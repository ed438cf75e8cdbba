"""A decision as a person reads it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.pages.markdown import escape, write_part
from tasks.pages.page import Badge, Cell, Grid

if TYPE_CHECKING:
    from tasks.monitoring.record import RecordedDecision

SHOWN = 20


def decision_markdown(decided: RecordedDecision) -> str:
    """Return the decision, what was observed, and what every signal read."""
    decision = decided.decision
    head = "**Retrain**" if decision.retrain else "**No retraining**"
    lines = [f"{head}: {escape(decision.rule)}", "", escape(decision.reason), ""]
    if decided.seen is not None:
        observation = decided.seen.observation
        told = [*observation.suspicions, *observation.warnings]
        lines += [f"- {escape(line)}" for line in decided.told]
        lines += [f"- **{escape(line)}**" for line in told] + [""]
    marks: dict[bool | None, Cell] = {True: Badge("yes"), False: "no", None: "unknown"}
    readings = tuple((read.signal, marks[read.fired], read.said) for read in decision.readings)
    table = write_part(Grid(("signal", "fired", ""), readings))
    return "\n".join([*lines, table, "", f"Policy: {escape(decision.policy)}", ""])


def drift_rows(decided: RecordedDecision) -> list[dict[str, Any]]:
    """Return a row for each column that drifted, or the largest changes where none did."""
    if decided.seen is None or decided.seen.observation.drift is None:
        return []
    return [
        {
            "column": column.name,
            "drifted": "yes" if column.drifted else "",
            "weight": round(column.weight, 4),
            "distance": None if column.score is None else round(column.score, 4),
            "method": column.method,
            "missing": f"{column.missing[0]:.1%} to {column.missing[1]:.1%}",
            "unseen": f"{column.unseen:.1%}",
            "why": column.why,
        }
        for column in decided.seen.observation.drift.columns[:SHOWN]
    ]
