"""The OpenAPI document of what is in service, with each model's own fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tasks.features.request import Field
from tasks.features.values import LARGEST
from tasks.serving.served import Served

Json = dict[str, Any]
KINDS: Mapping[str, Json] = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "category": {"type": ["string", "number", "boolean"]},
    "time": {
        "type": "string",
        "format": "date-time",
        "description": "ISO 8601; UTC where it names no zone",
    },
}
BOUNDED: Mapping[str, tuple[str, ...]] = {
    "number": ("minimum", "maximum"),
    "category": ("minLength", "maxLength"),
}
TEXT: Json = {"type": "string"}
KEYS: list[Json] = [{"key": []}, {"header": []}]


def openapi(models: Iterable[Served], *, closed: bool) -> Json:
    """Return the document, OpenAPI 3.1; `closed` where API keys are asked for."""
    paths: Json = {
        "/healthz": {"get": _open("Whether the process answers", {200: ANY})},
        "/readyz": {"get": _open("Whether a model serves", {200: ANY, 503: ERROR})},
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


def row_schema(served: Served) -> Json:
    """Return the JSON schema of one row of a request."""
    fields = served.request.fields
    return {
        "type": "object",
        "properties": {one.name: _property(one) for one in fields},
        "required": [one.name for one in fields if not one.missing],
        "additionalProperties": False,
    }


def _paths(served: Served) -> Json:
    name = served.manifest.pipeline
    row, example = row_schema(served), dict(served.request.example)
    asked = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": row, "maxItems": 10_000},
            "explain": {"type": "boolean", "default": False},
        },
        "required": ["rows"],
        "additionalProperties": False,
    }
    records = {
        "type": "object",
        "properties": {"dataframe_records": {"type": "array", "items": row}},
        "required": ["dataframe_records"],
        "additionalProperties": False,
    }
    refusals = {400: ERROR, 413: ERROR, 422: UNFIT, 503: ERROR, **DENIED}
    return {
        f"/v1/{name}": {
            "get": _operation(f"The model of {name}", {200: ANY, 503: ERROR, **DENIED})
        },
        f"/v1/{name}/predict": {
            "post": {
                **_operation(f"Predict {name}", {200: _json(_answer(served)), **refusals}),
                "requestBody": _body(asked, {"rows": [example]}),
            }
        },
        f"/{name}/invocations": {
            "post": {
                **_operation(f"Predict {name}, MLflow's form", {200: ANY, **refusals}),
                "requestBody": _body(records, {"dataframe_records": [example]}),
            }
        },
        f"/v2/models/{name}": {
            "get": _operation(f"{name}, Open Inference", {200: ANY, 503: ERROR, **DENIED})
        },
    }


def _answer(served: Served) -> Json:
    kinds = {bool: "boolean", int: "integer", float: "number"}
    classes = served.manifest.classes
    value = {"enum": list(classes)} if classes else {"type": kinds[float]}
    prediction: Json = {"id": TEXT, "value": value}
    if classes:
        share = {"type": "number", "minimum": -1e-6, "maximum": 1 + 1e-6}
        prediction["probability"] = {
            "type": "object",
            "properties": dict.fromkeys(served.labels, share),
            "required": list(served.labels),
        }
    named = {"pipeline": TEXT, "version": {"type": "integer"}, "digest": TEXT}
    model: Json = {"type": "object", "properties": named, "required": list(named)}
    other = {**model, "description": "Where another model answered this row: a canary."}
    return {
        "type": "object",
        "properties": {
            "model": model,
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {**prediction, "explanation": {"type": "object"}, "model": other},
                    "required": list(prediction),
                },
            },
        },
        "required": ["model", "predictions"],
    }


def _property(field: Field) -> Json:
    if not field.used:
        return {"description": "May be sent; the model does not look at it."}
    made = dict(KINDS[field.kind])
    if not field.missing:
        # beyond these, and empty, is as good as missing
        bounds = {"minimum": -LARGEST, "maximum": LARGEST, "minLength": 1, "maxLength": 10_000}
        return made | {name: bounds[name] for name in BOUNDED.get(field.kind, ())}
    kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
    return {**made, "type": [*kinds, "null"]}


def _open(summary: str, answers: Mapping[int, Json]) -> Json:
    return {**_operation(summary, answers), "security": []}


def _operation(summary: str, answers: Mapping[int, Json]) -> Json:
    said = {
        str(status): {"description": WORDS[status], "content": {"application/json": content}}
        for status, content in answers.items()
    }
    return {"summary": summary, "responses": said}


def _body(schema: Json, example: Json) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"required": True, "content": content}


def _json(schema: Json) -> Json:
    return {"schema": schema}


WORDS = {
    200: "The answer",
    400: "The body is not in the form expected",
    401: "An API key is needed",
    403: "The key does not open this pipeline",
    413: "Too many bytes",
    422: "Too many rows, or they do not fit the model; every problem is told",
    429: "The key's rate is used up; Retry-After says how long",
    503: "No model serves yet",
}
ERROR_SCHEMA: Json = {"type": "object", "properties": {"error": TEXT}, "required": ["error"]}
PROBLEM: Json = {
    "type": "object",
    "properties": {"row": {"type": "integer"}, "field": TEXT, "problem": TEXT},
    "required": ["row", "field", "problem"],
}
UNFIT_SCHEMA: Json = {
    "type": "object",
    "properties": {"error": TEXT, "problems": {"type": "array", "items": PROBLEM}},
    "required": ["error"],
}
ANY: Json = {"schema": {"type": "object"}}
ERROR: Json = {"schema": {"$ref": "#/components/schemas/Error"}}
UNFIT: Json = {"schema": {"$ref": "#/components/schemas/Unfit"}}
DENIED: Mapping[int, Json] = {401: ERROR, 403: ERROR, 429: ERROR}
