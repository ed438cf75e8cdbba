"""What a worker's threads do, without the process around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments.serving.worker import withdraw_the_failing
from tasks.serving.fleet import Fleet
from tasks.serving.following import Follower, InService
from tasks.serving.served import ServedChallenger
from tasks.settings import Settings
from tasks.signatures import Keyring
from tasks.store.layout import Layout
from tasks.store.local import LocalBucket
from tasks.workspace import Place
from tests.served import champion, put_on_trial, put_version

KEY = Keyring("a key")


class Broken(ServedChallenger):
    """A challenger of which nothing can be told."""

    @property
    def over(self) -> str:
        raise RuntimeError("unforeseen")


def failing(bucket: LocalBucket, name: str, kind: type[ServedChallenger]) -> Follower:
    """Return a follower of a pipeline whose challenger failed at everything."""
    made = champion(bucket, KEY, name)
    trial = put_on_trial(bucket, KEY, put_version(bucket, KEY, made, name, "second"), 0.5)
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    follower = fleet.followers[name]
    current: Any = follower.current
    challenger = kind(current.challenger.served, trial)
    challenger.count(1000, error=RuntimeError("injected"))
    made_anew = Follower(Place(bucket, name, KEY))
    made_anew.current = InService(current.served, current.champion, challenger)
    return made_anew


def test_one_withdrawal_that_fails_hides_no_other(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    fleet = Fleet(bucket, KEY)
    fleet.followers = {
        "a-broken": failing(bucket, "a-broken", Broken),
        "b-failing": failing(bucket, "b-failing", ServedChallenger),
    }
    settings = Settings("", "", "", KEY, bucket=tmp_path.as_uri())
    with pytest.raises(ExceptionGroup) as failed:
        withdraw_the_failing(settings, fleet)
    assert [str(one) for one in failed.value.exceptions] == ["unforeseen"]
    ended = bucket.get(Layout("b-failing").challenger)
    assert b"answers failed in one process" in ended
