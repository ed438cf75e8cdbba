"""What `perennial explain` prints."""

from __future__ import annotations

import json
from dataclasses import replace

from deployments.cli.explain import explanations_text
from tasks.explanation.explanation import Contribution, Explanation
from tasks.explanation.file import ExplainedFile

PARTS = tuple(
    Contribution(f"column {i}", 0.5 / (i + 1), str(i), f"raises the chance of late by {i} points")
    for i in range(8)
)
LATE = Explanation("tree_shap", "log-odds", "late", 0.3125, -1.25, PARTS)
DELAY = Explanation("lime", "value", "delay", 41.5, 7.0, PARTS[:2], fit=0.42)


def explained(*explanations: Explanation) -> ExplainedFile:
    keys = tuple({"flight_id": f"F{i}"} for i in range(len(explanations)))
    return ExplainedFile("flights", 3, "lightgbm", explanations[0].method, keys, explanations)


def test_a_row_shows_its_chance_its_largest_contributions_and_the_rest() -> None:
    lines = explanations_text(explained(LATE, LATE)).splitlines()
    assert lines[0] == "flights version 3 (lightgbm), tree_shap"
    assert lines[2:4] == ["Row 1  flight_id F0", "chance of late: 31.2%, told in log-odds"]
    assert lines[5].split() == ["(base)", "-1.250"]
    assert lines[6].split() == ["column", "0", "0", "+0.500", *PARTS[0].says.split()]
    assert lines[12].split() == ["(2", "others)", "+0.134"]
    assert "Row 2  flight_id F1" in lines
    assert len({line.index("+") for line in lines[6:13]}) == 1


def test_a_single_other_column_is_told_in_the_singular() -> None:
    explanation = replace(LATE, contributions=PARTS[:7])
    assert explanations_text(explained(explanation)).splitlines()[-1].split()[:2] == [
        "(1",
        "other)",
    ]


def test_lime_tells_how_well_its_linear_model_fits() -> None:
    text = explanations_text(explained(DELAY))
    assert "delay: 41.5; the linear model fits with R² 0.42" in text


def test_the_document_is_strict_json() -> None:
    document = json.loads(json.dumps(explained(LATE).to_dict(), allow_nan=False))
    (row,) = document["rows"]
    assert (row["row"], row["key"]) == (1, {"flight_id": "F0"})
    assert (
        row["explanation"]["reasons"][0] == "column 0 is 0: raises the chance of late by 0 points"
    )
