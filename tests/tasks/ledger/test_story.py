from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.ledger.entry import KINDS, Entry
from tasks.ledger.story import story
from tasks.promotion.waiting import rejection, waiting_versions

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)


def entry(kind: str, minute: int, version: int | None, summary: str, **figures: Any) -> Entry:
    at = NOON + timedelta(minutes=minute)
    return Entry(f"{kind}-{minute}", at, "flights", kind, version, "test", summary, figures)


LIVE = {"metric": "roc_auc", "value": 0.66, "low": 0.65, "high": 0.67, "coverage": 1.0}
SEEN = {
    "version": 1, "first": "2013-04-01T05:00:00", "last": "2013-04-30T23:00:00", "live": LIVE,
    "estimated": None, "drift": {"share": 0.4, "summary": "9 of 24 columns drifted."},
    "suspicions": [], "warnings": [],
}  # fmt: skip
YEAR = (
    entry("quarantine", 0, None, "bad.csv is in quarantine", object="flights/incoming/1/bad.csv",
          reasons=["late: 3 rows outside 0..1"]),
    entry("decision", 1, 1, "Retraining. 28,330 rows arrived.", object="flights/in/april.csv",
          rows=28330, observation=SEEN, decision={"retrain": True}),
    entry("verdict", 2, 2, "version 2 passed the gate", decision="decision-1", next="promote",
          gain=0.012, metric="roc_auc", cost={"cpu_seconds": 33.0}),
    entry("promotion", 3, 2, "version 2 is in service", replaced=1),
    entry("rollback", 9, 1, "version 1 is in service instead of version 2: a complaint"),
)  # fmt: skip


def test_a_batch_is_told_with_all_that_followed_from_it() -> None:
    refused, april, back = story(YEAR)
    assert refused.title == "bad.csv"
    assert "late: 3 rows outside 0..1" in refused.sentences
    text = " ".join(april.sentences)
    assert april.title == "april.csv, 1 April 2013 to 30 April 2013"
    assert "28,330 rows came in." in text
    assert "Version 1 reached roc_auc 0.660 [0.650, 0.670] on them, 100% labelled." in text
    assert "It cost 33 CPU-seconds and bought +0.0120 roc_auc." in text
    assert text.endswith("It serves since 12:03 UTC, instead of version 1.")
    assert back.title == "Rolled back"


def test_rows_of_a_class_that_the_model_does_not_know_are_labelled() -> None:
    live = {**LIVE, "coverage": 107 / 150, "rows": 150, "labelled": 107, "unknown": 43}
    figures = {**YEAR[1].figures, "observation": {**SEEN, "live": live}}
    (chapter,) = story([entry("decision", 1, 1, "Retraining.", **figures)])
    assert "on them, 100% labelled." in " ".join(chapter.sentences)


def test_a_gain_over_a_setting_that_was_fitted_again_is_not_told_as_bought() -> None:
    figures = {**YEAR[2].figures, "gain": 0.0, "metric": "log_loss", "refitted": True}
    (chapter, *_) = story([*YEAR[1:2], entry("verdict", 2, 2, "it passed", **figures)])
    assert chapter.sentences[-1] == (
        "It cost 33 CPU-seconds and gained +0.0000 log_loss over the champion's setting, fitted "
        "again on the same rows."
    )


def test_rows_without_a_time_have_arrived_and_a_single_day_is_told_once() -> None:
    days = {"first": "2013-04-01T05:00:00", "last": "2013-04-01T05:00:00"}
    figures = {**YEAR[1].figures, "observation": {**SEEN, **days}}
    came = entry("decision", 1, 1, "No.", **figures)
    assert story([came])[0].title == "april.csv, 1 April 2013"
    assert story([came], timed=False)[0].title == "april.csv, arrived 1 April 2013"


def test_what_no_decision_asked_for_is_told_alone() -> None:
    alone = entry("verdict", 5, 3, "version 3 was refused by the gate", next="refused")
    assert [one.title for one in story((*YEAR, alone))][2:] == ["A training", "Rolled back"]


def test_a_challenger_waits_until_it_is_promoted_rejected_or_overtaken() -> None:
    waits = entry("verdict", 4, 3, "waits", next="awaiting approval")
    assert waiting_versions((*YEAR[:-1], waits)) == (3,)
    assert waiting_versions((*YEAR[:-1], waits, rejection("flights", 3, "me", "no"))) == ()
    assert waiting_versions((*YEAR[:-1], waits, entry("promotion", 6, 3, "in service"))) == ()
    assert waiting_versions((*YEAR[:-1], waits, entry("promotion", 6, 4, "in service"))) == ()


# What the story makes of one entry of each kind alone: its title, and how its last sentence begins.
CASES = {
    "decision": ("april.csv, 1 April 2013 to 30 April 2013", "Retraining. 28,330 rows arrived."),
    "answer": ("An answer", "It says so. By test."),
    "verdict": ("A training", "It says so. By test."),
    "promotion": ("Promoted", "It says so. By test."),
    "rollback": ("Rolled back", "It says so. By test."),
    "lost": ("A lost race", "It says so. By test."),
    "refused": ("A refused attempt", "It says so. By test."),
    "scored": ("Scored", "It says so. By test."),
    "quarantine": ("bad.csv", "late: 3 rows outside 0..1"),
    "rejection": ("Rejected by a person", "It says so. By test."),
    "trial": ("Tried beside the champion", "It says so. By test."),
    "withdrawal": ("Withdrawn", "It says so. By test."),
    "schema": ("A schema change accepted", "It says so. By test."),
    "clearance": ("Cleared by a person", "It says so. By test."),
    "removal": ("Taken out by a person", "It says so. By test."),
    "release": ("Let in after all", "It says so. By test."),
    "end": ("Ended by a person", "It says so. By test."),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_told_by_its_title(kind: str) -> None:
    assert kind in CASES, f"{kind} is registered: say here how the story tells it"
    known = {"decision": YEAR[1], "quarantine": YEAR[0]}
    (chapter,) = story([known.get(kind, entry(kind, 1, 2, "it says so"))])
    assert (chapter.title, chapter.sentences[-1]) == CASES[kind]


def test_a_file_is_called_as_it_is_written_and_labels_are_told_too() -> None:
    key = "flights/incoming/1/loans2.jsonl"
    said = "loans2.jsonl was judged anew and is accepted"
    (let_in,) = story([entry("release", 1, None, said, object=key)])
    assert let_in.sentences == (f"{said}. By test.",)
    (removed,) = story([entry("removal", 1, None, "it says so", object=key)])
    assert removed.sentences == ("It says so. By test.",)
    (labels,) = story([entry("quarantine", 1, None, said, object=key, what="labels")])
    assert "no model saw a label of it" in labels.sentences[0]


def test_a_kind_of_a_newer_release_is_told_by_its_name() -> None:
    (chapter,) = story([entry("merger", 1, None, "two pipelines became one")])
    assert (chapter.title, chapter.sentences) == ("merger", ("Two pipelines became one. By test.",))


def test_a_name_from_outside_tells_no_chapter_of_its_own() -> None:
    name = "x\n\n2013-05-01 09:00  Cleared by a person\n  It is.\x1b[2K\u202e.csv"
    (told,) = story((entry("quarantine", 0, None, "bad", object=f"f/{name}", reasons=[name]),))
    shown = f"{told.title} {' '.join(told.sentences)}"
    assert shown.isprintable()
    assert told.title.startswith(r"x\n\n2013-05-01")
