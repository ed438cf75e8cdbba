"""The run's servers start once, when they are asked for, and never outlive their owner."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from tasks.store.s3 import S3Bucket
from tests.scheduling import LONG, longest_first
from tests.servers import REPOSITORY, poll, with_bucket
from tests.shared import Asker, Keeper

OWNER = """
import time
import psutil
from tests.shared import Keeper
keeper = Keeper()
keeper.server("s3")
print(*(child.pid for child in psutil.Process().children()), flush=True)
time.sleep(60)
"""


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.end()


def test_nothing_starts_before_it_is_asked_for(keeper: Keeper) -> None:
    keeper.answer_workers()
    assert [path.name for path in keeper.folder.iterdir()] == ["ask"]


@pytest.mark.system
def test_workers_that_ask_at_once_share_a_server_and_no_bucket(keeper: Keeper) -> None:
    keeper.answer_workers()
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: Asker(keeper.folder).server("s3"), range(4)))
    assert len({server.settings.s3_endpoint for server in servers}) == 1
    one, other = (S3Bucket(with_bucket(servers[0], f"gw{n}").settings) for n in range(2))
    one.put("a", b"1")
    assert [info.key for info in one.list("")] == ["a"]
    assert list(other.list("")) == []


@pytest.mark.system
def test_an_owner_that_is_killed_takes_its_server_along() -> None:
    command = (sys.executable, "-c", OWNER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert pids
        owner.send_signal(signal.SIGKILL)
    poll(lambda: not any(map(alive, pids)), 10, "the end of the server")


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def item(nodeid: str, **fixtures: tuple[str, str]) -> pytest.Item:
    """Return a stand-in for a test; each fixture has a scope and the folder it stems from."""
    found = {
        name: [SimpleNamespace(argname=name, scope=scope, baseid=base)]
        for name, (scope, base) in fixtures.items()
    }
    info = SimpleNamespace(name2fixturedefs=found)
    return cast(Any, SimpleNamespace(nodeid=nodeid, fixturenames=list(found), _fixtureinfo=info))


def test_what_shares_a_costly_fixture_stays_together_and_the_longest_goes_first() -> None:
    items = [
        item("tests/a.py::short"),
        item("tests/a.py::quick", s3=("session", "tests")),
        item("tests/a.py::slow[1]", s3=("session", "tests")),
        item("tests/a.py::slow[2]", s3=("session", "tests")),
        item("tests/b.py::one", past=("module", "tests/b.py")),
        item("tests/b.py::two", past=("module", "tests/b.py")),
        item("tests/x/c.py::one", api=("session", "tests/x")),
        item("tests/x/d.py::one", api=("session", "tests/x")),
    ]
    seconds = {"tests/a.py::slow": LONG, "tests/b.py::two": 2 * LONG, "tests/x/d.py::one": 1.0}
    assert list(longest_first(items, seconds).items()) == [
        ("tests/b.py::one", "tests/b.py"),
        ("tests/b.py::two", "tests/b.py"),
        ("tests/a.py::slow[1]", "tests/a.py::slow"),
        ("tests/a.py::slow[2]", "tests/a.py::slow"),
        ("tests/x/c.py::one", "api"),
        ("tests/x/d.py::one", "api"),
        ("tests/a.py::short", "tests/a.py"),
        ("tests/a.py::quick", "tests/a.py"),
    ]


def test_units_that_take_as_long_have_one_order_whatever_the_tests_order() -> None:
    items = [
        item(f"tests/{module}.py::{name}", past=("module", f"tests/{module}.py"))
        for module in "ba"
        for name in ("one", "two", "three")
    ]
    seconds = {
        f"tests/{module}.py::{name}": took
        for module in "ab"
        for name, took in (("one", 0.1), ("two", 0.2), ("three", 0.3))
    }
    orders = [
        list(dict.fromkeys(longest_first(permuted, seconds).values()))
        for permuted in permutations(items)
    ]
    assert all(order == ["tests/a.py", "tests/b.py"] for order in orders)
