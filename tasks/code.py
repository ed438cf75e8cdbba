"""The digest of the code that a training run depends on, helpers included, however deep."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from tasks.project import REPOSITORY, find_project, make_importable

INSTALLED = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")
)


def code_digest(extra_modules: Iterable[str] = ()) -> str:
    """Return the SHA-256 over every source file of `tasks`, and of all that `extra_modules` import.

    Those are the user's own, such as the one that holds `features.transform`; their imports are
    followed into every module that is not part of an installed package.
    """
    files = {path.resolve() for path in (REPOSITORY / "tasks").rglob("*.py")}
    make_importable()
    for module in extra_modules:
        files |= _closure(module)
    project, whole = find_project(), hashlib.sha256()
    roots = (REPOSITORY, *([project.root.resolve()] if project else ()))
    # in one order, by names that are the same wherever the repository and the project lie
    for name, path in sorted((_named(path, roots), path) for path in files):
        whole.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def digest_code(transform: str | None) -> str:
    """Return `code_digest` for a pipeline with this transform, `module:function`, or none."""
    return code_digest([transform.partition(":")[0]] if transform else [])


def _named(path: Path, roots: Iterable[Path]) -> str:
    inside = (path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root))
    return next(inside, path.name)


def lock_digest() -> str:
    """Return the SHA-256 of the project's lock file; of nothing where there is none."""
    project = find_project()
    lock = project.lock if project and project.lock.is_file() else None
    return hashlib.sha256(lock.read_bytes() if lock else b"").hexdigest()


def _closure(module: str) -> set[Path]:
    """Return the source files of a module and of all it imports, installed packages left out."""
    sources: dict[str, Path | None] = {}
    names = [module]
    while names:
        name = names.pop()
        if not name or name in sources:
            continue
        path = sources[name] = _source(name)
        if path is not None:
            # Python runs a package's __init__ before any module of it
            names += [name.rpartition(".")[0], *_imports(path, name)]
    return {path for path in sources.values() if path is not None}


def _source(name: str) -> Path | None:
    # the name of something inside a module, or a module that only other systems have
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin).resolve()
    # what is installed is in the digest of the lock
    return None if any(path.is_relative_to(folder) for folder in INSTALLED) else path


def _imports(path: Path, module: str) -> list[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(relative, package or None)
            # `from a import b`: b may be a module of a's, or a name in it
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names
