"""`perennial report`: each page of a life opens, is saved, or is said to be made by what."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from deployments.cli.main import main
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.store.reports import PAGES, pick_page
from tests import life
from tests.buckets import local


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> LocalBucket:
    """A life of the toy pipeline, up to its first model."""
    workspace = life.toy_workspace(tmp_path_factory.mktemp("life"))
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    assert life.train(workspace).outcome == "promoted"
    assert isinstance(workspace.bucket, LocalBucket)
    return workspace.bucket


@pytest.fixture
def here(bucket: LocalBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_BUCKET", bucket.folder.as_uri())
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    monkeypatch.setenv("PERENNIAL_PIPELINES", "tests/pipelines")


def run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["report", "toy", *words])
    said = capsys.readouterr()
    assert ended.value.code == status, said.err
    return said.out if status == 0 else said.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("validation", "a.csv"),
        ("card", "Model card: toy, version 1"),
        ("explanation", "What toy version 1 looks at"),
    ],
)
def test_the_printed_address_opens_and_a_copy_is_saved(
    kind: str, shows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with urllib.request.urlopen(run(capsys, kind).strip()) as page:
        assert shows in page.read().decode()
    saved = Path(run(capsys, kind, "--save", str(tmp_path)).strip())
    assert saved.parent == tmp_path.resolve()
    assert saved.name.startswith(f"toy-{kind}-")
    assert shows in saved.read_text()


@pytest.mark.usefixtures("here")
def test_without_a_kind_the_newest_of_each_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(run(capsys, "--json"))
    assert {page["kind"]: page["pages"] for page in document["pages"]} == {
        "validation": 1,
        "card": 1,
        "explanation": 1,
    }
    assert "explanation" in run(capsys)


@pytest.mark.usefixtures("here")
def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    said = run(capsys, "card", "--save", str(tmp_path / "file" / "card.html"), status=2)
    assert "file/card.html: its folder is there, or can be made" in said


@pytest.mark.usefixtures("here")
def test_what_is_not_there_is_said_with_what_makes_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "backtest", status=2)
    assert "backtest of toy: there is no such page yet. One is made by `perennial backtest" in said
    assert "there is no page of 7. The newest: 1." in run(capsys, "card", "--of", "7", status=2)


@pytest.mark.parametrize("kind", PAGES)
def test_the_newest_of_several_is_meant_unless_one_is_named(kind: str) -> None:
    store, (topic, ending) = local(), PAGES[kind]
    for of in ("ab12", "cd34"):
        store.put(Layout("toy").report(topic, f"{of}{ending}"), of.encode())
    store.put(Layout("toy").report(topic, "zz99.json"), b"no page")
    assert pick_page(store, Layout("toy"), kind).of == "cd34"
    assert pick_page(store, Layout("toy"), kind, "ab").key.endswith(f"ab12{ending}")
