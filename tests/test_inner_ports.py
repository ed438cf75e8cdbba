"""The object store's inner ports answer nobody who does not hold the certificate."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from deployments.local import certificate
from deployments.local.own_checks import answers_plainly, check_inner_ports
from deployments.local.seaweedfs import inner_sockets
from tests.servers import S3
from tests.strangers import SILENT, as_nobody, ask_grpc, opens, showing

pytestmark = pytest.mark.system
# What each would tell, or, where the name of a service is nobody's, at least that it listens.
CALLS = {
    "master_grpc": "/master_pb.Seaweed/CollectionList",
    "volume_grpc": "/volume_server_pb.VolumeServer/VolumeServerStatus",
    "filer_grpc": "/filer_pb.SeaweedFiler/GetFilerConfiguration",
    "s3_grpc": "/perennial.Nobody/Asks",
    "admin_grpc": "/perennial.Nobody/Asks",
}


def port(s3: S3, name: str) -> int:
    return s3.ports.by_name()[name]


@pytest.fixture
def shown(s3: S3) -> Path:
    """Return the certificate of the store."""
    return s3.settings.home / "run" / "store.pem"


def test_every_inner_port_is_asked(s3: S3) -> None:
    assert {name for name in s3.ports.by_name() if name.endswith("_grpc")} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_who_shows_the_certificate_is_answered_and_nobody_else(
    s3: S3, shown: Path, tmp_path: Path, name: str
) -> None:
    inner, call = port(s3, name), CALLS[name]
    assert ask_grpc(inner, call, showing(shown)) == 200
    certificate.ensure(other := tmp_path / "other.pem")
    assert ask_grpc(inner, call, None) == SILENT
    assert ask_grpc(inner, call, showing(None)) == SILENT
    assert ask_grpc(inner, call, showing(other)) == SILENT
    assert not answers_plainly(inner)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_of_the_machine_has_neither_the_certificate_nor_the_sockets(
    s3: S3, shown: Path
) -> None:
    listening = sorted({port(s3, name) for name in CALLS})
    store = next(
        process
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "weed" and str(s3.settings.home) in " ".join(process.cmdline())
    )
    sockets = [found.laddr for found in store.net_connections("unix") if found.laddr]
    assert set(map(str, inner_sockets(s3.ports))) < set(sockets)
    assert all(map(opens, sockets))
    found = as_nobody(
        lambda: {
            "read": os.access(shown, os.R_OK),
            "plain": [number for number in listening if answers_plainly(number)],
            "sockets": [path for path in sockets if opens(path)],
        }
    )
    assert found == {"read": False, "plain": [], "sockets": []}


def test_the_doctor_tells_of_a_store_without_a_certificate(s3: S3, tmp_path: Path) -> None:
    assert check_inner_ports(s3.ports, s3.settings.home / "run" / "store.pem").passed
    lost = check_inner_ports(s3.ports, tmp_path / "none.pem")
    assert not lost.passed
    assert "perennial down" in lost.remedy
