from __future__ import annotations

import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={"id": "integer", "size": "number", "colour": "string", "high": "integer"},
        expectations=(
            gxe.ExpectColumnValuesToNotBeNull(column="id"),
            gxe.ExpectColumnValuesToBeInSet(column="high", value_set=[0, 1]),
        ),
    )
