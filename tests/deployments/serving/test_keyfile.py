"""A file of API keys that is none closes the API, and ends no command with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.serving.keyfile import KeyFile, changing, read_keys
from tasks.errors import ConfigurationError
from tasks.serving.keys import make_key


@pytest.fixture(params=["a folder", "no text", "no keys"])
def wrong(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    if request.param == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe" if request.param == "no text" else b"[]")
    return path


def test_what_is_no_file_of_keys_is_refused(wrong: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.json: it is a file of API keys"):
        read_keys(wrong)


def test_it_lets_nobody_in(wrong: Path) -> None:
    assert KeyFile(wrong, open_without=True).read() == {}


def test_where_no_file_is_named_everybody_is_let_in_or_nobody() -> None:
    assert KeyFile(None, open_without=True).read() is None
    assert KeyFile(None, open_without=False).read() == {}


def test_a_place_where_none_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"keys\.json: it can be written; got"),
        changing(tmp_path / "file" / "keys.json"),
    ):
        pytest.fail("nothing can be changed there")


def test_a_file_that_is_not_there_holds_no_key_and_is_made(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    assert read_keys(path) == {}
    with changing(path) as known:
        _, known["ann"] = make_key("ann", ("*",), 0)
    assert [key.name for key in read_keys(path).values()] == ["ann"]


@pytest.mark.parametrize(("name", "rate"), [("", 1.0), ("berta", float("nan")), ("berta", -1.0)])
def test_a_key_that_could_not_be_read_leaves_the_others_as_they_are(
    tmp_path: Path, name: str, rate: float
) -> None:
    path = tmp_path / "keys.json"
    with changing(path) as known:
        _, known["ann"] = make_key("ann", ("*",), 0)
    with (
        pytest.raises(ConfigurationError, match="a name, and a rate from 0"),
        changing(path) as known,
    ):
        _, known[name] = make_key(name, ("*",), rate)
    assert [key.name for key in read_keys(path).values()] == ["ann"]
