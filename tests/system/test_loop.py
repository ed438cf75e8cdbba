"""The loop closes by itself: a file is all it takes, and no lost event or dead server stops it."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from deployments.apply.act import apply
from deployments.local import secrets
from deployments.local import stack as local
from deployments.local.folder import Folder
from deployments.local.ports import Ports
from deployments.prefect_api import open_client
from tasks.data.curated import curated
from tasks.errors import OrchestrationError
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.monitoring.arrivals import find_unanswered
from tasks.store.connect import open_bucket
from tasks.store.s3 import S3Bucket
from tests.canaries import search_bucket, search_folder
from tests.flows.conftest import toy_rows
from tests.servers import poll
from tests.system.conftest import Stack
from tests.system.prefect import call, enable, pause

pytestmark = pytest.mark.system
ROWS = 300
FACTS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "decision": lambda said: [said["decision"][name] for name in ("retrain", "rule")],
    "verdict": lambda said: [said[name] for name in ("score", "gain", "next", "data_version")],
}


@pytest.fixture(scope="module")
def loop(stack: Stack) -> Stack:
    """A pipeline whose automations are on."""
    apply(stack.settings, stack.settings.pipelines)
    enable(stack, "perennial: ", on=True)
    return stack


def send(stack: Stack, number: int, pipeline: str = "loop") -> str:
    """Put a file into the bucket, as any S3 client would; return its name."""
    rows = toy_rows(ROWS, start=number * ROWS)
    key = f"{pipeline}/incoming/{number}.csv"
    S3Bucket(stack.settings).put(key, rows.to_csv(index=False).encode())
    return key


def entries(stack: Stack, kind: str, pipeline: str = "loop") -> tuple[Entry, ...]:
    return ledger_of(open_bucket(stack.settings), pipeline).entries(kind)


def decisions_on(stack: Stack, key: str) -> list[Entry]:
    return [one for one in entries(stack, "decision") if one.figures["object"] == key]


def answers_to(stack: Stack, decisions: Sequence[Entry]) -> list[Entry]:
    ids = {one.id for one in decisions}
    every = (*entries(stack, "verdict"), *entries(stack, "answer"))
    return [one for one in every if one.figures.get("decision") in ids]


def settled(stack: Stack, key: str) -> bool:
    return bool(answers_to(stack, decisions_on(stack, key)))


def live_by_events(loop: Stack, storm: int = 0) -> tuple[str, str]:
    """Send two files, where no test did before, and wait for what events make of them."""
    first = send(loop, 0)
    poll(lambda: bool(entries(loop, "promotion")), 180, "the first champion", every=1)
    second = send(loop, 1)
    for _ in range(storm):
        notify(loop, second)
    poll(lambda: settled(loop, second), 180, "the retraining", every=1)
    return first, second


def test_a_file_is_all_it_takes_and_a_storm_of_events_makes_one_retraining(loop: Stack) -> None:
    first, second = live_by_events(loop, storm=500)
    (decision,) = decisions_on(loop, second)
    assert decision.figures["decision"]["rule"] == "every"
    assert len(decisions_on(loop, first)) == 1
    assert len(answers_to(loop, [decision])) == 1
    assert {one.version for one in entries(loop, "verdict")} == {1, 2}


@pytest.mark.soak
def test_without_any_event_the_outcome_is_the_same(loop: Stack) -> None:
    live_by_events(loop)
    assert enable(loop, "perennial: ", on=False) >= 4
    # one run of it at a time: those of the schedule would keep ours waiting
    pause(loop, "reconcile/all", paused=True)
    with stopped(loop, "receiver"):
        for number in (0, 1):
            send(loop, number, "quiet")
            until = time.monotonic() + 240
            while len(entries(loop, "verdict", "quiet")) <= number:
                assert time.monotonic() < until, f"file {number}: {told(loop, 'quiet')}"
                reconcile(loop)
    pause(loop, "reconcile/all", paused=False)
    enable(loop, "perennial: ", on=True)
    assert told(loop, "quiet") == told(loop, "loop")
    with open_client(loop.settings) as client:
        asked = {"flow_runs": {"tags": {"all_": ["quiet"]}}}
        found = client.request("POST", "/flow_runs/filter", json=asked).json()
    makers = {(one["created_by"] or {}).get("type") for one in found}
    assert len(found) >= 6
    assert "AUTOMATION" not in makers


@pytest.mark.soak
def test_servers_that_are_killed_on_the_way_lose_nothing(loop: Stack) -> None:
    third = send(loop, 2)
    kill(loop, "prefect")
    poll(
        lambda: bool(decisions_on(loop, third)),
        240,
        "the decision after Prefect was killed",
        every=1,
    )
    kill(loop, "mlflow")
    poll(lambda: settled(loop, third), 240, "the retraining after MLflow was killed", every=1)
    poll(lambda: local.status(loop.home).green, 90, "everything green", every=1)
    (decision,) = decisions_on(loop, third)
    verdicts = [one for one in entries(loop, "verdict") if one.figures["decision"] == decision.id]
    assert len(verdicts) == 1


@pytest.mark.soak
def test_a_storm_on_three_pipelines_leaves_one_decision_and_one_training_of_each(
    loop: Stack,
) -> None:
    names = ("loop", "quiet", "toy")
    assert enable(loop, "perennial: ", on=True) >= 4
    for name in names:
        send(loop, 20, name)
    for name in names:
        poll(lambda name=name: bool(entries(loop, "promotion", name)), 240, f"{name}'s first")
    began, answers = datetime.now(UTC), []
    keys = [send(loop, 21, name) for name in names]
    for number in range(50):
        notify(loop, *(keys[number % 3] for _ in range(100)))
        asked = time.monotonic()
        with open_client(loop.settings) as client:
            client.request("GET", "/health")
        answers.append(time.monotonic() - asked)
    for name, key in zip(names, keys, strict=True):
        poll(
            lambda name=name, key=key: is_done(loop, name, key), 300, f"{name} to be done", every=1
        )
        mine = [one for one in entries(loop, "decision", name) if one.figures["object"] == key]
        assert len(mine) == 1
        rows = curated(open_bucket(loop.settings), name).read(["id"])["id"].to_pylist()
        assert sorted(rows) == sorted(set(rows)), "each row once"
        assert count_runs(loop, name, "train", began) <= 2
    assert max(answers) < 20, "Prefect answers all the time"


def is_done(stack: Stack, name: str, key: str) -> bool:
    told = entries(stack, "decision", name)
    every = ledger_of(open_bucket(stack.settings), name).entries()
    return any(one.figures["object"] == key for one in told) and not find_unanswered(every)


def count_runs(stack: Stack, pipeline: str, flow: str, since: datetime) -> int:
    """Return how many runs of a flow began since then."""
    asked = {
        "deployments": {"name": {"any_": [pipeline]}},
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {"start_time": {"after_": since.isoformat()}},
    }
    with open_client(stack.settings) as client:
        return int(client.request("POST", "/flow_runs/count", json=asked).json())


def test_the_keys_of_the_stack_lie_nowhere_but_in_their_file(loop: Stack) -> None:
    if not entries(loop, "promotion"):
        live_by_events(loop)
    kept = secrets.read(Folder.at(loop.home).secrets)
    assert kept is not None
    # who asks is told in each signed address of a page; what proves it is not
    wanted = [text for name, text in kept.items() if name != "AWS_ACCESS_KEY_ID"]
    assert len(wanted) >= 8
    mark = re.compile("|".join(map(re.escape, wanted)))
    assert search_folder(loop.home, ["logs", "prefect", "run", "s3"], mark), "nothing is found"
    assert search_folder(loop.home, ["secrets.env"], mark) == []
    assert search_bucket(open_bucket(loop.settings), mark) == ([], [])
    with open_client(loop.settings) as client:
        assert not mark.search(client.request("GET", "/admin/settings").text)
    ports = Ports.shifted(loop.offset)
    for address in (
        *(f"http://127.0.0.1:{ports.serving}/{page}" for page in ("openapi.json", "v1")),
        *(f"http://127.0.0.1:{port}/metrics" for port in (ports.serving_metrics, ports.mlflow)),
    ):
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(address, timeout=30) as page:
            assert not mark.search(page.read().decode("latin-1")), address


def told(stack: Stack, pipeline: str) -> list[tuple[Any, ...]]:
    """Return what the ledger says of a pipeline's course, without names and times."""
    every = ledger_of(open_bucket(stack.settings), pipeline).entries()
    return [(one.kind, one.version, FACTS.get(one.kind, len)(one.figures)) for one in every]


def reconcile(stack: Stack) -> None:
    """Let the reconciler look now, rather than at the next minute, and wait for its end."""
    # a busy SQLite may say no: it is asked again
    with suppress(OrchestrationError), open_client(stack.settings) as client:
        deployment = client.read_deployment_by_name("reconcile/all")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"grace": 0.0})

        def ended() -> bool:
            return bool(client.read_flow_run(run.id).state.is_final())

        poll(ended, 90, "the reconciler")


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """Hold a program of the stack; it answers nobody meanwhile."""
    (pid,) = [each.pid for each in local.status(stack.home).programs if each.name == name]
    assert pid is not None
    held = psutil.Process(pid)
    held.suspend()
    try:
        poll(lambda: held.status() == psutil.STATUS_STOPPED, 10, "the program to be held")
        yield
    finally:
        held.resume()


def notify(stack: Stack, *keys: str) -> None:
    """Tell the receiver of objects once more, as S3 would."""
    found = secrets.read(Folder.at(stack.home).secrets)
    assert found is not None
    bucket = {"name": stack.settings.bucket}
    named = [{"bucket": bucket, "object": {"key": key}} for key in keys]
    document = {"Records": [{"eventName": "ObjectCreated:Put", "s3": one} for one in named]}
    port = Ports.shifted(stack.offset).receiver
    sent = {"Authorization": f"Bearer {found['PERENNIAL_RECEIVER_TOKEN']}"}
    call(f"http://127.0.0.1:{port}/events", document, sent)


def kill(stack: Stack, name: str) -> None:
    """End a program of the stack with SIGKILL, and see that it was alive."""
    found = {each.name: each.pid for each in local.status(stack.home).programs}
    victim = found[name]
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
