"""A life of the stack where there is no network, and the count of attempts to reach one.

    unshare -rnm bash -c "ip link set lo up; python -m tests.offline"

In a network namespace with nothing but loopback, the kernel counts each packet and connection for
which it has no route: also those whose failure a library hides.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deployments.local import stack as local
from deployments.local.ports import Ports
from tasks.settings import REPOSITORY
from tests.chaos import NAME, predict, row_of_march
from tests.servers import any_free_offset, clean_environment, poll

OUTSIDE = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))


def routes() -> list[str]:
    """Return the routes that lead out of this machine, as the kernel tells them."""
    old = Path("/proc/net/route").read_text().splitlines()[1:]
    new = Path("/proc/net/ipv6_route").read_text().splitlines()
    return [*old, *(line for line in new if not line.endswith(" lo"))]


def attempts() -> int:
    """Return how often something outside was to be reached since the namespace was made."""
    names, values = (
        line.split()
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Ip:")
    )
    newer = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    found: Mapping[str, str] = dict(zip(names, values, strict=True))
    return int(found["OutNoRoutes"]) + int(newer["Ip6OutNoRoutes"])


def reach_out() -> None:
    """Try to reach addresses that are not here, by a connection and by a packet."""
    for address, family in OUTSIDE:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as there, suppress(OSError):
                there.connect((address, 9))
                there.send(b"a")


def live(home: Path) -> list[str]:
    """Let a person do what touches every part; return the outputs."""
    offset = any_free_offset()
    told = {"PERENNIAL_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    told["PERENNIAL_PIPELINES"] = str(REPOSITORY / "deployments" / "pipelines")
    os.environ.update(told)
    perennial = str(Path(sys.executable).with_name("perennial"))
    outputs = []
    for words in (
        ["demo", "--until", "4", "--json", "--port-offset", str(offset)],
        ["monitor", NAME, "--json"],
        ["report", NAME, "--json"],
        ["history", NAME, "--json"],
        ["status", "--json"],
    ):
        done = subprocess.run(
            [perennial, *words],
            env=clean_environment(told),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr[-3000:]}"
        outputs.append(done.stdout)
        port, rows = Ports.shifted(offset).serving, [row_of_march(home)]
        poll(lambda p=port, r=rows: predict(p, r) == "200", 60, "an answer", 0.5)  # type: ignore[misc]
    return outputs


def main() -> None:
    """Print the number of attempts that were made during a life, and its mean live figure."""
    assert routes() == [], routes()
    zero = attempts()
    reach_out()
    known = attempts()
    assert known - zero == 4, "the kernel does not count what has no route"
    home = Path(tempfile.mkdtemp(prefix="pn-off-")).resolve()
    try:
        demo, *_ = live(home)
    finally:
        local.down(home, lambda _line: None)
        shutil.rmtree(home, ignore_errors=True)
    said = json.loads(demo)
    print(json.dumps({"attempts": attempts() - known, "mean_live": said["mean_live"]}))


if __name__ == "__main__":
    main()
