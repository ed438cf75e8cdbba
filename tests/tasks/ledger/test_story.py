from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.ledger.entry import Entry
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


def test_what_no_decision_asked_for_is_told_alone() -> None:
    alone = entry("verdict", 5, 3, "version 3 was refused by the gate", next="refused")
    assert [one.title for one in story((*YEAR, alone))][2:] == ["A training", "Rolled back"]


def test_a_challenger_waits_until_it_is_promoted_rejected_or_overtaken() -> None:
    waits = entry("verdict", 4, 3, "waits", next="awaiting approval")
    assert waiting_versions((*YEAR[:-1], waits)) == (3,)
    assert waiting_versions((*YEAR[:-1], waits, rejection("flights", 3, "me", "no"))) == ()
    assert waiting_versions((*YEAR[:-1], waits, entry("promotion", 6, 3, "in service"))) == ()
    assert waiting_versions((*YEAR[:-1], waits, entry("promotion", 6, 4, "in service"))) == ()
