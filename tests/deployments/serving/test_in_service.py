"""What serves under load, under signals, and when what it should load is not what was signed."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from tasks.ledger.ledger import ledger_of
from tasks.promotion.manifest import Manifest
from tasks.promotion.signed import sign_pointer
from tasks.promotion.trial import Trial
from tasks.records import plain
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import Place
from tests.deployments.serving.conftest import Api, all_serve
from tests.deployments.serving.storm import request_of, storm, under_load
from tests.load import Load, post, run_load
from tests.served import champion, fitted, put_in_service, put_on_trial, put_version
from tests.servers import S3, poll, running_s3, running_serving

pytestmark = pytest.mark.system
PIPELINE = "serve-binary"
PROMOTIONS = 20
SECONDS = 25.0
INTO_THE_LOAD = 2.0  # seconds that the load has gone on for when a signal comes


def request(api: Api) -> bytes:
    return request_of(api.models[PIPELINE], PIPELINE)


def asking(api: Api, seconds: float, act: Callable[[], None], asked: bytes | None = None) -> Load:
    """Do something while eight connections ask without end; return what came of the asking."""
    return under_load(api.serving, asked or request(api), seconds, act)


def publish(api: Api, key: str, trees: int = 50) -> Manifest:
    made = fitted(trees=trees)
    return put_version(api.bucket, api.settings.keyring, made, PIPELINE, key)


@pytest.mark.soak
def test_promotions_under_load_fail_no_request_and_versions_move_forward(api: Api) -> None:
    versions = [publish(api, f"storm-{number}", 50 + number) for number in range(PROMOTIONS)]
    found = storm(api.serving, api.bucket, api.settings.keyring, request(api), versions, SECONDS)
    assert set(found.load.statuses) == {200}, found.load.statuses
    assert found.load.failures == []
    assert max(len(seen) for seen in found.load.versions) >= PROMOTIONS / 2
    for seen in found.load.versions:
        assert seen == sorted(seen)
    assert max(found.held) <= 2
    poll(lambda: api.version(PIPELINE) == versions[-1].version, 10, "the last version")


def test_a_worker_that_is_told_to_stop_fails_no_request(api: Api) -> None:
    poll(lambda: api.serving.is_whole, 150, "two workers")
    before = [one.pid for one in api.serving.workers]

    def stop() -> None:
        time.sleep(INTO_THE_LOAD)
        os.kill(before[0], signal.SIGTERM)

    found = asking(api, 8, stop)
    assert set(found.statuses) == {200}
    assert found.failures == []
    poll(lambda: api.serving.is_whole, 150, "the worker that takes its place")
    assert before[0] not in [one.pid for one in api.serving.workers]


def test_a_server_that_is_told_to_stop_says_so_first_and_fails_no_request(
    api: Api, s3: S3, tmp_path: Path
) -> None:
    asked = json.dumps({"rows": api.models[PIPELINE].rows(1)})
    with running_serving(s3.settings, tmp_path / "serving.log", options=("--drain", "2")) as served:
        other = Api(served, s3.settings, api.models)
        poll(lambda: all_serve(other, PIPELINE), 60, PIPELINE, 0.2)
        askers = [Asker(served.port, asked) for _ in range(8)]
        watcher = Asker(served.port, None)
        for asker in (*askers, watcher):
            asker.start()
        poll(lambda: all(len(asker.statuses) > 20 for asker in askers), 30, "the load")
        os.kill(served.pid, signal.SIGTERM)
        told = time.monotonic()
        for asker in (*askers, watcher):
            asker.join(30)
            assert not asker.is_alive()
        print(
            f"{sum(len(asker.statuses) for asker in askers)} answers, the last connections end "
            f"{time.monotonic() - told:.1f} s after the signal"
        )
    assert [asker.failures for asker in (*askers, watcher)] == [[]] * 9
    assert {status for asker in askers for _, status in asker.statuses} == {200}
    # ready, then not, and not ready again; and between those two predictions were made
    statuses = [status for _, status in watcher.statuses]
    first = statuses.index(503)
    assert set(statuses[:first]) == {200}
    assert set(statuses[first:]) == {503}
    not_ready = watcher.statuses[first][0]
    assert sum(at > not_ready + 0.5 for asker in askers for at, _ in asker.statuses) > 20


@pytest.mark.soak
def test_a_store_that_comes_and_goes_shows_in_its_age_and_in_nothing_else(tmp_path: Path) -> None:
    with running_s3(tmp_path / "s3") as s3:
        made = champion(S3Bucket(s3.settings), s3.settings.keyring, PIPELINE)
        askers = []
        with running_serving(s3.settings, tmp_path / "serving.log") as served:
            other = Api(served, s3.settings, {PIPELINE: made})
            poll(lambda: all_serve(other, PIPELINE), 60, PIPELINE, 0.2)
            body = json.dumps({"rows": made.rows(1)})
            askers = [Asker(served.port, text) for text in (body, body, None)]
            for asker in askers:
                asker.start()
            (store,) = [
                process
                for process in psutil.Process().children()
                if str(tmp_path / "s3") in " ".join(process.cmdline())
            ]
            ages = []
            for _ in range(3):
                store.suspend()
                try:
                    poll(lambda: silence(other) > 5, 30, "that it is silent")
                finally:
                    store.resume()
                ages.append(silence(other))
                poll(lambda: silence(other) < 2, 30, "that it answers")
        for asker in askers:
            asker.join(30)
    assert [asker.failures for asker in askers] == [[]] * 3
    assert all({status for _, status in asker.statuses} == {200} for asker in askers[:2])
    # but for the end, where the server is told to stop
    assert {status for _, status in askers[2].statuses[:-150]} == {200}
    print(f"silent for {ages} s; {sum(len(asker.statuses) for asker in askers)} answers")


def silence(api: Api) -> float:
    """Return the seconds since the store answered a worker."""
    text = requests.get(f"http://127.0.0.1:{api.serving.metrics_port}/metrics", timeout=10).text
    (told,) = re.findall(r"^perennial_store_answered_seconds (\S+)$", text, re.MULTILINE)
    return time.time() - float(told)


class Asker(threading.Thread):
    """Asks on one connection after the other until no more are taken; a body, or readiness.

    `statuses` are those of the answers, with their times; `failures` what was sent in vain.
    """

    def __init__(self, port: int, body: str | None) -> None:
        super().__init__()
        self.statuses: list[tuple[float, int]] = []
        self.failures: list[str] = []
        self._port, self._body = port, body

    def run(self) -> None:
        way = ("GET", "/readyz") if self._body is None else ("POST", f"/v1/{PIPELINE}/predict")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while True:
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                return
            try:
                connection.request(*way, body=self._body)
                answer = connection.getresponse()
                answer.read()
                self.statuses.append((time.monotonic(), answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            time.sleep(0.02)  # the load's own pace


@pytest.mark.soak
def test_a_worker_that_is_killed_fails_what_it_held_only_and_is_replaced(api: Api) -> None:
    poll(lambda: api.serving.is_whole, 150, "two workers")
    before = [one.pid for one in api.serving.workers]
    killed: list[float] = []

    def kill() -> None:
        time.sleep(INTO_THE_LOAD)
        killed.append(time.time())
        os.kill(before[0], signal.SIGKILL)

    found = asking(api, 8, kill)
    assert killed
    assert set(found.statuses) == {200}
    failed = [float(one.split()[0]) for one in found.failures]
    assert len(failed) <= 8
    assert all(abs(at - killed[0]) < 1 for at in failed)
    poll(lambda: api.serving.is_whole, 150, "the worker that takes its place")


TRIED = "serve-tried"


def tried(api: Api, share: float, **how: Any) -> Trial:
    """Put a model in service and another on trial beside it, in every worker."""
    made = champion(api.bucket, api.settings.keyring, TRIED)
    api.models[TRIED] = made
    other = fitted(trees=60)
    key = f"tried-{sorted(how)}"
    manifest = put_version(api.bucket, api.settings.keyring, other, TRIED, key, **how)
    poll(lambda: all_serve(api, TRIED), 30, TRIED, 0.2)
    trial = put_on_trial(api.bucket, api.settings.keyring, manifest, share)
    poll(lambda: known_steadily(api), 60, "the challenger in every worker", 0.2)
    return trial


def known_steadily(api: Api) -> bool:
    """Return whether nobody lacks the challenger for longer than two looks at the pointers.

    Which worker answers is the kernel's choice: a burst may well meet one of them alone.
    """
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        if known(api) is None:
            return False
        time.sleep(0.05)  # nothing is waited for: the answer has to stay for so long
    return True


def known(api: Api) -> dict[str, Any] | None:
    """Return what the API says of the challenger."""
    said = api.ask("GET", f"/v1/{TRIED}").json()
    found: dict[str, Any] | None = said.get("challenger")
    return found if found and "version" in found else None


def test_a_canary_answers_the_same_keys_in_every_worker_and_no_request_fails(api: Api) -> None:
    trial = tried(api, 0.3)
    rows = api.models[TRIED].rows(40)
    wanted = [2 if trial.takes(f'{{"id":{row["id"]}}}') else 1 for row in rows]
    assert set(wanted) == {1, 2}
    for _ in range(3):
        said = [api.predict(TRIED, [row]).json()["model"]["version"] for row in rows]
        assert said == wanted
    body = json.dumps({"rows": rows}).encode()
    larger = dataclasses.replace(trial, share=0.9, attempt="larger")
    ended = dataclasses.replace(larger, ended="enough")

    def change() -> None:
        for one in (larger, ended, trial):
            time.sleep(1.5)  # the load's own pace: requests meet each of the three
            place = Place(api.bucket, TRIED, api.settings.keyring)
            data = sign_pointer(place, "trial", plain(one))
            api.bucket.put(place.layout.challenger, data)

    asked = post(f"/v1/{TRIED}/predict", body)
    found = asking(api, 6, change, asked=asked)
    assert set(found.statuses) == {200}
    assert found.failures == []
    poll(lambda: known(api) is not None, 10, "the trial goes on")


def test_a_canary_that_fails_is_withdrawn_and_no_request_fails(api: Api) -> None:
    trial = tried(api, 0.5, needs="n1")
    rows = api.models[TRIED].rows(100)
    assert any(row["n1"] is None for row in rows)
    asked = post(f"/v1/{TRIED}/predict", json.dumps({"rows": rows}).encode())
    found = asking(api, 4, lambda: None, asked=asked)
    assert set(found.statuses) == {200}
    assert found.failures == []
    poll(lambda: not any(known(api) for _ in range(12)), 20, "no worker tries it any more")
    (entry,) = [
        one
        for one in ledger_of(open_bucket(api.settings), TRIED).entries("withdrawal")
        if one.id.endswith(trial.attempt)
    ]
    assert (entry.version, entry.by) == (trial.version, "serving")
    assert "n1" in entry.summary
    assert "answers failed in one process" in entry.summary


def flip(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 4]) + data[-8:]


class Canary:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_what_is_not_as_it_was_signed_is_refused_and_the_old_one_serves(
    api: Api, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    layout, before = Layout(PIPELINE), api.version(PIPELINE)
    good = publish(api, "another")

    def model(data: bytes) -> Any:
        return lambda one: api.bucket.put(layout.model_file(one.version, "model.onnx"), data)

    def manifest(change: Any) -> Any:
        def apply(one: Manifest) -> None:
            where = layout.manifest(one.version)
            api.bucket.put(where, change(api.bucket.get(where)))

        return apply

    loader = b"flavors:\n  python_function:\n    loader_module: os\n"
    wrongs = {
        "a bit flipped": model(flip(fitted(trees=50).files["model.onnx"])),
        "a file cut short": model(fitted(trees=50).files["model.onnx"][:-100]),
        "a pickle": model(pickle.dumps(Canary(canary))),
        "an MLmodel": model(loader),
        "no signature": manifest(unsigned),
        "a manifest swapped": manifest(lambda _: api.bucket.get(layout.manifest(good.version))),
        "a manifest that is a pickle": manifest(lambda _: pickle.dumps(Canary(canary))),
    }
    for number, (wrong, damage) in enumerate(wrongs.items()):
        bad = publish(api, f"wrong-{number}")
        damage(bad)
        put_in_service(api.bucket, api.settings.keyring, bad)
        poll(lambda bad=bad: refused(api, bad.version), 20, wrong)
        assert api.version(PIPELINE) == before, wrong
        assert api.ask("GET", "/readyz").ok
        assert api.predict(PIPELINE, api.models[PIPELINE].rows(1)).ok
        poll(lambda bad=bad: in_ledger(api, bad.version), 20, f"the ledger's line of {wrong}")
    assert not canary.exists()
    put_in_service(api.bucket, api.settings.keyring, good)
    poll(lambda: api.version(PIPELINE) == good.version, 20, "a good version after the bad ones")


def unsigned(data: bytes) -> bytes:
    content = json.loads(data)
    del content["signature"]
    return json.dumps(content).encode()


def refused(api: Api, version: int) -> bool:
    why = api.ask("GET", f"/v1/{PIPELINE}").json()["refused"]
    return why is not None and f"{PIPELINE}/models/{version}/" in why


def in_ledger(api: Api, version: int) -> bool:
    entries = ledger_of(open_bucket(api.settings), PIPELINE).entries("refused")
    found = [one for one in entries if one.version == version]
    assert len(found) <= 1
    return bool(found)


def test_a_model_that_answers_nan_is_refused(api: Api) -> None:
    before = api.version("serve-number")
    made = fitted(task="regression")
    spoiled = not_a_number(made.files["model.onnx"])
    bad = dataclasses.replace(made, files={**made.files, "model.onnx": spoiled})
    manifest = put_version(api.bucket, api.settings.keyring, bad, "serve-number", "nan")
    put_in_service(api.bucket, api.settings.keyring, manifest)

    def told() -> bool:
        why = api.ask("GET", "/v1/serve-number").json()["refused"]
        return bool(why) and "finite" in why

    poll(told, 20, "the refusal")
    assert api.version("serve-number") == before


def not_a_number(data: bytes) -> bytes:
    """Return the model with an output of NaN."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(data)
    (output,) = model.graph.output
    model.graph.initializer.append(numpy_helper.from_array(np.array([[np.nan]]), "nothing"))
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == output.name:
                node.output[place] = "before_nan"
    model.graph.node.append(helper.make_node("Add", ["before_nan", "nothing"], [output.name]))
    return bytes(model.SerializeToString())


@pytest.mark.soak
def test_half_open_connections_do_not_slow_honest_users(api: Api) -> None:
    import socket

    alone = run_load(api.serving.port, request(api), connections=4, seconds=3, pause=0.004)
    held = [socket.create_connection(("127.0.0.1", api.serving.port)) for _ in range(30)]
    for one in held:
        one.sendall(b"POST /v1/serve-binary/predict HTTP/1.1\r\nhost: localhost\r\ncontent-le")
    crowded = run_load(api.serving.port, request(api), connections=4, seconds=3, pause=0.004)
    print(f"p95 alone {alone.quantile(0.95):.4f} s, crowded {crowded.quantile(0.95):.4f} s")
    assert set(crowded.statuses) == {200}
    for one in held:
        one.settimeout(30)
        said = one.recv(100)
        assert said == b"" or b"408" in said
        one.close()


def test_what_was_answered_lies_in_the_predictions_table(api: Api) -> None:
    from tasks.predictions.table import predictions_table

    rows = api.models["serve-classes"].rows(7)
    answers = api.predict("serve-classes", rows).json()["predictions"]
    wanted = {one["id"]: one for one in answers}

    def kept() -> dict[str, Any]:
        table = predictions_table(open_bucket(api.settings), "serve-classes").rows()
        found = [] if table is None else table.to_pylist()
        return {one["id"]: one for one in found if one["id"] in wanted}

    poll(lambda: len(kept()) == len(wanted), 40, "the answers in the table", 1)
    for one in kept().values():
        said = wanted[one["id"]]
        assert json.loads(one["value"]) == said["value"]
        assert one["probabilities"] == list(said["probability"].values())
        assert json.loads(one["features"]) in rows
        assert (one["model_version"], one["role"]) == (1, "champion")
