"""What is printed, and to whom."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tasks.settings import REPOSITORY

# More than a pipe holds.
SAY = """
from deployments.cli.output import show
show({"said": "x" * 1_000_000}, AS_JSON, lambda: "x" * 1_000_000)
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_has_enough_ends_a_command_quietly(as_json: bool) -> None:
    command = (sys.executable, "-c", SAY.replace("AS_JSON", str(as_json)))
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, cwd=REPOSITORY) as speaker:
        assert speaker.stdout is not None
        assert speaker.stderr is not None
        assert speaker.stdout.read(1)
        speaker.stdout.close()
        assert speaker.stderr.read() == b""
    assert speaker.returncode == 0
