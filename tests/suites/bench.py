"""Twelve expectations of the speed benchmark."""

from __future__ import annotations

from datetime import datetime

import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={
            "id": "string",
            "at": "timestamp",
            "carrier": "string",
            "origin": "string",
            "distance": "integer",
            "temperature": "number",
            "wind": "number",
            "late": "integer",
        },
        expectations=(
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="id"),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToNotBeNull(column="at"),
            gxe.ExpectColumnValuesToBeBetween(column="at", min_value=datetime(2000, 1, 1)),
            gxe.ExpectColumnValuesToBeInSet(
                column="carrier", value_set=["AA", "B6", "DL", "EV", "UA", "WN"]
            ),
            gxe.ExpectColumnValuesToMatchRegex(column="origin", regex=r"^[A-Z]{3}$"),
            gxe.ExpectColumnValuesToBeBetween(column="distance", min_value=0, max_value=10_000),
            gxe.ExpectColumnValuesToBeBetween(column="temperature", min_value=-80, max_value=200),
            gxe.ExpectColumnValuesToNotBeNull(column="wind", mostly=0.8),
            gxe.ExpectColumnMeanToBeBetween(column="wind", min_value=0, max_value=100),
            gxe.ExpectColumnValuesToBeInSet(column="late", value_set=[0, 1]),
        ),
    )
