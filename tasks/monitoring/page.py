"""A decision as a person reads it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.monitoring.record import Decided

SHOWN = 20


def decision_markdown(decided: Decided) -> str:
    """Return the decision, what was observed, and what every signal read."""
    decision = decided.decision
    head = "**Retrain**" if decision.retrain else "**No retraining**"
    lines = [f"{head}: {decision.rule}", "", decision.reason, ""]
    if decided.seen is not None:
        observation = decided.seen.observation
        told = [*observation.suspicions, *observation.warnings]
        lines += [f"- {line}" for line in decided.told]
        lines += [f"- **{line}**" for line in told] + [""]
    lines += ["| signal | fired | |", "|---|---|---|"]
    marks = {True: "**yes**", False: "no", None: "unknown"}
    lines += [
        f"| {one.signal} | {marks[one.fired]} | {_cell(one.said)} |" for one in decision.readings
    ]
    return "\n".join([*lines, "", f"Policy: `{decision.policy}`", ""])


def drift_rows(decided: Decided) -> list[dict[str, Any]]:
    """Return a row for each column that drifted, or the largest changes where none did."""
    if decided.seen is None or decided.seen.drift is None:
        return []
    return [
        {
            "column": one.name,
            "drifted": "yes" if one.drifted else "",
            "weight": round(one.weight, 4),
            "distance": None if one.score is None else round(one.score, 4),
            "method": one.method,
            "missing": f"{one.missing[0]:.1%} to {one.missing[1]:.1%}",
            "unseen": f"{one.unseen:.1%}",
            "why": one.why,
        }
        for one in decided.seen.drift.columns[:SHOWN]
    ]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
