"""The command `init`: a project of one's own, which a team puts into git."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from shlex import quote

import click
from packaging.utils import canonicalize_name

from deployments.cli.output import reporting, show
from tasks.errors import ConfigurationError
from tasks.project import MARK, REPOSITORY, Project, read_project

TEMPLATE = REPOSITORY / "deployments" / "pipelines" / "template"
EXAMPLE = "flights"
# Not of the project: what installs, and ourselves, whose code has a digest of its own.
UNLOCKED = ("perennial-mlops", "pip", "setuptools", "uv", "wheel")


@reporting
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--flights", is_flag=True, help="With the pipeline of `perennial demo` in it.")
def init(folder: Path, flights: bool, as_json: bool) -> None:
    """Make FOLDER a project: a small repository for the pipelines of a team."""
    root = folder.expanduser().resolve()
    refuse_unless_free(root)
    every = [*make_project(root), *(add_example(read_project(root)) if flights else ())]
    written = sorted(str(path.relative_to(root)) for path in every)
    document = {"project": str(root), "files": written}
    follow = f"cd {quote(str(folder))} && git init && perennial up"
    show(document, as_json, lambda: f"Made {root}: {', '.join(written)}\nNext: {follow}")


def refuse_unless_free(root: Path) -> None:
    """Refuse a folder that holds something already, hidden files such as `.git` left out.

    Raises:
        ConfigurationError: it does.
    """
    there = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    taken = [name for name in there if not name.startswith(".") or name == ".gitignore"]
    if taken or (root.exists() and not root.is_dir()):
        came = f"{', '.join(taken[:3])}{' …' if len(taken) > 3 else ''}" or "a file"
        remedy = "Name another folder."
        if MARK in taken:
            remedy = "It is a project already: work in there."
        raise ConfigurationError(str(root), "the folder is new or empty", came, remedy)


def make_project(root: Path) -> Iterator[Path]:
    """Write and yield the files of a project without pipelines; last the one that makes it one.

    Raises:
        ConfigurationError: nothing can be written there.
    """
    from tasks.config import json_schema

    texts = {
        "expectations/.gitkeep": "",  # git keeps no empty folder
        "transforms/.gitkeep": "",
        "pipelines/schema.json": f"{json.dumps(json_schema(), indent=2)}\n",
        "requirements.lock": "".join(f"{pin}\n" for pin in installed()),
        # Under its own name it would rule in our repository too.
        ".gitignore": (TEMPLATE / "gitignore").read_text("utf-8"),
        **{name: (TEMPLATE / name).read_text("utf-8") for name in ("README.md", MARK)},
    }
    for name, text in texts.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            rule, remedy = "the folder can be made and written", "Name another folder."
            raise ConfigurationError(str(root), rule, error.strerror, remedy) from error
        yield path


def add_example(project: Project) -> Iterator[Path]:
    """Copy the demonstration's pipeline file and suite into a project, and yield the copies."""
    for source, folder in (
        (TEMPLATE.parent / f"{EXAMPLE}.yaml", project.pipelines),
        (REPOSITORY / "expectations" / f"{EXAMPLE}.py", project.expectations),
    ):
        yield Path(shutil.copyfile(source, folder / source.name))


def installed() -> list[str]:
    """Return what is installed, as the lines of a lock file, sorted."""
    every = {
        canonicalize_name(package.name): package.version for package in metadata.distributions()
    }
    return [f"{name}=={version}" for name, version in sorted(every.items()) if name not in UNLOCKED]
