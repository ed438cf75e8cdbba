"""The limits that the OpenAPI document tells are those that a request is read with."""

from __future__ import annotations

import pytest

from deployments.serving.openapi import row_schema
from tasks.features.request import Field, RequestSchema
from tasks.features.schema import Feature, FeatureSchema, Kind
from tasks.serving.problems import Unfit
from tasks.serving.rows import Reader


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("kind", ["category", "text"])
def test_a_text_is_read_up_to_the_length_that_is_told(kind: Kind, missing: bool) -> None:
    request = RequestSchema((Field("said", kind, True, missing),))
    reader = Reader(request, FeatureSchema((Feature("said", kind),)))
    longest = row_schema(request)["properties"]["said"]["maxLength"]
    reader.read([{"said": "a" * longest}])
    with pytest.raises(Unfit):
        reader.read([{"said": "a" * (longest + 1)}])
