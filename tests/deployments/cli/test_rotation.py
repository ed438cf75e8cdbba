"""`perennial keys rotate`, `keys retire` and `verify` on a bucket in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.cli.main import main
from deployments.local import secrets
from deployments.local.stack import access
from tasks.errors import IntegrityError
from tasks.promotion import pointer
from tasks.promotion.promote import promote
from tasks.promotion.signing import verify_place
from tasks.settings import EARLIER, RETIRED, SIGNING, SIGNING_FILE, read_keyring
from tasks.signatures import canonical
from tasks.store.local import LocalBucket
from tasks.workspace import Place
from tests.environment import kept_environment
from tests.tasks.promotion.scenes import KEY, published


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a home whose bucket holds two versions of a pipeline, signed with its own key."""
    (tmp_path / "home").mkdir(mode=0o700)
    path = tmp_path / "home" / "secrets.env"
    secrets.ensure(path)
    secrets.replace(path, {**(secrets.read(path) or {}), SIGNING: KEY.current})
    bucket = LocalBucket(tmp_path / "bucket")
    published(bucket, "flights", 2)
    for version in (1, 2):
        promote(Place(bucket, "flights", KEY), version, by="ada", why="it is better")
    with kept_environment():
        monkeypatch.setenv("PERENNIAL_BUCKET", (tmp_path / "bucket").as_uri())
        monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path / "home"))
        monkeypatch.delenv(SIGNING, raising=False)
        yield tmp_path / "home"


def run(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    said = capsys.readouterr()
    assert int(ended.value.code or 0) == status, said.err
    return json.loads(said.out)


def keys_of(home: Path) -> dict[str, str]:
    return secrets.read(home / "secrets.env") or {}


def test_a_key_is_replaced_and_the_one_before_retired(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = run(capsys, "keys", "rotate", "signing")
    # two manifests and the pointer
    assert told["signed"] == {"flights": 3}
    found = keys_of(home)
    assert found[EARLIER] == KEY.current
    assert found[SIGNING] != KEY.current
    run(capsys, "keys", "rotate", "signing")
    assert keys_of(home)[EARLIER] == f"{found[SIGNING]},{KEY.current}"
    run(capsys, "keys", "retire")
    after = keys_of(home)
    assert (EARLIER in after, after[RETIRED]) == (False, f"{found[SIGNING]},{KEY.current}")
    said = run(capsys, "verify", "flights")
    assert [row["what"] for row in said["seen"]] == [
        "champion",
        "trial",
        "version 1",
        "version 2",
        "ledger",
    ]
    assert all(row["whole"] for row in said["seen"])
    # whoever knows an old key changes nothing with it
    bucket = LocalBucket(home.parent / "bucket")
    told = {SIGNING_FILE: str(home / "secrets.env")}
    believed = Place(bucket, "flights", read_keyring(told))
    current, etag = pointer.read(believed) or pytest.fail("no champion")
    pointer.swap(Place(bucket, "flights", KEY), current, etag)
    said = run(capsys, "verify", "flights", status=1)
    assert [row["what"] for row in said["seen"] if not row["whole"]] == ["champion", "ledger"]


def test_a_pointer_without_a_signature_is_accepted_by_a_person(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = LocalBucket(home.parent / "bucket")
    where = Place(bucket, "flights", KEY).layout.champion
    document = json.loads(bucket.get(where))
    del document["signature"]
    bucket.put(where, canonical(document))
    run(capsys, "verify", "flights", status=1)
    told = run(capsys, "verify", "flights", "--accept")
    assert told["accepted"][0].startswith("version 2, since ")
    assert all(row.whole for row in verify_place(Place(bucket, "flights", KEY)))


def test_a_ledger_that_does_not_hold_is_accepted_by_a_person(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = LocalBucket(home.parent / "bucket")
    ledger = Place(bucket, "flights", KEY).ledger
    rows = ledger.table.rows()
    assert rows is not None
    ledger.table.append(rows.slice(0, 1).set_column(0, "id", [["theirs"]]), "theirs", {})
    with pytest.raises(IntegrityError, match="theirs came without a link"):
        promote(Place(bucket, "flights", KEY), 1, by="ada", why="it is better")
    run(capsys, "verify", "flights", status=1)
    told = run(capsys, "verify", "flights", "--accept")
    assert told["accepted"] == ["ledger as it is, 3 lines"]
    assert "accepted as they are by" in told["seen"][-1]["told"]
    run(capsys, "keys", "rotate", "signing")
    assert all(row["whole"] for row in run(capsys, "verify", "flights")["seen"])


def test_keys_that_the_environment_tells_are_changed_where_it_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SIGNING, "a key of the team")
    before = keys_of(home)
    told = run(capsys, "keys", "rotate", "signing", status=2)
    assert "which the environment tells" in told["error"]
    assert keys_of(home) == before


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ("s3", {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}),
        (
            "logins",
            {
                "PREFECT_SERVER_API_AUTH_STRING",
                "PERENNIAL_MLFLOW_OWNER",
                "PERENNIAL_MLFLOW_VIEWER",
            },
        ),
    ],
)
def test_keys_that_are_held_by_processes_are_replaced(
    home: Path, capsys: pytest.CaptureFixture[str], which: str, names: set[str]
) -> None:
    before = keys_of(home)
    told = access(home)
    assert run(capsys, "keys", "rotate", which) == {"rotated": which, "restarted": False}
    after = keys_of(home)
    assert {name for name in before if after[name] != before[name]} == names
    # the digest is what a start knows by that they were not told yet
    assert (access(home).digest != told.digest) == (which == "logins")
