"""The walk-through of the README: its commands and what they print, in an installation's shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.local.folder import Folder, Memory, remember
from tasks.settings import REPOSITORY
from tests.servers import any_free_offset
from tests.wheel import Environment, outer_environment

STEP = re.compile(r"^\$ ", re.MULTILINE)
BLOCK = re.compile(r"^```shell-session\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVING = 8080  # the port that a page says


def steps(page: Path) -> list[tuple[str, str]]:
    """Return each command of the page's walk-through with the output under it.

    A command goes on to the next line inside quotes, as in a shell.
    """
    (block,) = BLOCK.findall(page.read_text("utf-8"))
    return [_parted(part) for part in STEP.split(block)[1:]]


def _parted(part: str) -> tuple[str, str]:
    lines = part.splitlines(keepends=True)
    count = next(n for n in range(1, len(lines) + 1) if "".join(lines[:n]).count("'") % 2 == 0)
    return "".join(lines[:count]).rstrip("\n"), "".join(lines[count:])


def as_shown(shown: str, came: str) -> bool:
    """Say whether an output is what a page shows: blanks and digits may differ, and what `…` hides.

    A line of it alone stands for any number of lines.

    >>> as_shown("version 1: … rows\\n…\\n", "version 2: mean  of 90 rows\\na\\nb\\n")
    True
    >>> as_shown("version 1\\n", "version 1\\nand more\\n")
    False
    """
    parts = ["(.*\n)*" if line == "…" else f"{_pattern(line)}\n" for line in _lines(shown)]
    return bool(re.fullmatch("".join(parts), "".join(f"{line}\n" for line in _lines(came))))


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("…")))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            # a sign goes with its figure
            yield " ".join(re.sub(r"[+-]?\d+([.,]\d+)*", "N", line).split())


@dataclass
class Shell:
    """A shell with the command of one installation first on its path; `cwd` goes with `cd`."""

    binaries: Path
    cwd: Path
    more: Mapping[str, str] = field(default_factory=dict)
    offset: int = 0

    @classmethod
    def of_wheel(cls, environment: Environment, place: Path) -> Shell:
        folder = place / "walk"
        folder.mkdir()
        return cls(environment.folder / "bin", folder)

    @classmethod
    def of_clone(cls, place: Path) -> Shell:
        """Return a shell in a clean clone, whose packages are this environment's."""
        folder = clean_clone(place / "clone")
        (folder / ".venv").symlink_to(Path(sys.prefix))
        return cls(folder / ".venv" / "bin", folder, {"PYTHONPATH": str(folder)})

    def run(self, command: str, timeout: float = 600) -> tuple[int, str, str]:
        """Run a command as it is written; return its status, and what it printed and told.

        The one thing that is changed is the port: the tests' stacks stand beside others.
        """
        port = str(SERVING + self.offset)
        if command.startswith("perennial up"):
            self._choose_ports()
        where = self.cwd / ".here"
        asked = command.replace(f":{SERVING}/", f":{port}/")
        script = f"{asked}\nstatus=$?\npwd > {where}\nexit $status"
        kept = outer_environment()
        path = os.pathsep.join((str(self.binaries), kept["PATH"]))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env={**kept, **self.more, "PATH": path},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        self.cwd = Path(where.read_text().strip())
        where.unlink()
        return done.returncode, done.stdout.replace(f":{port}", f":{SERVING}"), done.stderr

    def _choose_ports(self) -> None:
        # `up` takes the ports of the last time: a first one here takes free ones by this
        self.offset = any_free_offset()
        home = Folder.at(self.cwd / ".perennial")
        home.make()
        remember(home, Memory(offset=self.offset))


def clean_clone(folder: Path) -> Path:
    """Copy what git has of this working tree, or would have with the next commit."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = REPOSITORY / name, folder / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder
