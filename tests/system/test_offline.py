"""Without a network everything works, and nothing even tries to reach one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.settings import REPOSITORY
from tests.servers import clean_environment

ALONE = ("unshare", "--map-root-user", "--net", "--mount")
# A name server that is not here: a name that somebody looks up is an attempt as well.
INSIDE = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" -m tests.offline'


def alone() -> bool:
    """Tell whether this system lets us have a network of our own."""
    if not all(map(shutil.which, ("unshare", "ip"))):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.soak
@pytest.mark.system
@pytest.mark.skipif(not alone(), reason="this system gives no network namespace")
def test_a_life_without_a_network_reaches_for_none(tmp_path: Path) -> None:
    servers = tmp_path / "resolv.conf"
    servers.write_text("nameserver 192.0.2.53\n")
    done = subprocess.run(
        [*ALONE, "bash", "-c", INSIDE, "bash", str(servers), sys.executable],
        cwd=REPOSITORY,
        env=clean_environment({"PYTHONPATH": str(REPOSITORY)}),
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["attempts"] == 0
    assert said["mean_live"] > 0.6
