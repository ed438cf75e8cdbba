"""What is imported before a flow run asks for it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tasks.settings import REPOSITORY

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

    >>> everything().libraries[0], "flows.training" in everything().code
    ('prefect', True)
    """
    code = (name for package in ("flows", "tasks", "expectations") for name in _inside(package))
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
