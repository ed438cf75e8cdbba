"""Every page there is: whatever came stays text, nothing is asked of the network, tags close."""

from __future__ import annotations

import ast
import re
from uuid import UUID

import pytest
from jinja2.sandbox import SandboxedEnvironment
from markdown_it import MarkdownIt

from deployments.apply.automations import TELLS, automations
from tasks.config import Pipeline
from tasks.events.event import document
from tasks.pages.draw import draw
from tasks.pages.page import Badge, Figure, Grid, Link, Page, Section
from tasks.settings import REPOSITORY
from tests.tasks.pages.hostile import HOSTILE, Read
from tests.tasks.pages.kinds import MARKDOWN, NOW, PAGES

TOLD = Pipeline(
    name="toy",
    task="binary",
    target="y",
    notifications={"blocks": ["slack-webhook/ops"], "on": sorted(TELLS)},
)
ESCAPED = {"told", "why", "description"}
USED = re.compile(r"^from (tasks\.pages\.(?:draw|markdown)) import", re.MULTILINE)


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param][1]()


def test_whatever_came_stays_text_and_every_tag_is_closed(page: str) -> None:
    read = Read(page)
    assert not read.open
    assert "evil" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert " ".join(HOSTILE.split()) in read.text


def test_no_page_refers_to_the_network(page: str) -> None:
    read = Read(page)
    places = [value for name, value in read.attributes if name in {"src", "href", "action"}]
    assert not [place for place in places if not re.match(r"data:|#|validations/", place)]
    assert not re.search(r"url\(\s*['\"]?(?!data:)\w*:?//", page)
    allowed = page.index('http-equiv="Content-Security-Policy" content="default-src \'none\';')
    assert allowed < page.index("<style")
    assert "<script" not in page[:allowed]


def test_light_and_dark_and_paper(page: str) -> None:
    assert "color-scheme: light dark" in page
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "@media print" in page


@pytest.mark.parametrize("name", MARKDOWN)
def test_whatever_came_stays_text_in_markdown(name: str) -> None:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(MARKDOWN[name][1]())
    read = Read(html)
    assert not {"evil", "a"} & set(read.tags)
    assert read.tags.count("h1") <= 1
    assert all(value.startswith("plots/") for key, value in read.attributes if key == "src")
    assert " ".join(HOSTILE.split()) in read.text


def find_artifacts() -> list[tuple[str, ast.Call]]:
    """Return every call that makes an artifact in Prefect, and where it stands."""
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in (REPOSITORY / "tasks").rglob("task.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and re.fullmatch(r"show_(markdown|table|link)", ast.unparse(node.func))
    ]


def test_what_stands_beside_an_artifact_is_escaped() -> None:
    """Prefect shows a description as Markdown; the cells of a table and their heads are text."""
    artifacts = find_artifacts()
    assert len(artifacts) > 10
    for where, call in artifacts:
        (told,) = [one.value for one in call.keywords if one.arg == "description"] or [None]
        escaped = told is None or isinstance(told, ast.Constant)
        text = "" if told is None else ast.unparse(told)
        # `told` and `why` are made by `escape`, or hold figures alone
        assert escaped or text.startswith("escape(") or text in ESCAPED, (where, text)


@pytest.mark.parametrize("kind", sorted(TELLS))
def test_what_is_sent_to_people_is_a_sentence(kind: str) -> None:
    """Rendered as Prefect renders it, which escapes nothing."""
    (automation,) = [one for one in automations([TOLD]) if f"when {kind}" in one.name]
    hostile = {"summary": f"incoming/x{HOSTILE}" * 9, "url": None}
    event = document(TELLS[kind], "toy", hostile, NOW, UUID(int=7))
    assert event["payload"]["summary"].count("\n") == 0
    templates = SandboxedEnvironment()
    for part in ("subject", "body"):
        body = templates.from_string(automation.action[part]).render(event={**event})
        assert len(body) < 600
        assert not re.search(r"[<>&`*|@\[\]]|://|//evil", body), body
    assert "incoming/x" in event["payload"]["summary"]


def test_what_the_libraries_render_is_there() -> None:
    assert "Sampled Unexpected Values" in PAGES["data docs"][1]()
    assert "drawDashboard" in PAGES["drift"][1]()


def test_every_module_that_draws_is_in_the_registry() -> None:
    sources = (REPOSITORY / "tasks").rglob("*.py")
    modules = {
        path: ".".join(path.relative_to(REPOSITORY).with_suffix("").parts) for path in sources
    }
    used = {
        (door, module)
        for path, module in modules.items()
        for door in USED.findall(path.read_text())
        # what these escape stands beside an artifact
        if path.name != "task.py"
    }
    drawn = {("tasks.pages.draw", module) for module, _ in PAGES.values()}
    written = {("tasks.pages.markdown", module) for module, _ in MARKDOWN.values()}
    assert used <= drawn | written


def test_half_a_letter_does_not_end_a_page() -> None:
    assert "a?b" in draw(Page("a\ud800b", ()))


def test_a_page_shows_each_part_by_its_kind() -> None:
    table = Grid(("n", "x"), ((Badge("met", "good"), Link("7", "a b.html")),), frozenset({1}))
    html = draw(Page("t", (Section("s", (table, Figure("plot", b"png")), "bad"),), lead="l"))
    assert '<td><span class="badge good">met</span></td>' in html
    assert '<td class="number"><a href="a%20b.html"><code>7</code></a></td>' in html
    assert '<img alt="plot" src="data:image/png;base64,cG5n">' in html
    assert '<div class="box bad">' in html
