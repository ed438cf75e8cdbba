"""An API on loopback: paging, going on where it ended, and what a real network does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.collection.progress import read_progress
from tasks.errors import ConfigurationError, DataError, PerennialError, SourceUnavailable
from tasks.workspace import Workspace
from tests.tasks.collection.api import Api, serving, toy_rows
from tests.tasks.collection.scenes import collecting, ingest, landed_ids, run, with_pipeline

PAGINGS: dict[str, dict[str, Any]] = {
    "pages": {"rows": "data.items", "paging": {"kind": "page"}},
    "offsets": {"paging": {"kind": "offset"}},
    "tokens": {
        "rows": "items",
        "paging": {"kind": "cursor", "parameter": "after", "next": "paging.next"},
    },
    "feed": {"rows": "items", "paging": {"kind": "cursor", "next": "next"}},
    "round": {"rows": "items", "paging": {"kind": "cursor", "next": "next"}},
    "links": {"paging": {"kind": "link"}},
    "all": {},
    "since": {"paging": {"kind": "page"}, "since": {"parameter": "from", "column": "at"}},
}


def source(folder: Path, api: Api, kind: str, **more: Any) -> Workspace:
    return collecting(folder, kind="http", url=f"{api.url}/{kind}", **PAGINGS[kind], **more)


@pytest.mark.parametrize("kind", [kind for kind in PAGINGS if kind != "round"])
@pytest.mark.parametrize("steps", [(0, 1, 37), (10, 20, 25, 25, 31), (23, 23, 60, 61)])
def test_each_row_is_landed_once_however_the_source_grows(
    kind: str, steps: tuple[int, ...], api: Api, tmp_path: Path
) -> None:
    workspace = source(tmp_path, api, kind)
    for count in steps:
        api.rows = toy_rows(count)
        run(workspace, limit=900)
        assert landed_ids(workspace) == list(range(count))
    assert run(workspace).outcome == "nothing"
    assert ingest(workspace) == list(range(steps[-1]))


def test_answers_are_gathered_into_objects_and_each_is_committed(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(95)
    workspace = source(tmp_path, api, "pages")
    done = run(workspace, limit=2_000)
    assert (len(done.keys), done.rows) == (4, 95)
    found = read_progress(workspace)
    assert found is not None
    assert (found[0].objects, found[0].rows, found[0].begun) == (4, 95, ())
    names = [key.rpartition("/")[2] for key in done.keys]
    assert names == [f"{found[0].life}-{number:06}.jsonl" for number in range(1, 5)]


@pytest.mark.parametrize("fault", ["503 0", "429 0", "500", "reset", "html", "repeat"])
def test_what_goes_wrong_for_once_is_asked_again(fault: str, api: Api, tmp_path: Path) -> None:
    api.rows, api.faults = toy_rows(40), ["ok", fault, "ok", fault]
    workspace = source(tmp_path, api, "pages")
    run(workspace)
    assert api.happened[fault] == 2
    assert landed_ids(workspace) == list(range(40))


def test_who_is_told_when_to_come_back_waits_so_long(api: Api, tmp_path: Path) -> None:
    import time

    api.rows, api.faults = toy_rows(3), ["503 2"]
    began = time.monotonic()
    run(source(tmp_path, api, "offsets"))
    assert time.monotonic() - began >= 2
    assert api.happened["503 2"] == 1


def test_a_source_that_stays_away_is_told_and_keeps_what_landed(api: Api, tmp_path: Path) -> None:
    api.rows, api.faults = toy_rows(40), ["ok", "ok", *["503 0"] * 3]
    workspace = source(tmp_path, api, "pages")
    with pytest.raises(SourceUnavailable, match=r"answers in time; got status 503\. It is asked"):
        run(workspace, limit=500)
    assert api.happened["503 0"] == 3
    assert landed_ids(workspace) == list(range(20))
    run(workspace)
    assert landed_ids(workspace) == list(range(40))


def test_who_asks_for_an_hour_is_left_to_the_next_time(api: Api, tmp_path: Path) -> None:
    api.faults = ["429 3600"]
    with pytest.raises(SourceUnavailable, match="the word to come back in 3,600 s"):
        run(source(tmp_path, api, "all"))
    assert len(api.asked) == 1


def test_an_answer_that_trickles_ends_in_time(api: Api, tmp_path: Path) -> None:
    api.rows, api.faults = toy_rows(10), ["slow"] * 3
    workspace = source(tmp_path, api, "all", timeout="1s", retries=1)
    with pytest.raises(SourceUnavailable, match="no whole answer in 1 s"):
        run(workspace)
    assert api.happened["slow"] == 2


def test_nobody_there(tmp_path: Path) -> None:
    workspace = collecting(tmp_path, kind="http", url="http://127.0.0.1:9/rows", retries=0)
    with pytest.raises(SourceUnavailable, match="got no connection"):
        run(workspace)


def test_a_page_that_stays_the_one_before_is_refused(api: Api, tmp_path: Path) -> None:
    api.rows, api.faults = toy_rows(30), ["ok", *["repeat"] * 3]
    with pytest.raises(DataError, match="got the answer before once more"):
        run(source(tmp_path, api, "pages"))
    assert api.happened["repeat"] == 3


def test_answers_that_lead_in_a_circle_are_refused(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(1)
    with pytest.raises(DataError, match="once more"):
        run(source(tmp_path, api, "round", retries=0))


def test_an_answer_over_the_bound_is_refused(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(2_000)
    workspace = source(tmp_path, api, "all")
    small = workspace.pipeline.data.model_copy(update={"max_batch_gib": 1e-4})
    workspace = with_pipeline(workspace, data=small)
    with pytest.raises(DataError, match="an answer has at most 107,374 bytes; got more"):
        run(workspace)


def test_a_server_that_orders_its_names_otherwise_moved_no_rows(api: Api, tmp_path: Path) -> None:
    api.rows, workspace = toy_rows(8), source(tmp_path, api, "pages")
    run(workspace)
    api.rows = [dict(reversed(row.items())) for row in toy_rows(10)]
    run(workspace)
    assert landed_ids(workspace) == list(range(10))


def test_rows_that_moved_are_told_where_no_key_knows_them(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(15)
    workspace = source(tmp_path, api, "pages")
    run(workspace)
    api.rows = [*toy_rows(5, start=90), *toy_rows(15)]  # the newest first
    with pytest.raises(DataError, match="rows that were read stay in their place; got others"):
        run(workspace)
    assert landed_ids(workspace) == list(range(15))


def test_where_a_key_knows_them_they_are_read_again_and_dropped(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(15)
    workspace = source(tmp_path, api, "all")
    workspace = with_pipeline(workspace, key=("id",))
    run(workspace)
    assert ingest(workspace) == list(range(15))
    api.rows = toy_rows(20, start=10)  # a window that went on
    run(workspace)
    assert ingest(workspace) == list(range(30))


def test_since_asks_for_what_is_new_alone(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(30)
    workspace = source(tmp_path, api, "since")
    run(workspace)
    assert api.asked[0] == "/since?page=1"
    # One more with the time of the newest, and others behind it.
    api.rows, api.asked = toy_rows(41), []
    run(workspace)
    assert api.asked[0] == "/since?page=1&from=2024-01-01T14%3A00%3A00"
    assert landed_ids(workspace) == list(range(41))


def test_since_begins_where_the_file_says(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(30)
    since = {"parameter": "from", "column": "at", "start": "2024-01-01T10:00:00"}
    paging = {"kind": "page"}
    run(collecting(tmp_path, kind="http", url=f"{api.url}/since", paging=paging, since=since))
    assert landed_ids(collecting(tmp_path, kind="http", url=api.url)) == list(range(20, 30))


def test_nested_objects_are_unfolded_and_lists_refused(api: Api, tmp_path: Path) -> None:
    api.rows = [{"id": 1, "wind": {"speed": 3.5, "from": {"name": "N"}}, "tags": ["a"]}]
    workspace = source(tmp_path, api, "all")
    with pytest.raises(DataError, match=r"got tags \(a list\). Name under source.leave_out"):
        run(workspace)
    left = workspace.pipeline.source.model_copy(update={"leave_out": ("tags",)})
    workspace = with_pipeline(workspace, source=left)
    (key,) = run(workspace).keys
    assert workspace.bucket.get(key) == b'{"id":1,"wind.speed":3.5,"wind.from.name":"N"}\n'


def test_rows_that_are_not_where_the_file_says(api: Api, tmp_path: Path) -> None:
    workspace = collecting(tmp_path, kind="http", url=f"{api.url}/pages", rows="data.itmes")
    with pytest.raises(DataError, match=r"got none.*Did you mean data.items\?"):
        run(workspace)


AUTHS = {
    "bearer": ("s3cret", "authorization", "Bearer s3cret"),
    "basic": ("ada:s3cret", "authorization", "Basic YWRhOnMzY3JldA=="),
    "header": ("X-Key: s3cret", "x-key", "s3cret"),
}


@pytest.mark.parametrize("kind", AUTHS)
def test_a_secret_comes_from_the_environment_and_goes_nowhere_else(
    kind: str, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, name, sent = AUTHS[kind]
    workspace = source(tmp_path, api, "all", auth={kind: "SHOP_TOKEN"})
    with pytest.raises(ConfigurationError, match="needs SHOP_TOKEN; got nothing"):
        run(workspace)
    assert api.asked == []
    monkeypatch.setenv("SHOP_TOKEN", held)
    api.rows = toy_rows(3)
    run(workspace)
    assert api.headers[name] == sent
    stored = [workspace.bucket.get(info.key) for info in workspace.bucket.list("")]
    assert not [data for data in stored if b"s3cret" in data]
    api.faults = ["401"]
    with pytest.raises(ConfigurationError, match="lets us in; got status 401") as refused:
        run(workspace)
    assert "s3cret" not in str(refused.value)
    assert len(api.asked) == 2


@pytest.mark.parametrize("signed", [{}, {"auth": {"bearer": "SHOP_TOKEN"}}])
def test_it_goes_to_another_host_only_where_that_is_allowed_and_without_credentials(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed: dict[str, Any]
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    with serving() as other:
        other.rows, host = toy_rows(4), other.url.removeprefix("http://")
        api.lead_to, api.faults = f"{other.url}/all", ["redirect"] * 2
        with pytest.raises(ConfigurationError, match=f"its own host alone; got {host}. List that"):
            run(source(tmp_path, api, "all", **signed))
        assert (api.happened["redirect"], other.asked) == (1, [])
        workspace = source(tmp_path / "listed", api, "all", redirects=[host], **signed)
        run(workspace)
        assert landed_ids(workspace) == list(range(4))
        assert "authorization" not in other.headers
        assert api.headers.get("authorization") == ("Bearer s3cret" if signed else None)


def test_a_redirect_leads_to_the_web_alone(api: Api, tmp_path: Path) -> None:
    api.lead_to, api.faults = "file:///etc/passwd", ["redirect"]
    with pytest.raises(ConfigurationError, match="begins with http:// or https://; got file"):
        run(source(tmp_path, api, "all"))


def test_redirects_end(api: Api, tmp_path: Path) -> None:
    api.lead_to, api.faults = "/all", ["redirect"] * 9
    with pytest.raises(ConfigurationError, match="redirects at most 5 times"):
        run(source(tmp_path, api, "all"))
    assert api.happened["redirect"] == 5


def test_requests_keep_their_distance(api: Api, tmp_path: Path) -> None:
    import time

    api.rows = toy_rows(20)
    began = time.monotonic()
    run(source(tmp_path, api, "offsets", pause="1s"))
    assert len(api.asked) == 3
    assert time.monotonic() - began >= 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("header Link: <http://[::1>; rel=next", "it leads to an address"),
        ("header Content-Encoding: gzip, gzip", "an answer is packed at most once"),
        ("endless", "got no JSON"),
    ],
)
def test_what_a_hostile_server_answers_is_told(
    fault: str, told: str, api: Api, tmp_path: Path
) -> None:
    api.rows, api.faults = toy_rows(5), [fault] * 3
    workspace = collecting(tmp_path, kind="http", url=f"{api.url}/pages", rows="data.items")
    with pytest.raises(PerennialError, match=told):
        run(workspace)


def test_what_stands_behind_a_question_mark_is_told_to_nobody(api: Api, tmp_path: Path) -> None:
    address = f"{api.url}/pages?api_key=s3cret"
    with pytest.raises(DataError, match="got none") as told:
        run(collecting(tmp_path, kind="http", url=address, rows="nowhere"))
    assert "s3cret" not in str(told.value)


def test_another_source_starts_at_the_beginning(api: Api, tmp_path: Path) -> None:
    api.rows = toy_rows(15)
    run(source(tmp_path, api, "pages"))
    done = run(source(tmp_path, api, "offsets"))
    assert done.rows == 15
    # How it is asked is no part of what it is.
    assert run(source(tmp_path, api, "offsets", timeout="9s", retries=1)).rows == 0
