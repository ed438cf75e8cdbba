"""Both ways of an answer, at once and in a task, say the same."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from deployments.serving.admission import WRONG_KEYS, Admission
from deployments.serving.application import INLINE, Application
from deployments.serving.hosts import Hosts
from deployments.serving.load import Load
from deployments.serving.metrics import Metrics
from tasks.serving import keys
from tasks.serving.fleet import Fleet
from tasks.serving.following import Follower, InService
from tasks.serving.rows import RequestRows
from tasks.serving.served import Predictions, Served
from tasks.signatures import Keyring
from tasks.store.layout import Layout
from tasks.workspace import Place
from tests.buckets import local
from tests.served import Fitted, champion, unlogged

KEY = Keyring("a key")
PREDICT = "/v1/flights/predict"


@pytest.fixture(scope="module")
def served() -> tuple[Fleet, Fitted]:
    bucket = local()
    made = champion(bucket, KEY)
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    return fleet, made


def scope(path: str, headers: Mapping[str, str], method: str = "POST") -> dict[str, Any]:
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": named}


def ask(
    application: Application, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[int, Any]:
    """Ask in a task; return the status and the body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asyncio.run(application(scope(path, named, method), receive, send))
    start, end = sent
    return start["status"], json.loads(end["body"])


def both(
    application: Application, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[tuple[int, Any], tuple[int, Any]]:
    """Ask at once and in a task; of both answers the status, and the body without its ids."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asked = scope(path, headers)
    now = application.at_once(asked, body)
    assert now is not None
    asyncio.run(application(asked, receive, send))
    start, end = sent
    assert {name for name, _ in now[1]} == {name for name, _ in start["headers"]}
    assert dict(now[1])[b"content-length"] == str(len(now[0].body)).encode()
    return (now[0].status, plain(now[0].body)), (start["status"], plain(end["body"]))


def plain(body: bytes) -> Any:
    found = json.loads(body)
    for one in found.get("predictions", ()):
        if isinstance(one, dict):
            one.pop("id")
    return found


CASES: Mapping[str, tuple[int, str, Any, Mapping[str, str]]] = {
    "predicted": (200, PREDICT, "rows", {}),
    "no form": (400, PREDICT, {"row": []}, {}),
    "too many rows": (422, PREDICT, {"rows": [{}] * 10_001}, {}),
    "rows that do not fit": (422, PREDICT, {"rows": [{"n0": "much"}]}, {}),
    "no such pipeline": (404, "/v1/planes/predict", {"rows": []}, {}),
    "another version": (404, "/v2/models/flights/versions/99/infer", {"inputs": []}, {}),
    "an encoding": (415, PREDICT, {"rows": []}, {"content-encoding": "gzip"}),
    "no key": (401, PREDICT, {"rows": []}, {"authorization": ""}),
    "a wrong key": (401, PREDICT, {"rows": []}, {"authorization": "Bearer pn_other"}),
    "a key for another pipeline": (403, "/v1/planes/predict", {"rows": []}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_ways_say_the_same(served: tuple[Fleet, Fitted], case: str) -> None:
    fleet, made = served
    status, path, content, headers = CASES[case]
    opens = ("flights",) if case.startswith("a key") else (keys.EVERY,)
    secret, key = keys.make_key("ann", opens, 0)
    application = Application(unlogged(fleet), Metrics(), Admission(lambda: {key.digest: key}))
    asked = {"rows": made.rows(3)} if content == "rows" else content
    own = {"authorization": f"Bearer {secret}", "x-request-id": "mine", **headers}
    at_once, in_task = both(application, path, json.dumps(asked).encode(), own)
    assert at_once == in_task
    assert at_once[0] == status, at_once


HALVES = {
    "/flights/invocations": rb'{"instances": [{"n1": NaN, "carrier": "\ud800"}]}',
    "/v2/models/flights/infer": rb'{"inputs": [{"name": "\udfff"}], "id": "\ud800"}',
    PREDICT: rb'{"rows": [{"\ud800": "\ud800"}]}',
}


@pytest.mark.parametrize("path", HALVES)
def test_half_a_character_is_refused_in_every_form(served: tuple[Fleet, Fitted], path: str) -> None:
    application = Application(unlogged(served[0]), Metrics())
    status, said = ask(application, path, "POST", HALVES[path])
    assert status == 400, said


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"host": "localhost:8080"}, 200),
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "10.1.2.3"}, 200),
        ({"host": "Predictions.Example.:443"}, 200),
        ({}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "localhost.evil.example:8080"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "evil.example\\x"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost", "origin": "http://localhost:9000"}, 200),
        ({"host": "10.1.2.3", "origin": "http://10.1.2.3:8080"}, 200),
        ({"host": "localhost", "origin": "http://evil.example"}, 421),
        ({"host": "localhost", "origin": "http://10.1.2.3"}, 421),
        ({"host": "localhost", "origin": "null"}, 421),
    ],
)
def test_requests_come_under_known_names_only(
    served: tuple[Fleet, Fitted], sent: dict[str, str], status: int
) -> None:
    fleet, made = served
    application = Application(unlogged(fleet), Metrics(), hosts=Hosts(["predictions.example"]))
    body = json.dumps({"rows": made.rows(1)}).encode()
    at_once, in_task = both(application, PREDICT, body, {"x-request-id": "mine", **sent})
    assert at_once == in_task
    assert at_once[0] == status, at_once
    # whatever the address, and what is found to be served there
    for path in ("/healthz", "/readyz", "/v1", "/nowhere/else", "/flights/ping"):
        said = ask(application, path, **sent)[0]
        assert (said == 421) is (status == 421)


class Failing(Served):
    """A model that fails whenever it is asked, and counts that."""

    hits = 0

    def answer(self, rows: RequestRows) -> Predictions:
        self.hits += 1
        raise RuntimeError("injected")


def test_a_failure_is_an_answer_both_ways(served: tuple[Fleet, Fitted]) -> None:
    fleet, made = served
    current = fleet["flights"]
    assert current is not None
    failing, follower = Failing(current.served.version), Follower(Place(local(), "flights", KEY))
    follower.current = InService(failing, current.champion)
    broken = Fleet(local(), KEY)
    broken.followers = {"flights": follower}
    application = Application(unlogged(broken), Metrics())
    body = json.dumps({"rows": made.rows(1)}).encode()
    at_once, in_task = both(application, PREDICT, body, {"x-request-id": "mine"})
    assert at_once == in_task == (500, {"error": "the server failed; its log says why, under mine"})
    assert failing.hits == 2


def test_a_rate_holds_both_ways(served: tuple[Fleet, Fitted]) -> None:
    fleet, made = served
    secret, key = keys.make_key("ann", (keys.EVERY,), 1)
    body = json.dumps({"rows": made.rows(1)}).encode()
    application = Application(unlogged(fleet), Metrics(), Admission(lambda: {key.digest: key}))
    asked = scope(PREDICT, {"x-api-key": secret})
    answers = [application.at_once(asked, body) for _ in range(5)]
    statuses = [answer[0].status for answer in answers if answer is not None]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert answers[-1] is not None
    assert b"retry-after" in dict(answers[-1][1])
    assert b'1 requests a second"' in answers[-1][0].body


def test_a_refusal_tells_the_rate_that_one_connection_has(
    served: tuple[Fleet, Fitted], caplog: pytest.LogCaptureFixture
) -> None:
    fleet, made = served
    secret, key = keys.make_key("ann", (keys.EVERY,), 4)
    admission = Admission(lambda: {key.digest: key}, workers=2)
    application = Application(unlogged(fleet), Metrics(), admission)
    asked, body = scope(PREDICT, {"x-api-key": secret}), json.dumps({"rows": made.rows(1)}).encode()
    answers = [application.at_once(asked, body) for _ in range(4)]
    found = [answer[0] for answer in answers if answer is not None]
    assert [answer.status for answer in found] == [200, 200, 429, 429]
    assert "has 4 requests a second, 2 at each of 2 workers" in json.loads(found[-1].body)["error"]
    # now and then, and whose key it was
    told = [record.getMessage() for record in caplog.records]
    assert told == ["1 requests with the key ann came too often"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows": [], "explain": true}',
        b'{"rows": [], "\\u0065xplain": true}',
        b'{"rows": [' + b" " * 70_000 + b"]}",
    ],
)
def test_explanations_and_large_bodies_are_waited_for(
    served: tuple[Fleet, Fitted], body: bytes
) -> None:
    application = Application(unlogged(served[0]), Metrics())
    assert application.at_once(scope(PREDICT, {}), body) is None


def test_a_process_that_no_longer_follows_is_not_ready_and_answers(
    served: tuple[Fleet, Fitted],
) -> None:
    fleet, made = served
    why = ""
    application = Application(unlogged(fleet), Metrics(), ill=lambda: why)
    readiness = (
        "/readyz",
        "/ping",
        "/v2/health/ready",
        "/flights/ping",
        "/v2/models/flights/ready",
    )
    assert [ask(application, path)[0] for path in readiness] == [200] * 5
    why = "the thread `following` ended"
    assert [ask(application, path) for path in readiness] == [(503, {"error": why})] * 5
    assert ask(application, "/healthz")[0] == 200
    body = json.dumps({"rows": made.rows(1)}).encode()
    assert ask(application, PREDICT, "POST", body)[0] == 200


def test_without_a_key_only_ready_or_not_is_told() -> None:
    bucket = local()
    champion(bucket, KEY)
    bucket.put(Layout("refused").champion, b"no pointer at all")
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    secret, key = keys.make_key("ann", ("refused",), 0)
    application = Application(unlogged(fleet), Metrics(), Admission(lambda: {key.digest: key}))
    paths = ("/{}/ping", "/{}/health", "/v2/models/{}/ready", "/v2/models/{}/versions/7/ready")
    for path in paths:
        own = path.format("refused")
        # a stranger is told the same of one that is refused and of one that there is not
        for name in ("refused", "nowhere"):
            said = (503, {"error": f"{name} is not ready"})
            assert ask(application, path.format(name)) == said
            assert ask(application, path.format(name), x_api_key="pn_wrong") == said
        status, told = ask(application, own, x_api_key=secret)
        assert (status, "pointer" in told["error"]) == (503, True), told
        # the key opens one pipeline only
        status, told = ask(application, path.format("nowhere"), x_api_key=secret)
        assert (status, told) == (503, {"error": "nowhere is not ready"})
    assert ask(application, "/flights/ping")[0] == 200
    assert ask(application, "/v2/models/flights/versions/7/ready")[0] == 503
    # where no keys are asked for, everything is told
    open_to_all = Application(unlogged(fleet), Metrics())
    assert "pointer" in ask(open_to_all, "/refused/ping")[1]["error"]
    assert ask(open_to_all, "/nowhere/ping")[0] == 404


def test_of_too_many_wrong_keys_some_get_no_answer_and_honest_senders_theirs(
    served: tuple[Fleet, Fitted], caplog: pytest.LogCaptureFixture
) -> None:
    fleet, made = served
    secret, key = keys.make_key("ann", (keys.EVERY,), 0)
    counted: list[None] = []
    admission = Admission(lambda: {key.digest: key}, refused=lambda: counted.append(None))
    application = Application(unlogged(fleet), Metrics(), admission)
    body = json.dumps({"rows": made.rows(1)}).encode()

    def statuses(sent: str, peer: str, times: int) -> list[int]:
        asked = scope(PREDICT, {"x-api-key": sent}) | {"client": (peer, 4242)}
        answers = [application.at_once(asked, body) for _ in range(times)]
        found = [answer for answer in answers if answer is not None]
        assert all(b"retry-after" in dict(more) for said, more in found if said.status == 429)
        return [said.status for said, _ in found]

    wrong = statuses("pn_guessed", "10.0.0.1", 200)
    assert wrong[: int(WRONG_KEYS)] == [401] * int(WRONG_KEYS)
    assert wrong.count(429) > 100
    assert len(counted) == 200
    # neither who has a key, from the same address, nor others
    assert statuses(secret, "10.0.0.1", 3) == [200] * 3
    assert statuses("pn_guessed", "10.0.0.2", 1) == [401]
    assert statuses("", "10.0.0.1", 50) == [401] * 50
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "1 requests with a wrong key came from 10.0.0.1",
        "1 requests with a wrong key came from 10.0.0.2",
    ]
    assert not any("pn_guessed" in line for line in told)


def test_the_share_of_work_is_told(served: tuple[Fleet, Fitted]) -> None:
    fleet, made = served
    application = Application(unlogged(fleet), Metrics())
    body = json.dumps({"rows": made.rows(1)}).encode()

    async def rounds() -> None:
        for _ in range(3):
            assert application.at_once(scope(PREDICT, {}), body) is not None
            await asyncio.sleep(0)

    assert application.load.share() == 0
    asyncio.run(rounds())
    # as if it had been told of long ago, when there was nothing to do
    application.load._told = (time.monotonic() - 6, 0.0)
    assert 0 < application.load.share() < 1


def test_large_bodies_beyond_those_that_wait_are_refused(served: tuple[Fleet, Fitted]) -> None:
    fleet, made = served
    body = json.dumps({"rows": made.rows(400)}).encode()
    assert len(body) > INLINE
    full = Application(unlogged(fleet), Metrics(), load=Load(waiting=0))
    status, told = ask(full, PREDICT, "POST", body)
    assert (status, "in time" in told["error"]) == (503, True)
    one = Application(unlogged(fleet), Metrics(), load=Load(waiting=1))
    assert [ask(one, PREDICT, "POST", body)[0] for _ in range(2)] == [200, 200]
