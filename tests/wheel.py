"""The built wheel in an environment of its own, far from any clone; nothing is fetched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tasks.project import REPOSITORY
from tests.servers import FOREIGN

OURS = "perennial-mlops"
# Of servers, and of the interpreter that runs the tests.
HIDDEN = (*FOREIGN, "PYTHON", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel and what it requires, and nothing else."""

    folder: Path
    wheel: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    def run(self, *words: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `perennial` with these words."""
        return self._run(str(self.folder / "bin" / "perennial"), *words, cwd=cwd, **more)

    def say(self, code: str, *words: str, cwd: Path) -> str:
        """Run a line of Python; return what it prints, and what went wrong."""
        done = self._run(self.python, "-c", code, *words, cwd=cwd)
        return f"{done.stdout}{done.stderr}".strip()

    def _run(self, *command: str, cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
        env = outer_environment()
        return subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False, **more
        )


def outer_environment() -> dict[str, str]:
    """Return the environment of a shell that knows of no clone and no server."""
    return {name: text for name, text in os.environ.items() if not name.startswith(HIDDEN)}


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this clone into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install_wheel(folder: Path, wheel: Path) -> Environment:
    """Make an environment of the wheel and of those installed packages that it requires."""
    venv.create(folder, symlinks=True)
    made = Environment(folder.resolve(), wheel)
    for package in required(Requirement(OURS)):
        _copy(package, made.packages)
    offline = ("--quiet", "--offline", "--no-index", "--no-deps", "--python", made.python)
    subprocess.run([sys.executable, "-m", "uv", "pip", "install", *offline, str(wheel)], check=True)
    return made


def required(
    asked: Requirement, known: dict[str, metadata.Distribution] | None = None
) -> list[metadata.Distribution]:
    """Return what a requirement brings along, itself left out, as it is installed here."""
    known = {} if known is None else known
    for line in metadata.requires(asked.name) or ():
        wanted = Requirement(line)
        extras = {"", *asked.extras}
        if wanted.marker and not any(wanted.marker.evaluate({"extra": name}) for name in extras):
            continue
        name = " ".join((canonicalize_name(wanted.name), *sorted(wanted.extras)))
        if name not in known:
            known[name] = metadata.distribution(wanted.name)
            required(wanted, known)
    return [*{canonicalize_name(found.name): found for found in known.values()}.values()]


def _copy(package: metadata.Distribution, packages: Path) -> None:
    for source, name in _files(package):
        target = Path(os.path.normpath(packages / name))
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source)
        except OSError:  # on another disk
            shutil.copy2(source, target)


def _files(package: metadata.Distribution) -> Iterator[tuple[Path, str]]:
    for file in package.files or ():
        source = Path(os.path.normpath(str(package.locate_file(file))))
        if source.is_file():
            yield source, str(file)
        # Compiled after the installation, so in no list; without it, every import takes seconds.
        if source.suffix == ".py":
            compiled = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
            kept = source.parent / "__pycache__" / compiled
            if kept.is_file():
                yield kept, str(Path(str(file)).parent / "__pycache__" / compiled)


def holds(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file below `folder`, bytecode left out."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not re.search(r"__pycache__|\.pyc$", str(path))
    }
