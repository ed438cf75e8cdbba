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


# The first block is read; Arrow waits in Python for the next one when the command is done.
READING_AHEAD = """
import io, os, subprocess, sys
import pyarrow, pyarrow.csv
from deployments.cli.main import leaving

r, w = os.pipe()
os.write(w, b"a,b\\n" + b"1,2\\n" * 10_000)
subprocess.Popen(["sleep", "0.5"], pass_fds=[w])
os.close(w)
options = pyarrow.csv.ReadOptions(block_size=20_000, use_threads=False)
with leaving():
    reader = pyarrow.csv.open_csv(pyarrow.PythonFile(io.FileIO(r), mode="r"), read_options=options)
    print(next(iter(reader)).num_rows)
    sys.exit(3)
"""


def test_a_thread_of_arrows_that_reads_ahead_aborts_nothing() -> None:
    program = [sys.executable, "-c", READING_AHEAD]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "4999\n"), done.stderr
