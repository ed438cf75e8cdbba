"""Visits of people, whose names are personal."""

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={
            "visit": "string",
            "at": "timestamp",
            "name": "string",
            "age": "integer",
            "ward": "string",
            "cost": "number",
            "insured": "boolean",
            "stays": "integer",
        },
        expectations=(
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="ward", mostly=0.5),
            gxe.ExpectColumnValuesToBeInSet(column="ward", value_set=["A", "B", "C"]),
            gxe.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120),
            gxe.ExpectColumnValueLengthsToBeBetween(column="name", max_value=40),
            gxe.ExpectColumnValuesToBeBetween(
                column="cost", max_value=1000, mostly=0.9, severity="warning"
            ),
        ),
    )
