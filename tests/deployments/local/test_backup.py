"""What a backup holds comes back whole, and the loop goes on from there."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deployments.cli.main import main
from deployments.local.backup import DOCUMENT, find_broken
from deployments.local.folder import Folder
from tasks.promotion import pointer
from tasks.promotion.versions import load_champion, published
from tasks.settings import REPOSITORY, Settings
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests import life
from tests.environment import kept_environment

KEY = "a signing key"
TABLES = """
CREATE TABLE model_versions (name TEXT, version INTEGER, source TEXT, current_stage TEXT);
CREATE TABLE logged_models (model_id TEXT, artifact_location TEXT);
INSERT INTO model_versions VALUES ('toy', 1, 'models:/m-1', 'None');
INSERT INTO logged_models VALUES ('m-1', 'mlflow-artifacts:/1/models/m-1/artifacts');
"""


@dataclass(frozen=True)
class Home:
    """A home whose bucket is a folder, and how a command is told of it."""

    root: Path
    bucket: Path

    @property
    def told(self) -> dict[str, str]:
        return {
            "PERENNIAL_HOME": str(self.root),
            "PERENNIAL_BUCKET": self.bucket.as_uri(),
            "PERENNIAL_PIPELINES": str(REPOSITORY / "tests" / "pipelines"),
        }

    @property
    def settings(self) -> Settings:
        return Settings("", "", "", Keyring(KEY), bucket=self.bucket.as_uri(), home=self.root)

    def run(self, *words: str) -> int:
        """Run a command for this home; return its exit status."""
        with kept_environment(), pytest.MonkeyPatch.context() as patch:
            for name, text in self.told.items():
                patch.setenv(name, text)
            with pytest.raises(SystemExit) as ended:
                main(words)
        return int(ended.value.code or 0)

    def workspace(self, like: Workspace) -> Workspace:
        return replace(like, bucket=LocalBucket(self.bucket), home=self.root)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Workspace]]:
    """A pipeline with a champion, in a home with keys and both databases."""
    folder = tmp_path_factory.mktemp("lived")
    home = Home(folder / "home", folder / "bucket")
    workspace = home.workspace(life.toy_workspace(folder))
    life.ingest(workspace, "a.csv", life.toy_rows(600))
    assert life.train(workspace).outcome == "promoted"
    workspace.bucket.put("mlflow/1/models/m-1/artifacts/model.onnx", b"model")
    there = Folder.at(home.root)
    there.make()
    there.secrets.write_text(f"PERENNIAL_SIGNING_KEY={KEY}\n")
    there.secrets.chmod(0o600)
    for path in (home.root / "mlflow.db", there.prefect / "prefect.db"):
        with closing(sqlite3.connect(path)) as made:
            made.executescript(TABLES)
    yield home, workspace


@pytest.fixture(scope="module")
def kept(lived: tuple[Home, Workspace], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup."""
    folder = tmp_path_factory.mktemp("kept") / "backup"
    assert lived[0].run("backup", str(folder)) == 0
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "bucket")


def test_the_keys_are_readable_by_the_user_alone(kept: Path) -> None:
    for name in ("secrets.env", "databases/mlflow.db", "databases/prefect.db", DOCUMENT):
        assert stat.S_IMODE((kept / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700


def test_after_a_restore_all_is_there_and_the_loop_goes_on(
    lived: tuple[Home, Workspace], kept: Path, other: Home
) -> None:
    before = lived[1]
    assert other.run("restore", str(kept)) == 0
    after = other.workspace(before)
    facts = [{info.key: info.etag for info in one.bucket.list("")} for one in (before, after)]
    assert facts[0] == facts[1]
    assert pointer.read(after) == pointer.read(before)
    assert load_champion(after).manifest == load_champion(before).manifest
    assert [entry.id for entry in after.ledger.entries()] == [
        entry.id for entry in before.ledger.entries()
    ]
    assert f"PERENNIAL_SIGNING_KEY={KEY}\n" in Folder.at(other.root).secrets.read_text()
    with closing(sqlite3.connect(other.root / "mlflow.db")) as read:
        assert read.execute("SELECT count(*) FROM model_versions").fetchone() == (1,)
    assert find_broken(other.settings, Folder.at(other.root)) == ()
    # the same file is known, a new one is taken in, decided on and learned from
    assert life.ingest(after, "a.csv", life.toy_rows(600)).outcome == "already"
    assert life.ingest(after, "b.csv", life.toy_rows(400, start=600)).outcome == "accepted"
    assert life.monitor(after)
    assert life.train(after).outcome in {"promoted", "refused"}
    assert published(after) == (1, 2)


def test_what_lacks_is_named(kept: Path, other: Home, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    torn = other.root.with_name("torn")
    shutil.copytree(kept, torn)
    (torn / "objects" / "toy" / "models" / "1" / "manifest.json").write_text("{}")
    shutil.rmtree(torn / "objects" / "mlflow")
    assert other.run("restore", str(torn)) == 1
    said = capsys.readouterr().out
    assert "toy/models/1/manifest.json" in said
    assert "MLflow's version 1 of toy: its model lies in mlflow/1/models/m-1/artifacts/" in said


def test_a_used_home_or_bucket_is_kept_unless_forced(
    kept: Path, other: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert other.run("restore", str(kept)) == 0
    LocalBucket(other.bucket).put("toy/later", b"written since")
    assert other.run("restore", str(kept)) == 3
    assert "a used one" in capsys.readouterr().err
    assert Home(other.root.with_name("empty"), other.bucket).run("restore", str(kept)) == 3
    assert LocalBucket(other.bucket).get("toy/later") == b"written since"
    assert other.run("restore", str(kept), "--force") == 0
    assert LocalBucket(other.bucket).head("toy/later") is None
    (aside,) = other.root.parent.glob("home.before-*")
    assert (aside / "secrets.env").exists()


def test_what_is_no_whole_backup_is_refused(
    lived: tuple[Home, Workspace], kept: Path, other: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert other.run("restore", str(kept.with_name("bakcup"))) == 2
    assert f"Did you mean {kept.name}?" in capsys.readouterr().err
    half = other.root.with_name("half")
    (half / "objects").mkdir(parents=True)
    assert other.run("restore", str(half)) == 1
    assert "which a backup writes last" in capsys.readouterr().err
    told = {**json.loads((kept / DOCUMENT).read_text()), "perennial": "perennial backup 2"}
    (half / DOCUMENT).write_text(json.dumps(told))
    assert other.run("restore", str(half)) == 1
    assert "Upgrade perennial." in capsys.readouterr().err
    assert not other.root.exists()
    assert lived[0].run("backup", str(half)) == 3
