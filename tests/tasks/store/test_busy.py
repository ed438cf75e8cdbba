"""A store or a tracking server that cannot answer for five seconds ends nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from deployments.cli.main import main
from tasks.data.table import table_in
from tasks.errors import StoreUnavailable, TrackingUnavailable
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.settings import REPOSITORY
from tasks.signatures import Keyring
from tasks.store.s3 import S3Bucket
from tasks.tracking.registry import read_aliases
from tests.busy import BusyServer, busy
from tests.environment import kept_environment
from tests.servers import S3, Tracking, variables

pytestmark = pytest.mark.system
AWAY = 5.0  # seconds

KEY = Keyring("a key")


@pytest.fixture
def proxy(s3: S3) -> Iterator[BusyServer]:
    with busy(int(s3.settings.s3_endpoint.rpartition(":")[2])) as server:
        yield server


def rows() -> pa.Table:
    return pa.table({"n": pa.array(range(5), pa.int64())})


def test_objects_and_tables_wait_for_it(s3: S3, proxy: BusyServer, tmp_path: Path) -> None:
    bucket = S3Bucket(replace(s3.settings, s3_endpoint=proxy.address))
    table = table_in(bucket, "busy/table")
    table.append(rows(), "first", {})
    (tmp_path / "large").write_bytes(bytes(17 * 1024 * 1024))
    acts = {
        "put": lambda: bucket.put("busy/a", b"mine", if_absent=True),
        "get": lambda: bucket.get("busy/a"),
        "list": lambda: list(bucket.list("busy/")),
        "upload": lambda: bucket.upload(tmp_path / "large", "busy/large"),
        "append": lambda: table.append(rows(), "second", {}),
        "read": lambda: table.read(["n"]),
        "scan": lambda: table.scan().collect(),
    }
    for name, act in acts.items():
        proxy.refused.clear()
        began = time.monotonic()
        proxy.be_busy(AWAY)
        act()
        assert time.monotonic() - began >= AWAY, name
        assert proxy.refused, name
    assert len(table.read()) == 10


def test_after_the_bound_it_is_told_in_a_sentence(s3: S3, proxy: BusyServer) -> None:
    settings = replace(s3.settings, s3_endpoint=proxy.address)
    bucket = S3Bucket(settings, patience=2)
    proxy.be_busy(600)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="Run `perennial status`"):
        bucket.get("busy/b")
    # its pauses are drawn: how long they are in all differs, and not that it asks again
    assert len(proxy.refused) > 1
    assert time.monotonic() - began < 10
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="Run `perennial status`"):
        table_in(bucket, "busy/other").version()
    assert AWAY < time.monotonic() - began < 30


@pytest.mark.parametrize("command", ["history", "models", "schema", "report"])
def test_no_command_ends_for_it(
    command: str,
    s3: S3,
    proxy: BusyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = replace(
        s3.settings,
        s3_endpoint=proxy.address,
        home=tmp_path,
        pipelines=REPOSITORY / "tests" / "pipelines",
    )
    for name, text in variables(settings).items():
        monkeypatch.setenv(name, text)
    proxy.be_busy(AWAY)
    with kept_environment(), pytest.raises(SystemExit) as ended:
        main([command, "toy"])
    assert ended.value.code == 0, capsys.readouterr().err
    assert proxy.refused


def test_the_ledger_takes_what_is_told_meanwhile(s3: S3, proxy: BusyServer) -> None:
    bucket = S3Bucket(replace(s3.settings, s3_endpoint=proxy.address))
    ledger, now = ledger_of(bucket, "busy-ledger", KEY), datetime.now(UTC)
    proxy.be_busy(AWAY)
    ledger.append(Entry("e1", now, "busy-ledger", "clearance", None, "ada", "cleared", {}))
    assert [entry.id for entry in ledger.entries()] == ["e1"]


def test_so_does_what_asks_mlflow(
    mlflow_tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("MLFLOW_HTTP_REQUEST")]:
        monkeypatch.delenv(name)
    port = int(mlflow_tracking.uri.rpartition(":")[2])
    with busy(port, keep_host=False) as proxy:
        proxy.be_busy(AWAY)
        assert read_aliases(proxy.address, "nobody") == {}
        assert proxy.refused
        proxy.be_busy(600)
        with pytest.raises(TrackingUnavailable, match="start it with `perennial up`"):
            read_aliases(proxy.address, "nobody")
