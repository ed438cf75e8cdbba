"""A table of a page of a real server: rows once each, and the server asked as it wishes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tasks.config import check_pipeline
from tasks.errors import ConfigurationError, DataError, PerennialError, SourceUnavailable
from tasks.workspace import Workspace
from tests.tasks.collection import site as sites
from tests.tasks.collection.scenes import collecting, ingest, run

NAMES = ("id", "at", "size", "colour", "high")
Row = tuple[str, ...]


def sale(number: int) -> Row:
    size = "" if number % 19 == 5 else f"{(number * 37 % 101) / 25 - 2:.2f}"
    day, hour = 1 + number // 24 % 28, number % 24
    high = int(number * 37 % 101 > 55)
    colour = ("red", "green", "blue")[number % 3]
    return str(number), f"2024-01-{day:02}T{hour:02}:00:00", size, colour, str(high)


def page(rows: list[Row], names: Row = NAMES, before: str = "") -> bytes:
    header = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "<!doctype html><html><head><title>Sales</title></head><body>"
    return f"{head}{before}<table><tr>{header}</tr>{body}</table></body></html>".encode()


@pytest.fixture
def site() -> Iterator[sites.Site]:
    with sites.serving() as running:
        running.pages["/sales"] = page([sale(number) for number in range(60)])
        yield running


def web_pipeline(folder: Path, site: sites.Site, **section: Any) -> Workspace:
    told = {"url": f"{site.url}/sales", "pause": "0s", **section}
    return collecting(folder, kind="web", **told)


def landed(workspace: Workspace) -> list[list[list[str]]]:
    """Return the lines of each object that was collected."""
    bucket = workspace.bucket
    texts = [
        gzip.decompress(bucket.get(info.key)).decode()
        for info in bucket.list(workspace.layout.collected)
    ]
    return [list(csv.reader(text.splitlines())) for text in texts]


def test_rows_land_and_are_taken_in(tmp_path: Path, site: sites.Site) -> None:
    workspace = web_pipeline(tmp_path, site)
    done = run(workspace)
    assert (done.outcome, done.rows) == ("collected", 60)
    assert landed(workspace)[0][:2] == [list(NAMES), list(sale(0))]
    assert ingest(workspace) == list(range(60))
    assert site.paths == ["/robots.txt", "/sales"]
    assert site.headers["user-agent"].startswith("perennial")


def test_a_page_that_is_as_it_was_lands_nothing(tmp_path: Path, site: sites.Site) -> None:
    workspace = web_pipeline(tmp_path, site)
    run(workspace)
    assert run(workspace).outcome == "nothing"
    assert site.happened["unchanged"] == 1
    # Another page with the same table, and a server that says nothing about change.
    site.pages["/sales"] = page([sale(number) for number in range(60)], before="<p>Hello</p>")
    assert run(workspace).outcome == "nothing"
    site.tags = False
    assert run(workspace).outcome == "nothing"
    assert run(workspace).outcome == "nothing"
    assert site.happened["unchanged"] == 1
    assert "if-none-match" not in site.headers


def test_of_a_table_that_changed_what_is_new_lands(tmp_path: Path, site: sites.Site) -> None:
    workspace = web_pipeline(tmp_path, site)
    run(workspace)
    # The oldest is gone, one is there twice, one has come.
    site.pages["/sales"] = page([sale(number) for number in (*range(1, 61), 30)])
    assert run(workspace).rows == 2
    assert [line[0] for line in landed(workspace)[-1]] == ["id", "60", "30"]
    # What was away and comes back is new.
    site.pages["/sales"] = page([sale(number) for number in range(61)])
    assert run(workspace).rows == 1


def test_the_same_row_a_second_time_is_another_object(tmp_path: Path, site: sites.Site) -> None:
    workspace = web_pipeline(tmp_path, site)
    for count in (1, 2, 3):
        site.pages["/sales"] = page([sale(1)] * count)
        assert run(workspace).rows == 1
    bucket = workspace.bucket
    objects = {bucket.get(info.key) for info in bucket.list(workspace.layout.collected)}
    assert len(objects) == 3


@pytest.mark.parametrize(
    "robots",
    [
        "User-agent: *\nDisallow: /sales",
        "User-agent: *\nDisallow: /",
        "User-agent: perennial-mlops\nDisallow: /\n\nUser-agent: *\nDisallow:",
    ],
)
def test_a_page_that_robots_may_not_read_is_not_asked_for(
    tmp_path: Path, site: sites.Site, robots: str
) -> None:
    site.robots = robots
    with pytest.raises(ConfigurationError, match=r"robots\.txt of 127.0.0.1 lets programs ask"):
        run(web_pipeline(tmp_path, site))
    assert site.paths == ["/robots.txt"]


@pytest.mark.parametrize("robots", ["User-agent: *\nDisallow: /other", "", None])
def test_a_page_that_robots_may_read_is(
    tmp_path: Path, site: sites.Site, robots: str | None
) -> None:
    site.robots = robots
    assert run(web_pipeline(tmp_path, site)).rows == 60


def test_a_host_that_hides_its_rules_or_cannot_tell_them_is_not_asked(
    tmp_path: Path, site: sites.Site
) -> None:
    site.faults["/robots.txt"] = ["403"]
    with pytest.raises(ConfigurationError, match="a rule against it"):
        run(web_pipeline(tmp_path, site))
    site.faults["/robots.txt"] = ["500"] * 3
    with pytest.raises(SourceUnavailable, match=r"robots\.txt: .*; got status 500"):
        run(web_pipeline(tmp_path, site))
    assert site.happened["403"] == 1
    assert site.happened["500"] == 3
    assert set(site.paths) == {"/robots.txt"}


@pytest.mark.parametrize("delay", ["86400", "9" * 400])
def test_a_host_that_wants_to_be_asked_once_a_day_keeps_nobody_waiting(
    tmp_path: Path, site: sites.Site, delay: str
) -> None:
    site.robots = f"User-agent: *\nCrawl-delay: {delay}"
    with pytest.raises(ConfigurationError, match=r"wants 300 s at most between two; got .+ s\."):
        run(web_pipeline(tmp_path, site))
    assert site.paths == ["/robots.txt"]


def test_requests_are_as_far_apart_as_the_host_wants(tmp_path: Path, site: sites.Site) -> None:
    site.robots = "User-agent: *\nCrawl-delay: 1"
    site.faults["/sales"] = ["redirect /moved"]
    site.pages["/moved"] = site.pages["/sales"]
    assert run(web_pipeline(tmp_path, site, pause="200ms")).rows == 60
    assert site.paths == ["/robots.txt", "/sales", "/moved"]
    assert all(after - before >= 0.99 for (_, before), (_, after) in pairwise(site.asked))


def test_a_server_that_says_later_is_asked_later(tmp_path: Path, site: sites.Site) -> None:
    site.faults["/sales"] = ["503 1", "429 0"]
    told: list[str] = []
    assert run(web_pipeline(tmp_path, site), say=told.append).rows == 60
    assert site.happened["503 1"] == site.happened["429 0"] == 1
    times = [moment for path, moment in site.asked if path == "/sales"]
    assert times[1] - times[0] >= 0.99
    assert "status 503" in told[0]


def test_a_page_that_trickles_is_given_up(tmp_path: Path, site: sites.Site) -> None:
    site.faults["/sales"] = ["slow"]
    with pytest.raises(SourceUnavailable, match="no whole answer in 1 s"):
        run(web_pipeline(tmp_path, site, timeout="1s", retries=0))
    assert site.happened["slow"] == 1


def test_it_goes_to_another_host_only_where_that_is_allowed(
    tmp_path: Path, site: sites.Site
) -> None:
    with sites.serving() as other:
        other.pages["/sales"] = page([sale(1)])
        host = other.url.removeprefix("http://")
        site.faults["/sales"] = [f"redirect {other.url}/sales"]
        with pytest.raises(ConfigurationError, match=f"its own host alone; got {host}"):
            run(web_pipeline(tmp_path, site))
        assert not other.asked
        other.robots = "User-agent: *\nDisallow: /"
        site.faults["/sales"] = [f"redirect {other.url}/sales"] * 2
        with pytest.raises(ConfigurationError, match="lets programs ask"):
            run(web_pipeline(tmp_path, site, redirects=[host]))
        assert other.paths == ["/robots.txt"]
        other.robots = None
        assert run(web_pipeline(tmp_path, site, redirects=[host])).rows == 1


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://169.254.169.254/latest", "//["]
)
def test_it_leads_nowhere_else(tmp_path: Path, site: sites.Site, target: str) -> None:
    site.faults["/sales"] = [f"redirect {target}"]
    with pytest.raises(ConfigurationError):
        run(web_pipeline(tmp_path, site))
    assert site.happened[f"redirect {target}"] == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "http://ann:pw@host/x"])
def test_an_address_that_is_none_is_no_pipeline(tmp_path: Path, site: sites.Site, url: str) -> None:
    content = web_pipeline(tmp_path, site).pipeline.model_dump(mode="json")
    content["source"]["collect"]["url"] = url
    with pytest.raises(ConfigurationError, match="url"):
        check_pipeline(content, "toy")


def test_the_page_decides_how_a_table_is_written(tmp_path: Path, site: sites.Site) -> None:
    content = web_pipeline(tmp_path, site).pipeline.model_dump(mode="json")
    content["source"]["delimiter"] = ";"
    with pytest.raises(ConfigurationError, match="leave out delimiter"):
        check_pipeline(content, "toy")


@pytest.mark.parametrize(
    ("section", "content", "kind", "told"),
    [
        (
            {},
            b"<p>No table</p>",
            ConfigurationError,
            "source.collect.table says which table; got 0",
        ),
        ({"table": 2}, page([sale(1)]), ConfigurationError, "got 1 tables, none of them 2: 1 id"),
        ({"table": "salez"}, page([sale(1)]), ConfigurationError, "none of them salez"),
        (
            {},
            page([sale(1)], before="<table><tr><td>menu</table>"),
            ConfigurationError,
            r"got 2 tables: 1 menu \(1 row\), 2 id \| at",
        ),
        ({}, b"<table><tr><th>a<tr><td>\xff", DataError, "1 that are not. Set source.collect.enc"),
        ({}, b"<table>" + b"<tr><td colspan=1000 rowspan=1000>x" * 500, DataError, "characters"),
        # Each begins a comment that never ends.
        ({}, b"<table>" + b"<!--" * 500_000, ConfigurationError, "got 0 tables"),
        ({}, b"<table><tr><td title='" + b"x" * 9_000_000, ConfigurationError, "got 0 tables"),
    ],
)
def test_a_page_without_the_table_is_told(
    tmp_path: Path,
    site: sites.Site,
    section: dict[str, Any],
    content: bytes,
    kind: type[PerennialError],
    told: str,
) -> None:
    site.pages["/sales"] = content
    with pytest.raises(kind, match=told):
        run(web_pipeline(tmp_path, site, **section))


def test_an_answer_that_is_no_page_is_told(tmp_path: Path, site: sites.Site) -> None:
    site.content_type = "application/json"
    with pytest.raises(DataError, match=r"got application/json. Where it answers in JSON"):
        run(web_pipeline(tmp_path, site))


@pytest.mark.parametrize(
    ("section", "content_type", "encoding"),
    [
        ({}, "text/html; charset=iso-8859-1", "cp1252"),
        ({}, "text/html", "utf-8"),
        ({}, "text/html", "cp1252"),
        ({}, "text/html; charset=utf-16", "utf-16"),
        ({"encoding": "cp850"}, "text/html; charset=utf-8", "cp850"),
    ],
)
def test_texts_are_read_in_the_pages_encoding(
    tmp_path: Path, site: sites.Site, section: dict[str, Any], content_type: str, encoding: str
) -> None:
    site.content_type = content_type
    text = "<table><tr><th>Größe<tr><td>señor ½</table>"
    site.pages["/sales"] = text.encode(encoding)
    workspace = web_pipeline(tmp_path, site, **section)
    run(workspace)
    assert landed(workspace) == [[["Größe"], ["señor ½"]]]
