"""The stack starts, heals and stops, and loses nothing on the way."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import uuid
from base64 import b64encode

import psutil
import pytest

from deployments.cli.rotation import replace_and_restart
from deployments.local import secrets
from deployments.local import stack as local
from deployments.local.access import TOLD as LOGINS
from deployments.local.folder import Folder, recall
from deployments.local.ports import Ports
from deployments.local.processes import find_marked, is_free
from deployments.worker.kind import RUN_NAME, WARM, worker_type
from tasks.errors import StackError
from tasks.store.s3 import S3Bucket
from tests.servers import poll
from tests.system.conftest import Stack
from tests.system.prefect import call, shown

pytestmark = pytest.mark.system
PROGRAMS = ("supervisor", "s3", "mlflow", "prefect", "receiver", "worker", "serving", "guard")
REST = tuple(name for name in PROGRAMS if name != "s3")


def token(stack: Stack) -> dict[str, str]:
    """Return the headers without which Prefect takes no change."""
    client, line = str(uuid.uuid4()), shown(stack, "prefect")
    found = call(f"{stack.settings.prefect_url}/csrf-token?client={client}", headers=line)
    return {"Prefect-Csrf-Token": found["token"], "Prefect-Csrf-Client": client, **line}


def leave_traces(stack: Stack) -> str:
    """Write an object, an MLflow experiment and a Prefect variable of one name."""
    name = f"trace_{uuid.uuid4().hex[:8]}"
    S3Bucket(stack.settings).put(f"traces/{name}", name.encode())
    create = f"{stack.settings.mlflow_uri}/api/2.0/mlflow/experiments/create"
    call(create, {"name": name}, shown(stack, "mlflow"))
    variable = {"name": name, "value": name}
    call(f"{stack.settings.prefect_url}/variables/", variable, token(stack))
    return name


def assert_traces(stack: Stack, name: str) -> None:
    """Assert that the three are still there."""
    mlflow = f"{stack.settings.mlflow_uri}/api/2.0/mlflow/experiments/get-by-name"
    assert S3Bucket(stack.settings).get(f"traces/{name}") == name.encode()
    tracked = call(f"{mlflow}?experiment_name={name}", headers=shown(stack, "mlflow"))
    assert tracked["experiment"]["name"] == name
    url = f"{stack.settings.prefect_url}/variables/name/{name}"
    found = call(url, headers=shown(stack, "prefect"))
    assert found["value"] == name


def pids(stack: Stack) -> dict[str, int | None]:
    return {each.name: each.pid for each in local.status(stack.home).programs}


def test_every_program_is_up(stack: Stack) -> None:
    status = local.status(stack.home)
    assert tuple(each.name for each in status.programs) == PROGRAMS
    assert status.green, status
    assert json.loads(json.dumps(status.to_dict()))["green"] is True


def test_up_again_changes_nothing(stack: Stack) -> None:
    before = pids(stack)
    said = list[str]()
    assert local.up(stack.home, None, said.append).green
    assert pids(stack) == before
    assert local.access(stack.home).told not in said  # once is enough


def test_ports_stay_while_it_runs(stack: Stack) -> None:
    with pytest.raises(StackError, match="perennial down"):
        local.up(stack.home, stack.offset + 1, lambda _line: None)


def test_only_this_user_can_read_what_it_wrote(stack: Stack) -> None:
    assert (stack.home / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert stack.home.stat().st_mode & 0o077 == 0
    secret = stack.settings.secret_key
    command_lines = [" ".join(each.cmdline()) for each in find_marked(Folder.at(stack.home))]
    assert command_lines
    assert not any(secret in line for line in command_lines)
    assert secret not in (stack.home / "run" / "supervisord.conf").read_text()


def test_every_port_listens_on_loopback_only(stack: Stack) -> None:
    found = [
        connection.laddr.ip
        for process in find_marked(Folder.at(stack.home))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(found) == {"127.0.0.1"}


def test_the_doctor_finds_nothing_wrong(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = {each.name: each for each in local.doctor(stack.home)}
    assert {"python", "versions", "disk", "ports", "processes"} < checks.keys()
    assert {"clock", "store", "mlflow", "prefect"} < checks.keys()
    machine = {"disk", "versions"}
    assert [each for each in checks.values() if not each.passed and each.name not in machine] == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    away = {each.name: each for each in local.doctor(stack.home)}
    assert not away["store"].passed
    assert away["store"].remedy
    assert away["mlflow"].passed


@pytest.mark.parametrize("server", ["prefect", "mlflow"])
def test_a_page_of_another_site_cannot_ask_a_server(stack: Stack, server: str) -> None:
    foreign = {"Origin": "http://evil.example", **shown(stack, server)}
    for path in ("/health", "/api/health", "/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(f"{local.status(stack.home).addresses[server]}{path}", headers=foreign)
        with refused.value as answer:
            assert answer.code == 403
            assert answer.headers.get("Access-Control-Allow-Origin") is None


def test_what_a_person_is_told_lets_her_in(stack: Stack) -> None:
    access = local.access(stack.home)
    # the keys were there before the first start: it tells the logins all the same
    assert access.told in stack.said
    line = b64encode(access.line.encode()).decode()
    assert shown(stack, "prefect") == {"Authorization": f"Basic {line}"}
    for text in (access.line, access.owner, access.viewer):
        assert text in access.told
        assert text not in repr(access)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call(f"{access.mlflow}/version")
    assert call(f"{access.prefect}/api/admin/version", headers=shown(stack, "prefect"))


def test_the_worker_serves_its_pool(stack: Stack) -> None:
    url = f"{stack.settings.prefect_url}/work_pools/perennial"
    assert call(url, headers=shown(stack, "prefect"))["type"] == worker_type("")
    workers = call(f"{url}/workers/filter", {}, token(stack))
    assert [each["name"] for each in workers if each["status"] == "ONLINE"] == ["local"]


def forkservers(stack: Stack) -> set[int]:
    """Return the process beside the worker that holds the imports."""
    known = (
        each for each in find_marked(Folder.at(stack.home), "worker") if each.name() != RUN_NAME
    )
    return {each.pid for each in known if "multiprocessing.forkserver" in " ".join(each.cmdline())}


def warmed(stack: Stack) -> set[int]:
    """Wait for that process, and return it."""
    poll(lambda: len(forkservers(stack)) == 1, 300, "the forkserver", every=0.5)
    return forkservers(stack)


@pytest.mark.skipif(worker_type("") != WARM, reason="this system has no warm worker")
def test_the_worker_is_warm(stack: Stack) -> None:
    assert len(warmed(stack)) == 1


@pytest.mark.parametrize("name", ["s3", *(pytest.param(n, marks=pytest.mark.soak) for n in REST)])
def test_a_killed_process_comes_back_and_nothing_is_lost(stack: Stack, name: str) -> None:
    trace = leave_traces(stack)
    before = pids(stack)
    victim = before[name]
    assert victim is not None
    warm = warmed(stack) if name == "worker" and worker_type("") == WARM else set()
    os.kill(victim, signal.SIGKILL)
    poll(lambda: pids(stack)[name] not in (victim, None), 90, f"a new {name}", every=0.2)
    poll(lambda: local.status(stack.home).green, 90, "everything green", every=0.5)
    # the process that holds the imports goes with its worker, and comes with the next one
    if warm:
        poll(lambda: len(forkservers(stack) - warm) > 0, 90, "a new forkserver", every=0.5)
    assert not forkservers(stack) & warm
    assert_traces(stack, trace)
    others = [each for each in PROGRAMS if each not in (name, "guard", "supervisor")]
    assert {each: pids(stack)[each] for each in others} == {each: before[each] for each in others}


@pytest.mark.soak
def test_down_leaves_nothing_and_up_finds_everything(stack: Stack) -> None:
    trace = leave_traces(stack)
    before = pids(stack)
    for name in ("guard", "supervisor"):
        victim = before[name]
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
    local.down(stack.home, lambda _line: None)
    assert list(find_marked(Folder.at(stack.home))) == []
    ports = Ports.shifted(stack.offset).by_name()
    assert [name for name, port in ports.items() if not is_free(port)] == []
    status = local.status(stack.home)
    assert {each.state for each in status.programs} == {"down"}
    checks = {each.name: each for each in local.doctor(stack.home)}
    assert checks["processes"].detail == "the stack is down"
    assert "perennial up" in checks["store"].remedy
    # as a release left it that did not know one of the passwords
    path, said = Folder.at(stack.home).secrets, list[str]()
    kept = secrets.read(path) or {}
    known = {name: text for name, text in kept.items() if name != "PERENNIAL_MLFLOW_VIEWER"}
    path.write_text(secrets.render(known))
    assert local.status(stack.home).offset == stack.offset
    assert local.up(stack.home, None, said.append).green
    assert local.access(stack.home).told in said
    assert local.access(stack.home).viewer not in ("", kept["PERENNIAL_MLFLOW_VIEWER"])
    assert_traces(stack, trace)
    assert_other_logins(stack)
    # those of the other tests
    local.down(stack.home, said.append)
    secrets.replace(path, kept)
    assert local.up(stack.home, None, said.append).green


def assert_other_logins(stack: Stack) -> None:
    """Renew the logins while it runs: what is told then lets in, what was told before does not."""
    before = shown(stack, "prefect")
    old, folder = local.access(stack.home), Folder.at(stack.home)
    assert replace_and_restart(folder, LOGINS) == {"restarted": True, "ended": ()}
    new = local.access(stack.home)
    assert len({old.line, old.owner, old.viewer, new.line, new.owner, new.viewer}) == 6
    assert recall(folder).told == new.digest
    version = f"{new.prefect}/api/admin/version"
    search = f"{new.mlflow}/api/2.0/mlflow/experiments/search"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        call(version, headers=before)
    for user, old_word, word in (
        ("owner", old.owner, new.owner),
        ("viewer", old.viewer, new.viewer),
    ):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            call(search, {"max_results": 1}, as_basic(f"{user}:{old_word}"))
        call(search, {"max_results": 1}, as_basic(f"{user}:{word}"))
    assert call(version, headers=as_basic(new.line))
    pool = f"{new.prefect}/api/work_pools/perennial"

    def is_online() -> bool:
        # the worker shows the new ones, which it has since its restart
        return bool(call(pool, headers=as_basic(new.line))["status"] == "READY")

    poll(is_online, 60, "the worker is online")


def as_basic(words: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(words.encode()).decode()}"}
