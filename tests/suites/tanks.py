from __future__ import annotations

import great_expectations.expectations as gxe

from expectations.suite import Suite


def suite() -> Suite:
    return Suite(
        columns={"at": "timestamp", "tank": "string", "level": "number", "id": "string"},
        expectations=(gxe.ExpectColumnValuesToNotBeNull(column="tank"),),
    )
