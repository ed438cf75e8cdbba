"""The OpenAPI document is kept to, keys open what they should, and no body brings an error 500."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from deployments.cli.main import commands
from deployments.serving.routes import ROUTES
from tasks.serving.keys import RATE
from tests.deployments.serving.conftest import PIPELINES, Api, all_serve
from tests.servers import S3, poll, running_serving

pytestmark = pytest.mark.system
THREADS = 4


@pytest.fixture(scope="module")
def closed(
    api: Api, s3: S3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, dict[str, str]]]:
    """Yield an API that asks for keys, and keys by the name of their owner."""
    folder: Path = tmp_path_factory.mktemp("closed")
    file = folder / "keys.json"
    keys = {
        "everything": make_key(file, "everything", "--rate", "0"),
        "numbers": make_key(file, "numbers", "--pipeline", "serve-number"),
        "slow": make_key(file, "slow", "--rate", "2"),
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(key in file.read_text() for key in keys.values())
    named = {"PERENNIAL_API_KEYS": str(file), "PERENNIAL_ACCESS_LOG": "1"}
    beyond = ("--host", "0.0.0.0", "--allow-host", "predictions.example")
    with running_serving(s3.settings, folder / "serving.log", 1, named, beyond) as serving:
        made = Api(serving, s3.settings, api.models)
        for name in PIPELINES:
            poll(lambda name=name: all_serve(made, name), 30, name, 0.2)
        yield made, keys


def make_key(file: Path, name: str, *options: str) -> str:
    from click.testing import CliRunner

    asked = ["keys", "add", name, *options, "--json"]
    done = CliRunner().invoke(commands, asked, env={"PERENNIAL_API_KEYS": str(file)})
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)["key"])


def test_every_route_lets_in_whom_it_should(closed: tuple[Api, dict[str, str]]) -> None:
    api, keys = closed
    for route in ROUTES:
        path = route.template.format(pipeline="serve-binary", version="1")
        others = route.template.format(pipeline="serve-number", version="1")
        shared = "{pipeline}" not in route.template

        def status(where: str, key: str | None = None, *, method: str = route.method) -> int:
            sent = {} if key is None else {"Authorization": f"Bearer {key}"}
            return api.ask(method, where, headers=sent, data=b"{}").status_code

        if route.access == "open":
            assert status(path) == 200, route
            continue
        assert status(path) == 401, route
        assert status(path, "pn_made_up") == 401, route
        assert status(path, keys["numbers"]) == (200 if shared else 403), route
        assert status(others, keys["numbers"]) in (200, 400), route
        assert status(path, keys["everything"]) in (200, 400), route


def test_beyond_loopback_the_figures_stay_at_home(closed: tuple[Api, dict[str, str]]) -> None:
    serving = closed[0].serving
    listening = {
        found.laddr.port: found.laddr.ip
        for found in psutil.Process(serving.pid).net_connections("tcp")
        if found.status == psutil.CONN_LISTEN
    }
    assert listening == {serving.port: "0.0.0.0", serving.metrics_port: "127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("predictions.example", 200), ("10.1.2.3", 200), ("evil.example", 421)],
)
def test_requests_come_under_known_names_only(
    closed: tuple[Api, dict[str, str]], host: str, status: int
) -> None:
    api, keys = closed
    sent = {"Host": host, "Authorization": f"Bearer {keys['everything']}"}
    row = api.models["serve-binary"].rows(1)
    predicted = api.ask("POST", "/v1/serve-binary/predict", headers=sent, json={"rows": row})
    assert predicted.status_code == status, predicted.text
    url = f"http://127.0.0.1:{api.serving.metrics_port}/metrics"
    assert requests.get(url, headers={"Host": host}, timeout=10).status_code == status


def test_a_key_has_its_rate(closed: tuple[Api, dict[str, str]]) -> None:
    api, keys = closed
    kept = json.loads((api.serving.log.parent / "keys.json").read_text())["keys"]
    assert {key["name"]: key["rate"] for key in kept if key["name"] in keys} == {
        "everything": 0,
        "numbers": RATE,
        "slow": 2,
    }
    answers = [api.ask("GET", "/v1", headers={"X-API-Key": keys["slow"]}) for _ in range(10)]
    assert Counter(one.status_code for one in answers)[429] >= 6
    refused = next(one for one in answers if one.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1


# Schemathesis's own, and 413: more rows than may come may be more bytes than may come, too
REJECTIONS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]


@pytest.mark.parametrize("examples", [1, pytest.param(25, marks=pytest.mark.soak)])
def test_the_document_is_kept_to(closed: tuple[Api, dict[str, str]], examples: int) -> None:
    api, keys = closed
    settings = api.serving.log.with_name("schemathesis.toml")
    settings.write_text(f"[checks.negative_data_rejection]\nexpected-statuses = {REJECTIONS}\n")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(settings)),
            *("run", f"{api.url}/openapi.json", "--max-examples", str(examples), "--seed", "7"),
            *("-H", f"Authorization: Bearer {keys['everything']}", "--no-color"),
            # the first explanation of a worker loads its libraries
            *("--request-timeout", "90"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=api.serving.log.parent,
        check=False,
    )
    assert done.returncode == 0, told(done.stdout)
    assert "Tested: " in done.stdout


def told(report: str) -> str:
    """Return what failed, without the bodies."""
    return "\n".join(line[:300] for line in report.splitlines() if "curl" not in line)


def test_a_removed_key_opens_nothing(closed: tuple[Api, dict[str, str]]) -> None:
    from click.testing import CliRunner

    api, _ = closed
    file = api.serving.log.parent / "keys.json"
    key = make_key(file, "short-lived")
    poll(lambda: opens(api, key), 10, "the new key")
    named = {"PERENNIAL_API_KEYS": str(file)}
    removed = CliRunner().invoke(commands, ["keys", "remove", "short-lived"], env=named)
    assert removed.exit_code == 0
    poll(lambda: not opens(api, key), 10, "the end of the key")


def opens(api: Api, key: str) -> bool:
    return api.ask("GET", "/v1", headers={"X-API-Key": key}).ok


@pytest.mark.parametrize("bodies", [800, pytest.param(20_000, marks=pytest.mark.soak)])
def test_no_hostile_body_brings_an_error_500_or_takes_memory(api: Api, bodies: int) -> None:
    good = json.dumps({"rows": api.models["serve-binary"].rows(2)}).encode()
    drawn = random.Random(11)
    before = resident(api)
    statuses: list[Counter[int]] = [Counter() for _ in range(THREADS)]

    def send(number: int) -> None:
        own = random.Random(drawn.random() + number)
        with requests.Session() as session:
            for _ in range(bodies // THREADS):
                answer = session.post(f"{api.url}{own.choice(PATHS)}", data=hostile(own, good))
                statuses[number][answer.status_code] += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(THREADS)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    found = sum(statuses, Counter())
    assert found.total() == bodies
    assert set(found) <= {200, 400, 413, 422}, found
    assert min(found[400], found[422]) > bodies / 200, found
    grown = resident(api) - before
    print(f"{dict(found)}, {grown / 2**20:.0f} MiB more")
    assert grown < 64 * 2**20


PATHS = (
    "/v1/serve-binary/predict",
    "/serve-classes/invocations",
    "/v2/models/serve-number/infer",
)
NASTY = (
    b"null",
    b"[]",
    b'""',
    b"1e999",
    b"-0",
    b"NaN",
    b"9" * 400,
    b'"\\u0000"',
    b'"\\ud800"',
    b"true",
    b"[[[[[]]]]]",
    b'{"a":{"a":{}}}',
    b'"' + "é🎈".encode() + b'"',
    b'{"rows":[{}]}',
    b"\xff\xfe",
    b'{"__proto__":1}',
)


def hostile(own: random.Random, good: bytes) -> bytes:
    """Return a body that was cut, spliced, repeated, or had bytes replaced."""
    body = bytearray(good)
    for _ in range(own.randint(1, 4)):
        place = own.randrange(len(body) or 1)
        kind = own.randrange(5)
        if kind == 0:
            body[place : place + own.randrange(9)] = own.randbytes(own.randrange(9))
        elif kind == 1:
            body = body[:place]
        elif kind == 2:
            body[place:place] = own.choice(NASTY)
        elif kind == 3:
            value = body.find(b": ", place)
            end = body.find(b",", value)
            if 0 < value < end:
                body[value + 2 : end] = own.choice(NASTY)
        else:
            body = body[:place] * own.randrange(1, 3) + body[place:]
    return bytes(body)


def resident(api: Api) -> int:
    return sum(psutil.Process(one.pid).memory_info().rss for one in api.serving.workers)


def test_a_request_is_logged_by_its_id_and_without_its_values(
    closed: tuple[Api, dict[str, str]],
) -> None:
    api, keys = closed
    (row,) = api.models["serve-binary"].rows(1)
    sent = {"Authorization": f"Bearer {keys['everything']}", "x-request-id": "mine-42"}
    row["carrier"] = "a-telling-value"
    answer = api.ask("POST", "/v1/serve-binary/predict", headers=sent, json={"rows": [row]})
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "mine-42")

    def lines() -> list[dict[str, Any]]:
        said = [json.loads(line) for line in api.serving.log.read_text().splitlines()]
        return [one for one in said if one.get("request") == "mine-42"]

    poll(lambda: len(lines()) == 1, 30, "the line")
    (line,) = lines()
    assert (line["status"], line["path"]) == (200, "/v1/serve-binary/predict")
    assert line["key"] == "everything"
    assert line["milliseconds"] > 0
    everything = api.serving.log.read_text()
    assert "a-telling-value" not in everything
    assert not any(key in everything for key in keys.values())
