"""What is told of the latest batches, also beside a ledger that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployments.serving.freshness import Freshness, Watching
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.monitoring.observation import Observation
from tasks.policy.situation import MetricValue
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.layout import commit
from tasks.store.local import LocalBucket

NOON = datetime(2026, 1, 1, tzinfo=UTC)

KEY = Keyring("a key")


def decision(pipeline: str, live: float, at: datetime = NOON) -> Entry:
    figure = MetricValue("roc_auc", live, 0.68, 0.72, 10, 10)
    observation = Observation(*(pipeline, "b", 1, 1, "o", "", "", 10, 10, 0), figure, None)
    figures = {"observation": observation.to_dict()}
    return Entry(f"d-{live}", at, pipeline, "decision", 1, "monitor", "", figures)


def test_a_broken_ledger_hides_no_other_pipeline(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    for name in ("a-first", "b-broken", "c-last"):
        ledger_of(bucket, name, KEY).append(decision(name, 0.7))
    watching = Watching(Settings("", "", "", "key", bucket=tmp_path.as_uri()))
    watching.look()
    assert [figure.pipeline for figure in watching.latest] == ["a-first", "b-broken", "c-last"]
    for info in list(bucket.list("b-broken/ledger/_delta_log/")):
        bucket.put(info.key, b"{")
    bucket.put(commit("b-broken/ledger", 1), b"{")  # one that was added: else it is not read again
    ledger_of(bucket, "c-last", KEY).append(decision("c-last", 0.6, NOON + timedelta(days=1)))
    watching.look()
    told = {figure.pipeline: figure.live for figure in watching.latest}
    assert told == {"a-first": 0.7, "b-broken": 0.7, "c-last": 0.6}


class Unforeseen(Watching):
    """Fails at one pipeline's ledger in a way that nobody foresaw."""

    def _renew(self, bucket: Bucket, name: str) -> tuple[Freshness, ...]:
        if name == "a-odd":
            raise RuntimeError("unforeseen")
        return super()._renew(bucket, name)


def test_a_ledger_that_fails_in_an_unforeseen_way_hides_no_other_pipeline(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    for name in ("a-odd", "b-good"):
        ledger_of(bucket, name, KEY).append(decision(name, 0.7))
    watching = Unforeseen(Settings("", "", "", "key", bucket=tmp_path.as_uri()))
    watching.look()
    assert [figure.pipeline for figure in watching.latest] == ["b-good"]
