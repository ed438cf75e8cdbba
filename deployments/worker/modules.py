"""What is imported before a flow run asks for it, and whether it still is what the disk holds."""

from __future__ import annotations

import os
import pkgutil
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tasks.project import REPOSITORY

Entry = tuple[str, int, int]
Stamp = frozenset[Entry]
INSTALLED = Path(sysconfig.get_path("purelib"))  # pip adds and removes entries here
PACKAGES = ("flows", "tasks", "expectations", "mlflow_server", "deployments")
ENGINE = ("prefect", "prefect.flow_engine", "prefect.engine")
# Not onnxruntime: importing it starts a thread that its exit handler waits for, also in a child
# that does not have the thread.
LIBRARIES = (
    *("boto3", "deltalake", "pandas", "pyarrow.parquet", "polars", "mlflow", "great_expectations"),
    *("sklearn.linear_model", "lightgbm", "mlflow.onnx", "mlflow.pyfunc", "optuna"),
    *("matplotlib.backends.backend_agg", "evidently.presets", "river.drift"),
)


@dataclass(frozen=True)
class Preload:
    """Modules in the order of their import: installed libraries, and the code that may change."""

    libraries: tuple[str, ...]
    code: tuple[str, ...]


def everything() -> Preload:
    """Return the engine and the libraries, and every module of the flows and what they call.

    Suites and transforms are the project's: each run imports them itself, as they are then.

    >>> everything().libraries[0], "flows.training" in everything().code
    ('prefect', True)
    """
    code = (name for package in ("flows", "tasks") for name in _inside(package))
    return Preload((*ENGINE, *LIBRARIES), tuple(code))


def choose(modules: Iterable[str]) -> Preload:
    """Return the engine and these modules."""
    names = tuple(modules)
    code = tuple(name for name in names if any(map(_is_code, _places(name))))
    libraries = (name for name in names if name not in code)
    return Preload((*ENGINE, *libraries), code)


def sources(modules: Iterable[str]) -> tuple[Path, ...]:
    """Return the files and folders whose change makes imported code stale.

    >>> [path.name for path in sources([])]
    ['deployments', 'expectations', 'flows', 'mlflow_server', 'tasks']
    """
    found = {REPOSITORY / name for name in PACKAGES}
    found.update(path for name in modules for path in _places(name) if _is_code(path))
    return tuple(sorted(found))


def packages(modules: Iterable[str]) -> tuple[str, ...]:
    """Return the top packages of the code that may change.

    >>> packages(["flows.training", "mine.flows"])
    ('deployments', 'expectations', 'flows', 'mine', 'mlflow_server', 'tasks')
    """
    return tuple(sorted({*PACKAGES, *(name.partition(".")[0] for name in modules)}))


def _inside(package: str) -> Iterator[str]:
    walk = pkgutil.walk_packages([str(REPOSITORY / package)], f"{package}.")
    return (
        module.name for module in walk if not module.ispkg and not module.name.endswith("__main__")
    )


def _is_code(path: Path) -> bool:
    return "site-packages" not in path.parts and not path.is_relative_to(
        Path(pkgutil.__file__).parent
    )


def _places(module: str) -> Iterator[Path]:
    """Yield where the top package of `module` lies, without importing it."""
    spec = find_spec(module.partition(".")[0])
    if spec is None or spec.origin in ("built-in", "frozen"):
        return
    if spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec.origin is not None:
        yield Path(spec.origin)


def stamp(sources: Iterable[Path]) -> Stamp:
    """Return path, time and size of every source file under `sources`, without reading any."""
    return frozenset(entry for source in sources for entry in _entries(source))


def stamp_installed(folder: Path = INSTALLED) -> int:
    """Return the time of the folder of libraries; adding or removing one changes it."""
    # Thousands of files: too many to look at before each fork.
    return folder.stat().st_mtime_ns


def _entries(source: Path) -> Iterator[Entry]:
    """Yield the entries of a file or a folder; a few hundred files take some milliseconds."""
    places = [source] if source.is_file() else _below(source)
    for path in places:
        with suppress(FileNotFoundError):  # an editor may be replacing it
            found = os.stat(path)  # noqa: PTH116 (a Path a file doubles the time)
            yield str(path), found.st_mtime_ns, found.st_size


def _below(folder: Path) -> Iterator[str]:
    # os.walk passes over a folder that is gone, or goes away meanwhile.
    for parent, folders, names in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        yield from (f"{parent}/{name}" for name in names if name.endswith(".py"))
