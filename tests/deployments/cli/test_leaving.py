"""A command ends with the status it earned, whatever is alive when its interpreter would end."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As a native thread does that is alive when the interpreter is taken down, but each time.
PROGRAM = """
import atexit, os, sys
from deployments.cli.main import leaving

class Late:
    def __del__(self, abort=os.abort):
        abort()

late = Late()
with leaving():
    atexit.register(print, "said at the end")
    print("done")
    ENDING
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [("sys.exit(3)", 3), ("sys.exit()", 0), ("1 / 0", 1), ("sys.exit('x')", 1)],
)
def test_nothing_that_comes_after_the_end_changes_the_status(ending: str, status: int) -> None:
    program = [sys.executable, "-c", PROGRAM.replace("ENDING", ending)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "done\nsaid at the end\n"), done.stderr
