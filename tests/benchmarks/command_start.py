"""`perennial --help` against a bare start of Python.

python -m tests.benchmarks.command_start
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 11
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "help": [str(Path(sys.executable).with_name("perennial")), "--help"],
}


def seconds(command: list[str]) -> float:
    """Return the wall seconds of one run."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print both medians and their ratio."""
    medians = {
        name: statistics.median(seconds(command) for _ in range(ROUNDS))
        for name, command in COMMANDS.items()
    }
    for name, median in medians.items():
        print(f"{name:6} {median:6.3f} s")
    print(f"ratio {medians['help'] / medians['python']:.1f}; --help is to take at most 0.5 s")


if __name__ == "__main__":
    main()
