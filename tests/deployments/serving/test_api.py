"""The prediction API over a real socket, from a real bucket."""

from __future__ import annotations

import json
import socket
from typing import Any

import mlflow.pyfunc.scoring_server.client as mlflow_client
import numpy as np
import pandas as pd
import pytest
import requests
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types import InferenceRequest, RequestInput

from deployments.serving.routes import ROUTES
from tests.deployments.serving.conftest import PIPELINES, Api

pytestmark = pytest.mark.system
ROWS = 50


def own_answers(api: Api, pipeline: str) -> np.ndarray[Any, Any]:
    """Return what the fitted scikit-learn pipeline says of the rows."""
    made = api.models[pipeline]
    prepared = made.prepared.head(ROWS)
    if made.pipeline.task == "regression":
        return np.asarray(made.model.predict(prepared))
    return np.asarray(made.model.predict_proba(prepared))


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_it_answers_as_the_fitted_pipeline_does(api: Api, pipeline: str) -> None:
    made = api.models[pipeline]
    answer = api.predict(pipeline, made.rows(ROWS))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model"]["pipeline"] == pipeline
    assert len({one["id"] for one in found["predictions"]}) == ROWS
    expected = own_answers(api, pipeline)
    if made.pipeline.task == "regression":
        values = [one["value"] for one in found["predictions"]]
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
        return
    shares = [list(one["probability"].values()) for one in found["predictions"]]
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    classes = sorted(set(made.frame[made.pipeline.target].tolist()))
    assert [one["value"] for one in found["predictions"]] == [
        classes[place] for place in expected.argmax(axis=1)
    ]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_mlflows_own_client_is_answered(api: Api, pipeline: str) -> None:
    made = api.models[pipeline]
    client = mlflow_client.ScoringServerClient("127.0.0.1", f"{api.serving.port}/{pipeline}")
    client.wait_server_ready()
    assert client.get_version()
    frame = pd.DataFrame(made.rows(ROWS))
    frame["n1"] = frame["n1"].astype(float)
    assert frame["n1"].isna().any()
    found = client.invoke(frame).get_predictions().iloc[:, 0].tolist()
    ours = [one["value"] for one in api.predict(pipeline, made.rows(ROWS)).json()["predictions"]]
    assert found == ours
    if made.pipeline.task != "regression":
        shares = client.invoke(frame, {"predict_method": "predict_proba"}).get_predictions()
        np.testing.assert_allclose(shares, own_answers(api, pipeline), atol=1e-5)


def test_the_forms_that_mlflow_takes_are_answered_alike(api: Api) -> None:
    rows = api.models["serve-binary"].rows(3)
    frame = pd.DataFrame(rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    split = {"columns": list(frame.columns), "data": [list(row.values()) for row in rows]}
    forms: list[dict[str, Any]] = [
        {"dataframe_split": split},
        {"dataframe_records": rows},
        {"inputs": columns},
        {"instances": rows},
    ]
    answers = [api.ask("POST", "/serve-binary/invocations", json=form).json() for form in forms]
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]["predictions"]) == 3


def test_an_open_inference_client_is_answered(api: Api) -> None:
    client = OpenInferenceClient(base_url=api.url)
    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("serve-binary")
    known = client.read_model_metadata("serve-binary")
    # the client has no null: an empty text is a missing one, and numbers are all there
    rows = [row for row in api.models["serve-binary"].rows(ROWS) if row["n1"] is not None]
    kept = [place for place, row in enumerate(api.models["serve-binary"].rows(ROWS)) if row in rows]
    inputs = [
        RequestInput(
            name=one.name,
            shape=[len(rows)],
            datatype=one.datatype,
            data=["" if row[one.name] is None else row[one.name] for row in rows],
        )
        for one in known.inputs
    ]
    answer = client.model_infer("serve-binary", request=InferenceRequest(id="mine", inputs=inputs))
    assert (answer.id, answer.model_name) == ("mine", "serve-binary")
    outputs = {one.name: one for one in answer.outputs}
    assert list(outputs) == ["value", "probability"]
    shares = np.reshape(outputs["probability"].data.__root__, outputs["probability"].shape)
    np.testing.assert_allclose(shares, own_answers(api, "serve-binary")[kept], atol=1e-5)


def test_every_problem_of_every_row_is_named(api: Api) -> None:
    (row,) = api.models["serve-binary"].rows(1)
    wrong = {**row, "n0": "much", "n2": None, "carier": "AA", "weekend": "yes", "at": "yesterday"}
    answer = api.predict("serve-binary", [row, wrong, 7])
    assert answer.status_code == 422
    found = {(one["row"], one["field"]): one["problem"] for one in answer.json()["problems"]}
    assert found == {
        (1, "at"): "is a time as text, written as in ISO 8601, not 'yesterday'",
        (1, "n0"): "is a number, not 'much'",
        (1, "n2"): "is null, and training saw no row without it",
        (1, "weekend"): "is true or false, not 'yes'",
        (1, "carier"): "is no field of this model; did you mean carrier?",
        (2, ""): "a row is an object, not 7",
    }


def test_a_value_may_be_missing_where_training_saw_it_missing(api: Api) -> None:
    (row,) = api.models["serve-binary"].rows(1)
    without = {name: value for name, value in row.items() if name not in ("n1", "carrier", "id")}
    answers = [
        api.predict("serve-binary", [one]).json()["predictions"][0]["probability"]
        for one in ({**row, "n1": None, "carrier": None}, without)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "no JSON"),
        (b"{", 400, "no JSON"),
        (b"[]", 400, "a JSON object"),
        (b'{"rows": [{"n0": NaN}]}', 400, "no JSON"),
        (b'{"rows": [{"n0": Infinity}]}', 400, "no JSON"),
        (b'{"rows": [{"n0": 1e999}]}', 400, "no JSON"),
        (b'{"rows": {}}', 400, "a list of objects"),
        (b'{"row": []}', 400, "unknown: row; known are explain, rows"),
        (b'{"rows": [], "explain": 1}', 400, "true or false"),
        (b'{"rows":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "nested too deep"),
        (b'{"rows": [' + b"{}," * 10_000 + b"{}]}", 422, "10000 rows"),
        (b'{"rows": "' + b"x" * 2**23 + b'"}', 413, "8388608 bytes"),
    ],
    ids=lambda one: repr(one[:20]) if isinstance(one, bytes) else "",
)
def test_a_body_that_is_no_request_is_refused(api: Api, body: bytes, status: int, why: str) -> None:
    answer = api.ask("POST", "/v1/serve-binary/predict", data=body)
    assert answer.status_code == status
    assert why in answer.json()["error"]


def test_no_rows_have_no_predictions(api: Api) -> None:
    assert api.predict("serve-binary", []).json()["predictions"] == []


def test_a_body_in_pieces_is_read_whole_or_refused(api: Api) -> None:
    body = json.dumps({"rows": api.models["serve-binary"].rows(1)}).encode()
    pieces = (body[place : place + 7] for place in range(0, len(body), 7))
    answer = api.ask("POST", "/v1/serve-binary/predict", data=pieces)
    assert answer.status_code == 200
    assert send_without_end(api, "/v1/serve-binary/predict").startswith(b"HTTP/1.1 413")
    packed = {"content-encoding": "gzip"}
    answer = api.ask("POST", "/v1/serve-binary/predict", data=body, headers=packed)
    assert answer.status_code == 415


def send_without_end(api: Api, path: str) -> bytes:
    """POST pieces of a body until the other side closes, and return what it said meanwhile."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (2**16, b" " * 2**16)
    with socket.create_connection(("127.0.0.1", api.serving.port), 20) as connection:
        connection.sendall(head.encode())
        # its answer lies here when its end is noticed: a library that sends reads it no more
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                connection.sendall(piece)
        return connection.recv(4096)


def test_unknown_addresses_methods_and_versions_are_named(api: Api) -> None:
    assert api.ask("GET", "/nowhere").status_code == 404
    assert api.ask("GET", "/v1/planes").json() == {
        "error": "there is no pipeline planes; GET /v1 lists them"
    }
    found = api.ask("GET", "/v1/serve-binary/predict")
    assert (found.status_code, found.headers["allow"]) == (405, "POST")
    found = api.ask("GET", "/v2/models/serve-binary/versions/99")
    assert found.status_code == 404
    assert "version 1 is" in found.json()["error"]


def test_every_route_is_answered(api: Api) -> None:
    (row,) = api.models["serve-binary"].rows(1)
    inputs = [{"name": n, "shape": [1], "datatype": "X", "data": [v]} for n, v in row.items()]
    bodies = {
        "predict": {"rows": [row]},
        "invocations": {"instances": [row]},
        "infer": {"inputs": inputs},
    }
    for route in ROUTES:
        path = route.template.format(pipeline="serve-binary", version="1")
        answer = api.ask(route.method, path, json=bodies.get(route.name))
        assert answer.status_code == 200, (route, answer.text)
        own = api.ask(route.method, path, headers={"x-request-id": "r-17"})
        assert own.headers["x-request-id"] == "r-17"


def test_the_figures_are_at_an_address_of_their_own(api: Api) -> None:
    api.predict("serve-number", api.models["serve-number"].rows(5))
    assert api.ask("GET", "/metrics").status_code == 404
    answer = requests.get(f"http://127.0.0.1:{api.serving.metrics_port}/metrics", timeout=10)
    figures = dict(
        line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")
    )
    asked = 'perennial_requests_total{pipeline="serve-number",route="predict",status="200"}'
    assert float(figures[asked]) >= 1
    assert float(figures['perennial_model_version{pipeline="serve-number"}']) == 1
    assert float(figures['perennial_model_refused{pipeline="serve-number"}']) == 0
    assert float(figures['perennial_rows_total{pipeline="serve-number",version="1"}']) >= 5


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_an_explanation_adds_up_to_the_prediction(api: Api, pipeline: str) -> None:
    made = api.models[pipeline]
    answer = api.predict(pipeline, made.rows(3), explain=True)
    assert answer.status_code == 200, answer.text
    for one in answer.json()["predictions"]:
        explained = one["explanation"]
        assert explained["method"] == "tree_shap"
        columns = {part["column"] for part in explained["contributions"]}
        assert columns == {feature.name for feature in made.schema.features}
        total = explained["base"] + sum(part["value"] for part in explained["contributions"])
        if made.pipeline.task == "regression":
            assert total == pytest.approx(one["value"], abs=1e-4)
        elif made.pipeline.task == "binary":
            assert 1 / (1 + np.exp(-total)) == pytest.approx(one["probability"]["1"], abs=1e-4)


def test_so_many_rows_are_explained_at_once_and_no_more(api: Api) -> None:
    answer = api.predict("serve-binary", api.models["serve-binary"].rows(101), explain=True)
    assert answer.status_code == 422
    assert "at most 100 rows a request are explained" in answer.json()["error"]
