"""What the pages show: commands answer as written, names and paths exist, examples are valid."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from deployments.cli.main import COMMANDS, commands
from deployments.local.environment import clean_environment
from deployments.local.folder import Folder, Memory, remember
from tasks.config import read_pipeline
from tasks.policy.policy import parse_policy
from tasks.settings import REPOSITORY
from tests.servers import any_free_offset

PACKAGES = ("flows", "tasks", "expectations", "mlflow_server", "deployments")
ROOTS = (*PACKAGES, "tests", ".ci")
PAGES = sorted(
    path
    for path in (
        *REPOSITORY.glob("*.md"),
        *(p for r in ROOTS for p in REPOSITORY.glob(f"{r}/**/*.md")),
    )
    if path.name != "CHANGELOG.md"
)
EXAMPLES = {"expectations/nyc_flights.py"}  # a name that a page makes up
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TRIPS = """\
trip_id,pickup,fare,tip
1,2024-01-01T00:10:00,9.5,2.5
2,2024-01-01T00:20:00,12.0,3.5
3,2024-01-01T07:30:00,7.0,0.0
"""


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [text for told, text in BLOCK.findall(page.read_text("utf-8")) if told == language]


def shown(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output under it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def normalised(text: str, places: dict[str, str]) -> list[str]:
    """Return the lines without what differs from place to place and from day to day."""
    for path, name in places.items():
        text = text.replace(path, name)
    text = re.sub(r"\d+(\.\d+)*", "N", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a copy of the packages, which a command may write into."""
    folder = (tmp_path / "clone").resolve()
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, folder / package, ignore=ignored)
    for name in ("requirements.lock", "perennial.toml"):
        shutil.copy(REPOSITORY / name, folder)
    (folder / "trips.csv").write_text(TRIPS)
    return folder


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{page.relative_to(REPOSITORY)} {count}")
        for page in PAGES
        for count, block in enumerate(blocks(page, "console"), 1)
    ],
)
def test_commands_answer_as_the_page_shows(clone: Path, tmp_path: Path, block: str) -> None:
    """In a clone of its own, before any stack was started."""
    home = Folder.at(tmp_path / "home")
    home.make()
    remember(home, Memory(offset=any_free_offset()))
    scripts = str(Path(sys.executable).parent)
    environment = {
        **clean_environment(os.environ),
        "PATH": os.pathsep.join((scripts, os.environ["PATH"])),
        "PYTHONPATH": str(clone),
        "PERENNIAL_HOME": str(home.root),
        "COLUMNS": "1000",  # where a table is cut would depend on how long the home's name is
    }
    places = {str(home.root): "HOME", f"{clone}/": ""}
    for command, output in shown(block):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert normalised(done.stdout, places) == normalised(output, {}), command


def test_the_pages_show_commands() -> None:
    assert sum(len(blocks(page, "console")) for page in PAGES) >= 3


def mentioned(page: Path) -> Iterator[list[str]]:
    """Yield the words of each use of the command in the code of a page."""
    text = page.read_text("utf-8")
    code = [block for _, block in BLOCK.findall(text)]
    spans = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    for line in (*spans, *"\n".join(code).splitlines()):
        for part in line.partition("#")[0].split("&&"):
            words = part.strip().removeprefix("$ ").split("|")[0]
            if re.match(r"(\.venv/bin/)?perennial [a-z]", words):
                yield shlex.split(words)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    context = click.Context(commands)
    for name, *words in mentioned(page):
        if not re.fullmatch(r"[a-z]+", name):
            continue
        command = commands.get_command(context, name)
        assert command is not None, name
        group = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        known = {"--debug", *(o for c in group for p in c.params for o in p.opts)}
        told = {
            word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")
        }
        assert told <= known, f"{name}: {told - known}"


def test_the_readme_names_every_command() -> None:
    named = {words[0] for words in mentioned(REPOSITORY / "README.md")}
    assert set(COMMANDS) <= named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_path_and_link_of_a_page_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    spans = re.findall(r"`([\w./-]+)`", BLOCK.sub("", text))
    paths = [span for span in spans if span.partition("/")[0] in ROOTS and "/" in span]
    folders = re.findall(r"^\| `([\w.-]+/|[\w-]+\.(?:py|md))` \|", text, re.MULTILINE)
    for path in {*links, *paths, *folders} - EXAMPLES:
        there = (page.parent / path).exists() or (REPOSITORY / path).exists()
        assert there, f"{page.name}: {path}"


def test_the_table_of_faults_names_tests_that_there_are() -> None:
    tests = REPOSITORY / "tests"
    rows = re.findall(r"^\| (\d+) \|.*$", (tests / "README.md").read_text("utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 47))
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (tests / "README.md").read_text("utf-8"))
    assert len(named) > 60
    missing = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (tests / path).read_text("utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_target_of_make_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    told = re.findall(r"(?:^|`)make ([a-z]+)(?:`|$|\s+#)", page.read_text("utf-8"), re.MULTILINE)
    assert set(told) <= set(targets)


@pytest.mark.parametrize(
    "text", [block for page in PAGES for block in blocks(page, "yaml") if "target:" in block]
)
def test_a_pipeline_of_a_page_is_valid(tmp_path: Path, text: str) -> None:
    (name,) = re.findall(r"^name: (\S+)", text, re.MULTILINE)
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    assert read_pipeline(path).name == name


def test_every_signal_of_the_readme_is_one() -> None:
    table = (REPOSITORY / "README.md").read_text().partition("| signal |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    signals = [signal for row in rows for signal in re.findall(r"`([^`]+)`", row)]
    assert len(signals) > 8
    for signal in signals:
        assert str(parse_policy(signal)) == signal
