"""The OpenAPI document of what is in service, with each model's own fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deployments.serving.predicting import MOST_ROWS
from tasks.features.request import Field, RequestSchema
from tasks.features.values import LARGEST
from tasks.serving.served import Served
from tasks.serving.values import LONGEST_FREE_TEXT, LONGEST_TEXT

Json = dict[str, Any]
KINDS: Mapping[str, Json] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "category": {"type": ["string", "number", "boolean"], "maxLength": LONGEST_TEXT},
    "text": {"type": "string", "maxLength": LONGEST_FREE_TEXT},
    "time": {
        "type": "string",
        "format": "date-time",
        "description": "ISO 8601; UTC where it names no zone",
    },
}
# What is beyond these is as good as missing.
PRESENT: Mapping[str, Json] = {
    "number": {"minimum": -LARGEST, "maximum": LARGEST},
    "category": {"minLength": 1},
    "text": {"minLength": 1},
}
TEXT: Json = {"type": "string"}
UNREAD: Json = {"description": "May be sent; the model does not look at it."}
OPEN: Json = {"security": []}
KEYS: list[Json] = [{"key": []}, {"header": []}]


def openapi(models: Iterable[Served], *, closed: bool) -> Json:
    """Return the document, OpenAPI 3.1; `closed` where API keys are asked for."""
    paths: Json = {
        "/healthz": {"get": _operation("Whether the process answers", {200: ANY}) | OPEN},
        "/readyz": {"get": _operation("Whether a model serves", {200: ANY, 503: ERROR}) | OPEN},
        "/v1": {"get": _operation("The pipelines in service", {200: ANY, **DENIED})},
    }
    for served in models:
        paths.update(_paths(served))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Perennial predictions",
            "version": "1",
            "description": "Predictions of the champions of every pipeline.",
        },
        "paths": paths,
        "security": KEYS if closed else [],
        "components": {
            "schemas": {"Error": ERROR_SCHEMA, "Unfit": UNFIT_SCHEMA},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def row_schema(request: RequestSchema) -> Json:
    """Return the JSON schema of one row of a request."""
    needed = [field.name for field in request.fields if not field.missing]
    unread = dict.fromkeys(request.left_out, UNREAD)
    return _closed({**unread, **{field.name: _property(field) for field in request.fields}}, needed)


def _paths(served: Served) -> Json:
    name = served.manifest.pipeline
    row, example = row_schema(served.request), dict(served.request.example)
    rows = {"type": "array", "items": row, "maxItems": MOST_ROWS}
    explain = {"type": "boolean", "default": False}
    asked = _closed({"rows": rows, "explain": explain}, ["rows"])
    records = _closed({"dataframe_records": {"type": "array", "items": row}}, ["dataframe_records"])
    refusals = {400: ERROR, 413: ERROR, 422: UNFIT, 503: ERROR, **DENIED}
    model = {200: ANY, 503: ERROR, **DENIED}
    return {
        f"/v1/{name}": {"get": _operation(f"The model of {name}", model)},
        f"/v1/{name}/predict": {
            "post": {
                **_operation(f"Predict {name}", {200: {"schema": _answer(served)}, **refusals}),
                "requestBody": _body(asked, {"rows": [example]}),
            }
        },
        f"/{name}/invocations": {
            "post": {
                **_operation(f"Predict {name}, MLflow's form", {200: ANY, **refusals}),
                "requestBody": _body(records, {"dataframe_records": [example]}),
            }
        },
        f"/v2/models/{name}": {"get": _operation(f"{name}, Open Inference", model)},
    }


def _answer(served: Served) -> Json:
    classes = served.manifest.classes
    value = {"enum": list(classes)} if classes else {"type": "number"}
    prediction: Json = {"id": TEXT, "value": value}
    if classes:
        # float32's sums of shares miss 0 and 1 by a few units in the last place
        share = {"type": "number", "minimum": -1e-6, "maximum": 1 + 1e-6}
        prediction["probability"] = _object(dict.fromkeys(served.labels, share))
    model = _object({"pipeline": TEXT, "version": {"type": "integer"}, "digest": TEXT})
    other = {**model, "description": "Where another model answered this row: a canary."}
    ignored = {
        "type": "array",
        "items": TEXT,
        "description": "Fields that were sent and that the model does not look at, if any.",
    }
    more = {"explanation": {"type": "object"}, "model": other, "ignored": ignored}
    item = _object({**prediction, **more}, list(prediction))
    whole = {"model": model, "predictions": {"type": "array", "items": item}, "ignored": ignored}
    return _object(whole, ["model", "predictions"])


def _object(properties: Json, required: Sequence[str] | None = None) -> Json:
    """Return the schema of an object that has these properties, all of them by default."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": properties, "required": needed}


def _closed(properties: Json, required: Sequence[str]) -> Json:
    return {**_object(properties, required), "additionalProperties": False}


def _property(field: Field) -> Json:
    if not field.used:
        return UNREAD
    made = dict(KINDS[field.kind])
    declared = {"no value": field.marks, "in files made of": field.made_of}
    told = [f"{what}: {', '.join(names)}" for what, names in declared.items() if names]
    if told:
        made["description"] = "; ".join([*filter(None, [made.get("description")]), *told])
    if not field.missing:
        return made | PRESENT.get(field.kind, {})
    kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
    return {**made, "type": [*kinds, "null"]}


def _operation(summary: str, answers: Mapping[int, Json]) -> Json:
    said = {
        str(status): {"description": WORDS[status], "content": {"application/json": content}}
        for status, content in answers.items()
    }
    return {"summary": summary, "responses": said}


def _body(schema: Json, example: Json) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"required": True, "content": content}


WORDS = {
    200: "The answer",
    400: "The body is not in the form expected",
    401: "An API key is needed",
    403: "The key does not open this pipeline",
    413: "Too many bytes",
    422: "Too many rows, or they do not fit the model; up to 100 problems are told",
    429: "The key's rate is used up; Retry-After says how long",
    503: "No model serves yet, or more came than can be answered in time",
}
ERROR_SCHEMA = _object({"error": TEXT})
PROBLEM = _object({"row": {"type": "integer"}, "field": TEXT, "problem": TEXT})
UNFIT_SCHEMA = _object({"error": TEXT, "problems": {"type": "array", "items": PROBLEM}}, ["error"])
ANY: Json = {"schema": {"type": "object"}}
ERROR: Json = {"schema": {"$ref": "#/components/schemas/Error"}}
UNFIT: Json = {"schema": {"$ref": "#/components/schemas/Unfit"}}
DENIED: Mapping[int, Json] = {401: ERROR, 403: ERROR, 429: ERROR}
