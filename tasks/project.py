"""The folder of a team's pipelines: where it begins, what lies where in it, what it lets import."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import expectations
from tasks.errors import ConfigurationError, did_you_mean

MARK = "perennial.toml"
VARIABLE = "PERENNIAL_PROJECT"
# Where our packages lie: a clone, or the folder of installed packages, which nobody writes into.
REPOSITORY = Path(__file__).resolve().parent.parent
PLACES: Mapping[str, str] = {
    "pipelines": "pipelines",
    "expectations": "expectations",
    "lock": "requirements.lock",
}

# Time and size of the project's files when they were imported, by module.
READ: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True)
class Project:
    """One project: its root, and the folders and the lock file that its `perennial.toml` names."""

    root: Path
    pipelines: Path
    expectations: Path
    lock: Path

    @property
    def home(self) -> Path:
        """Where the local state lies."""
        return self.root / ".perennial"


def find_project(
    environment: Mapping[str, str] | None = None, start: Path | None = None
) -> Project | None:
    """Return the project that one is in, or None.

    It is what `PERENNIAL_PROJECT` names, else the nearest folder from `start` (the current one)
    upwards with a `perennial.toml`, else the clone that this code lies in.

    Raises:
        ConfigurationError: the variable names no project, or a `perennial.toml` is not valid.
    """
    told = (os.environ if environment is None else environment).get(VARIABLE)
    if told:
        return read_project(Path(told).expanduser().resolve())
    here = (start or Path.cwd()).resolve()
    marked = (folder for folder in (here, *here.parents, REPOSITORY) if (folder / MARK).is_file())
    root = next(marked, None)
    return None if root is None else read_project(root)


def needed_project(environment: Mapping[str, str] | None = None) -> Project:
    """Return the project that one is in.

    Raises:
        ConfigurationError: one is in none.
    """
    project = find_project(environment)
    if project is None:
        rule = f"{MARK} lies in the current folder or in one above it"
        remedy = f"Run `perennial init FOLDER` and work in there, or set {VARIABLE}."
        raise ConfigurationError("project", rule, f"none from {Path.cwd()} upwards", remedy)
    return project


def read_project(root: Path) -> Project:
    """Read the `perennial.toml` in `root`; what it leaves out lies at its usual place.

    Raises:
        ConfigurationError: there is none, or it breaks a rule.
    """
    path = root / MARK
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        remedy = f"Run `perennial init {root}`, or set {VARIABLE} to a project's folder."
        came = error.strerror
        raise ConfigurationError(str(path), "the file can be read", came, remedy) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), "the file is TOML", error, "Mend the line.") from error
    places = {**PLACES, **told}
    for name, place in places.items():
        if name not in PLACES:
            remedy = f"{did_you_mean(name, PLACES)} Allowed: {', '.join(PLACES)}.".strip()
            raise ConfigurationError(str(path), "its keys are known", name, remedy)
        if not isinstance(place, str) or not place:
            remedy = f'Write {name} = "{PLACES[name]}".'
            raise ConfigurationError(str(path), f"{name} is a path in the project", place, remedy)
    return Project(root, **{name: root / place for name, place in places.items()})


def make_importable() -> Project | None:
    """Let what lies in the project be imported: its suites, and modules from its root on."""
    project = find_project()
    if project is None:
        return None
    # The project's own before ours: its `flights` is not the demonstration's. The package itself
    # stays ours, for a suite imports `expectations.suite` from it.
    suites = str(project.expectations)
    if suites not in expectations.__path__:
        expectations.__path__.insert(0, suites)
    # Last: a file of the project must not stand before a library of the same name.
    if str(project.root) not in sys.path:
        sys.path.append(str(project.root))
    return project


def import_from_project(module: str) -> ModuleType:
    """Import a module that may lie in the project, as it is on the disk now.

    Raises as `importlib.import_module`.
    """
    project = make_importable()
    # The API lives for months: a model that was trained with a changed transform needs that one.
    loaded = _modules_of(project)
    if any(READ.get(name, _stamp(name)) != _stamp(name) for name in loaded):
        for name in loaded:
            del sys.modules[name]
        importlib.invalidate_caches()
    imported = importlib.import_module(module)
    READ.update({name: _stamp(name) for name in _modules_of(project)})
    return imported


def _modules_of(project: Project | None) -> list[str]:
    """Return the loaded modules that lie in the project; of a clone, none."""
    if project is None or project.root == REPOSITORY:
        return []
    files = {name: getattr(found, "__file__", None) for name, found in [*sys.modules.items()]}
    # An environment in the project, such as its .venv, is no code of its own.
    return [
        name
        for name, file in files.items()
        if file and Path(file).is_relative_to(project.root) and "site-packages" not in file
    ]


def _stamp(module: str) -> tuple[int, int]:
    try:
        found = Path(str(sys.modules[module].__file__)).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
