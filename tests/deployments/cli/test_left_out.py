"""What `train` says of the columns that the model does not look at."""

from __future__ import annotations

from deployments.cli.runs import training_summary


def test_left_out_columns_are_told_with_the_reason() -> None:
    outcome = {
        "pipeline": "orders",
        "outcome": "promoted",
        "passed": True,
        "summary": "orders version 1 is in service (promotion)",
        "warnings": [],
        "remedy": "",
        "left_out": {"invoice": "nearly every row has a value of its own (90 of 90)"},
    }
    told = " ".join(training_summary(outcome).split())
    assert "invoice nearly every row has a value of its own (90 of 90)" in told
    assert "left out" not in training_summary({**outcome, "left_out": {}})
