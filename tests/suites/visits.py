"""Visits whose outcome comes later, and is 0 or 1."""

from __future__ import annotations

import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={"visit": "string", "day": "integer", "at": "timestamp", "stays": "integer"},
        expectations=(
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToBeInSet(column="stays", value_set=[0, 1]),
        ),
    )
