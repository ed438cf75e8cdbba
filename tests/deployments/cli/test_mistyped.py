"""Whatever a person mistypes, the right word comes back: every command, option and argument.

The cases come from click's own tree. A command, an option or an argument that is new has to be
named here: as what may be mistyped, or as free text.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from deployments.cli.main import COMMANDS, commands, main
from tasks.ingestion.quarantine import tell_ledger
from tasks.settings import REPOSITORY
from tasks.workspace import Workspace
from tests import life
from tests.environment import kept_environment
from tests.tasks.ingestion.landing import drop, landed

Said = Callable[..., str]
# What no vocabulary has: a reason, a number, a name that the person gives.
FREE = {
    "why", "override", "rows", "last", "port_offset", "rate", "save", "folder", "share", "start",
    "keys add name", "new name", "classes", "until",
}  # fmt: skip
FILE, PIPELINE = ("april.cvs", "april.csv"), ("tyo", "toy")
COLUMN = ("colur", "colour")
# By parameter, or by command and parameter: what is mistyped, and the right word.
MISTYPED: Mapping[str, tuple[str, str]] = {
    "name": PIPELINE,
    "files": FILE,
    "file": FILE,
    "data": FILE,
    "score source": FILE,
    "score output": ("out.cvs", ".csv"),
    "target": ("hihg", "high"),
    "event_time": ("att", "at"),
    "key": ("idd", "id"),
    "task": ("binarry", "binary"),
    "settings": ("trainig.trials=3", "training"),
    "method": ("shpa", "shap"),
    "kind": ("crad", "card"),
    "shell": ("bahs", "bash"),
    "which": ("sining", "signing"),
    "of": ("11", "1"),
    "policies": ("performence 0.02", "performance"),
    "pipelines": PIPELINE,
    "prune names": PIPELINE,
    "cost since": ("30dd", "Write 30d"),
    "keys remove name": ("anne", "ann"),
    "version": ("11", "Known: 1"),
    "rollback version": ("11", "Known: 1"),
    "reject version": ("11", "Waiting: none"),
    "remove batch": ("aprl.csv", "april.csv"),
    "retry batch": ("refusd.csv", "refused.csv"),
    "accept": ("refusd.csv", "refused.csv"),
    "clear batch": ("odd1.csv", "odd.csv"),
}
# What a command needs besides the word that is mistyped.
GOOD: Mapping[str, str] = {
    "name": "toy", "keys add name": "berta", "keys remove name": "ann", "new name": "fresh",
    "data": "april.csv", "target": "high", "version": "1", "batch": "april.csv",
    "file": "april.csv", "source": "april.csv", "output": "out.csv", "shell": "bash",
    "folder": "made", "kind": "card",
}  # fmt: skip

NEEDS: Mapping[str, tuple[str, ...]] = {"report of": ("kind",)}


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None, name
        words = (*path, name)
        if isinstance(found, click.Group):
            yield from leaves(found, words)
        else:
            yield " ".join(words), found


@dataclass(frozen=True)
class Case:
    """A parameter of a command."""

    command: str
    parameter: click.Parameter

    @property
    def own(self) -> str:
        return f"{self.command} {self.parameter.name}"

    @property
    def free(self) -> bool:
        flag = isinstance(self.parameter, click.Option) and self.parameter.is_flag
        return flag or self.own in FREE or self.parameter.name in FREE

    @property
    def mistyped(self) -> tuple[str, str] | None:
        return MISTYPED.get(self.own) or MISTYPED.get(str(self.parameter.name))


EVERY = dict(leaves(commands))
CASES = [Case(name, parameter) for name, made in EVERY.items() for parameter in made.params]
NAMED = [case for case in CASES if not case.free]
OPTIONS = [
    (name, option.opts[0])
    for name, made in EVERY.items()
    for option in made.params
    if isinstance(option, click.Option)
]
GROUPS = [name for name in COMMANDS if name not in EVERY]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Workspace]]:
    """Yield a folder with a pipeline that has a version, batches of every fate, and a data file."""
    folder = tmp_path_factory.mktemp("mistyped")
    workspace = life.toy_workspace(folder, training={"families": ["linear"], "trials": 0})
    rows = life.toy_rows(400)
    life.ingest(workspace, "april.csv", rows)
    life.train(workspace)
    refused = drop(workspace, "refused.csv", rows.assign(high=7).to_csv(index=False))
    tell_ledger(workspace, landed(workspace, refused), refused)
    life.ingest(workspace, "odd.csv", life.toy_rows(200, start=400).assign(high=1))
    life.monitor(workspace)
    rows.to_csv(folder / "april.csv", index=False)
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    shutil.copy(REPOSITORY / "tests" / "pipelines" / "toy.yaml", pipelines)
    yield folder, workspace


@pytest.fixture
def said(
    project: tuple[Path, Workspace],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Said]:
    """Yield what runs the command in that folder; it must be refused, and returns what it said."""
    folder, workspace = project
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PERENNIAL_BUCKET", f"file://{folder / 'bucket'}")
    monkeypatch.setenv("PERENNIAL_PIPELINES", str(folder / "pipelines"))
    monkeypatch.setenv("PERENNIAL_HOME", str(folder / "home"))
    monkeypatch.setenv("PERENNIAL_SIGNING_KEY", workspace.keyring.current)

    def run(*words: str) -> str:
        # the doctor is not wrong in its use: it says what is wrong with a pipeline
        status = (1,) if words[0] == "doctor" and words[-1] == PIPELINE[0] else (2, 3)
        with pytest.raises(SystemExit) as ended:
            main(words)
        told = capsys.readouterr()
        assert ended.value.code in status, told.out + told.err
        return told.out + told.err

    with kept_environment():
        yield run


def words_of(case: Case, value: str) -> list[str]:
    """Return a call of the command in which this parameter has this value."""
    words = case.command.split(" ")
    for parameter in EVERY[case.command].params:
        name = str(parameter.name)
        mine = parameter is case.parameter
        given = value if mine else GOOD.get(f"{case.command} {name}", GOOD.get(name, ""))
        wanted = parameter.required or name in NEEDS.get(case.own, ())
        if not mine and not (wanted and given):
            continue
        words += [parameter.opts[0], given] if isinstance(parameter, click.Option) else [given]
    return words


def test_every_parameter_is_named_here() -> None:
    assert not [case.own for case in NAMED if case.mistyped is None]


@pytest.mark.parametrize("case", NAMED, ids=lambda case: case.own)
def test_a_mistyped_word_gets_the_right_one_back(case: Case, said: Said) -> None:
    assert case.mistyped is not None, "name it above"
    wrong, right = case.mistyped
    told = " ".join(said(*words_of(case, wrong)).split())
    asked = right if " " in right else f"Did you mean {right}?"
    assert asked in told


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_a_mistyped_option_gets_the_right_one_back(command: str, option: str, said: Said) -> None:
    wrong = f"{option[:-1]}{'x' if option[-1] != 'x' else 'y'}"
    told = said(*command.split(" "), wrong)
    assert f"No such option '{wrong}'" in told
    assert f"'{option}'" in told


@pytest.mark.parametrize("command", list(EVERY))
def test_a_mistyped_command_gets_the_right_one_back(command: str, said: Said) -> None:
    *group, name = command.split(" ")
    wrong = name[0] + name[2] + name[1] + name[3:] if len(name) > 2 else f"{name}x"
    wrong = wrong if wrong != name else f"{name}e"
    told = said(*group, wrong)
    assert f"No such command '{wrong}'" in told
    assert "id you mean" in told
    assert name in told


@pytest.mark.parametrize("group", GROUPS)
def test_a_mistyped_group_gets_the_right_one_back(group: str, said: Said) -> None:
    assert f"Did you mean {group}?" in said(f"{group}s")


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (("score", "toy", "april.csv", "pipelnes/out.csv"), "pipelines"),
        (("explain", "toy", "pipelnes/april.csv"), "pipelines"),
        (("new", "fresh", "--data", "april.csv", "--target", "high", "--set",
          "features.exclude=[colur]"), "colour"),
        (("new", "fresh", "--data", "april.csv", "--target", "high", "--set",
          "retraining.policy=performnce 0.1"), "performance"),
    ],
)  # fmt: skip
def test_so_does_what_is_mistyped_inside_of_a_value(
    words: tuple[str, ...], right: str, said: Said
) -> None:
    assert f"Did you mean {right}?" in " ".join(said(*words).split())


@pytest.fixture(autouse=True)
def a_key(said: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Let one person have a key."""
    with pytest.raises(SystemExit):
        main(["keys", "add", "ann"])
    capsys.readouterr()
