"""Model cards: complete, and harmless whatever the columns are called."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.pages.markdown import escape
from tasks.training.model_card import sections, to_html, to_markdown, write_note
from tests.tasks.pages.hostile import Read
from tests.tasks.training.card import CARD

ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "div", "table"),
    *("thead", "tbody", "tr", "th", "td", "ul", "li", "figure", "img", "main", "section"),
}


@pytest.mark.parametrize(
    "told",
    [
        "0.6641",
        "0.6552 to 0.6722",
        "0.6501",
        "0.5300",
        "64,000 rows",
        "16,000 later rows",
        "data version 3",
        "30 settings",
        "EWR",
        "wind_speed",
        "Do not use it for flights",
        "tail_number was left out",
        "enough rows",
        "Calibration error 0.0210",
        "a" * 64,
        "n_estimators",
        "+0.0106 ± 0.0020",
        "SHAP's values on 2,000 holdout rows",
        "fidelity of 0.56",
        "51%",
    ],
)
def test_both_forms_tell_it(told: str) -> None:
    assert told in to_markdown(CARD)
    assert told in Read(to_html(CARD)).text


def test_both_forms_say_which_kind_of_evidence_it_is() -> None:
    random = replace(CARD, evaluation=replace(CARD.evaluation, evidence="random holdout"))
    for told, card in {"Evidence: latest rows": CARD, "Evidence: random holdout": random}.items():
        assert told in to_markdown(card)
        assert told in Read(to_html(card)).text
    text = to_markdown(random)
    assert "16,000 rows of a random holdout" in text
    assert "later rows (" not in text
    assert "on 16,000 rows of a random holdout" in write_note(random)


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [("promote", "good"), ("awaiting approval", "good"), ("refused", "warn")],
)
def test_the_badge_is_green_for_what_the_gate_let_through(verdict: str, tone: str) -> None:
    assert f'<span class="badge {tone}">{verdict}</span>' in to_html(replace(CARD, verdict=verdict))


def test_an_empty_part_has_no_heading() -> None:
    judged = replace(CARD.evaluation, slices=())
    bare = replace(CARD, evaluation=judged, limits=(), cautions=(), lineage={}, created="")
    titles = [section.title for section in sections(bare)]
    assert "By slice" not in titles
    assert "Limits" not in titles
    assert "Lineage" not in titles
    assert "Verdict" in titles


def test_without_a_champion_there_is_no_column_for_it() -> None:
    alone = replace(CARD, champion=None)
    assert "| champion |" in to_markdown(CARD)
    assert "champion" not in to_markdown(alone)


def test_the_page_holds_the_plots_and_refers_to_nothing_outside() -> None:
    page = Read(to_html(CARD, {"ROC": b"png"}))
    sources = [value for name, value in page.attributes if name in {"src", "href"}]
    assert sources == ["data:image/png;base64,cG5n"]
    assert set(page.tags) <= ALLOWED


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=60))
def test_any_name_keeps_the_page_and_the_table_whole(name: str) -> None:
    card = replace(CARD, features={name: 0.5}, description=name)
    assert set(Read(to_html(card)).tags) <= ALLOWED
    assert "\n" not in escape(name)
    assert escape(name).replace("\\\\", "").replace("\\|", "").count("|") == 0


def test_the_note_is_short_and_says_where_the_rest_is() -> None:
    told = write_note(CARD)
    assert "passed" in told
    assert "model-card.html" in told
    assert "Lineage" not in told
    first = "Passed: extra_trees, roc_auc 0.6641 (0.6552 to 0.6722) on 16,000 rows of 2013-03-13"
    assert told.startswith(first)


def test_every_field_of_the_card_is_shown() -> None:
    quiet = {"images", "version"}
    for field in fields(CARD):
        if field.name in quiet or not isinstance(getattr(CARD, field.name), str):
            continue
        if field.name == "task":
            continue
        changed = replace(CARD, **{field.name: "SHOWN HERE"})
        assert "SHOWN HERE" in to_markdown(changed), field.name


def test_a_card_tells_of_folds_and_of_warnings() -> None:
    judged = replace(CARD.evaluation, evidence="cross-validation", folds=5)
    card = replace(CARD, evaluation=judged, warnings=("enough rows: too few rows were judged",))
    for told in (to_markdown(card), Read(to_html(card)).text):
        assert "16,000 rows of a cross-validation, 5 folds, each by a model of the same" in told
        assert "bootstrap, widened" in told
        assert "let through for a first model: enough rows: too few rows were judged" in told
    assert "16,000 rows of a cross-validation, 5 folds" in write_note(card)
