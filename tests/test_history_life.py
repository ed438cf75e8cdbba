"""A series lives by its own earlier values: the same in training, scoring, monitoring and API."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.backtest.pinning import plan_backtest
from tasks.backtest.table import read_rows
from tasks.config import Pipeline, window_length
from tasks.errors import DataError
from tasks.explanation.file import explain_file
from tasks.features.history import add_history, plan_history
from tasks.ingestion.remembering import keep_history
from tasks.ingestion.removal import pick_held, remove_batch
from tasks.labels.known import gather_history, with_history
from tasks.monitoring.arrivals import find_arrivals
from tasks.monitoring.gathering import gather
from tasks.promotion.versions import load_champion
from tasks.scoring.score import score_source
from tasks.serving.following import Follower
from tasks.serving.problems import Unfit
from tasks.serving.served import Served
from tasks.signatures import Keyring
from tasks.store.local import LocalBucket
from tasks.training.pinning import pin_run
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests import life

ROWS = 400
CLOSE = 1e-5


def series(count: int, start: int = 0) -> pd.DataFrame:
    """Make the levels of two tanks, each hour, that follow their own past; one is wild."""
    draw = np.random.default_rng(4)
    made = []
    for tank, spread in (("a", 1.0), ("b", 3.0)):
        noise, level = draw.normal(size=start + count) * spread, np.zeros(start + count)
        for hour in range(2, len(level)):
            level[hour] = 1.6 * level[hour - 1] - 0.7 * level[hour - 2] + noise[hour]
        at = pd.date_range("2024-01-01", periods=len(level), freq="h")
        made.append(pd.DataFrame({"at": at, "tank": tank, "level": level.round(3)})[start:])
    rows = pd.concat(made).sort_values(["at", "tank"], ignore_index=True)
    return rows.assign(id=rows["at"].astype(str) + rows["tank"])


def opened(folder: Path, **sections: Any) -> Workspace:
    content = {
        "name": "tanks",
        "task": "regression",
        "target": "level",
        "event_time": "at",
        "key": ["id"],
        "features": {"history": {"lags": 3, "mean": 4, "by": ["tank"]}},
        "data": {"suite": "tests.suites.tanks"},
        "training": {"families": ["linear"], "trials": 0, "folds": 2},
        "gate": {"min_rows": 50, "latency_p99": "50ms"},
        **sections,
    }
    return Workspace(
        LocalBucket(folder / "bucket"),
        "tanks",
        Keyring("a signing key"),
        pipeline=Pipeline.model_validate(content),
        home=folder / "home",
    )


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a pipeline with a champion, and a batch that came after it."""
    workspace = opened(tmp_path_factory.mktemp("tanks"))
    life.ingest(workspace, "a.csv", series(ROWS))
    ended = life.train(workspace, told=False)
    assert ended.outcome == "promoted", ended.summary
    return workspace


def serve(workspace: Workspace) -> tuple[Follower, Served]:
    follower = Follower(workspace)
    follower.look(0.0)
    assert follower.current is not None
    return follower, follower.current.served


def ask(served: Served, rows: pd.DataFrame, **brought: Any) -> list[float]:
    sent = rows[["at", "tank"]].assign(at=rows["at"].map(pd.Timestamp.isoformat), **brought)
    return list(served.answer(served.read(sent.to_dict("records"))).values)


def explained(workspace: Workspace, path: Path, rows: int) -> list[float]:
    return [told.prediction for told in explain_file(workspace, path, rows).explanations]


def trained(workspace: Workspace) -> Work:
    pipeline = workspace.pipeline
    challengers = pipeline.retraining.challengers
    return Work(workspace, pin_run(workspace, window_length(pipeline), challengers))


def test_training_scoring_monitoring_and_api_agree_on_every_row(past: Workspace) -> None:
    data, champion = trained(past).dataset, load_champion(past)
    assert champion.schema.history is not None
    names = champion.schema.history.names
    assert names == ("level_lag_1", "level_from_lag_2", "level_from_lag_3", "level_from_mean_4")
    assert set(names) <= set(data.prepared.columns)
    learned = np.asarray(champion.model.predict(data.prepared), np.float64)
    np.testing.assert_array_equal(ask(serve(past)[1], data.frame), learned)
    by_id = pd.Series(learned, data.frame["id"])
    said = score_source(past, "curated")
    scores = pd.read_parquet(io.BytesIO(past.bucket.get(said["output"])))
    assert len(scores) == len(by_id)
    np.testing.assert_allclose(scores["prediction"], by_id[scores["id"]], rtol=CLOSE)
    (arrival,) = find_arrivals(past)
    seen = gather(past, champion, None, arrival)
    curated = past.curated.scan().collect().to_pandas()
    np.testing.assert_allclose(seen.labelled.predictions, by_id[curated["id"]], rtol=CLOSE)
    plan = plan_backtest(past, ["static"], None, None)
    replayed = read_rows(past.bucket, plan)[0].frame
    pd.testing.assert_frame_equal(
        replayed.set_index("id")[[*names]], data.frame.set_index("id")[[*names]]
    )
    path = past.home / "rows.csv"
    data.frame.tail(3)[["at", "tank", "id"]].to_csv(path, index=False)
    np.testing.assert_allclose(explained(past, path, 3), learned[-3:], rtol=CLOSE)


def test_a_batch_moves_what_the_api_knows(past: Workspace, tmp_path: Path) -> None:
    shutil.copytree(past.bucket.folder, tmp_path / "bucket")
    workspace = opened(tmp_path)
    follower, served = serve(workspace)
    later = series(2, ROWS + 10)
    before = ask(served, later)
    life.ingest(workspace, "b.csv", series(10, ROWS))
    follower.look(1.0)
    moved = ask(served, later)
    assert all(now != then for now, then in zip(moved, before, strict=True))
    last = series(1, ROWS + 9).set_index("tank")["level"]
    drawn = [abs(now - last[tank]) for now, tank in zip(moved, later["tank"], strict=True)]
    assert max(drawn) < 20
    # the same from a file, and from what a request brings along
    later[["at", "tank", "id"]].to_csv(workspace.home / "later.csv", index=False)
    told = explained(workspace, workspace.home / "later.csv", 4)
    np.testing.assert_allclose(told, moved, rtol=CLOSE)
    own = dict.fromkeys(served.history.names, None)
    assert ask(served, later, **own) != moved
    # lost, it stays as it is known, and is made anew as it was
    where = workspace.layout.history
    kept = json.loads(workspace.bucket.get(where))
    workspace.bucket.delete(where)
    follower.look(2.0)
    assert ask(served, later) == moved
    keep_history(workspace)
    assert json.loads(workspace.bucket.get(where))["groups"] == kept["groups"]
    # taken out again, it is as if it had never come
    remove_batch(workspace, pick_held(workspace, "b.csv"), "ada", "to see")
    keep_history(workspace)
    follower.look(3.0)
    assert ask(served, later) == before
    # nobody without the key moves it
    forged = json.loads(workspace.bucket.get(where))
    forged["groups"]["a"][1][-1] += 50
    workspace.bucket.put(where, json.dumps(forged).encode())
    (turn,) = follower.look(4.0)
    assert turn.outcome == "refused"
    assert "as it was signed" in turn.why
    assert follower.look(5.0) == ()
    assert ask(served, later) == before


@pytest.mark.parametrize("history", [{"lags": 1, "by": ["tank"]}, None], ids=["other", "none"])
def test_a_champion_is_compared_by_the_history_that_it_knows(
    past: Workspace, tmp_path: Path, history: dict[str, Any] | None
) -> None:
    shutil.copytree(past.bucket.folder, tmp_path / "bucket")
    workspace = opened(tmp_path, features={"history": history})
    life.ingest(workspace, "b.csv", series(200, ROWS))
    ended = life.train(workspace, told=False)
    assert ended.outcome in ("promoted", "refused")


def sees_too_much(workspace: Workspace, frame: pd.DataFrame, early: float) -> list[str]:
    """Return the rows whose history changes with a target that they must not know.

    `early` is how much too early, in microseconds, the history is looked up.
    """
    plan = plan_history(workspace.pipeline)
    assert plan is not None
    asked = frame.assign(at=frame["at"] + pd.to_timedelta(early, unit="us"))
    whole = add_history(asked, plan, gather_history(frame, plan))
    found = []
    for place in range(0, len(frame), 17):
        changed = frame.copy()
        changed.loc[frame.index[place], "level"] += 1000
        again = add_history(asked, plan, gather_history(changed, plan))
        differs = (again[[*plan.names]] != whole[[*plan.names]]) & ~(
            again[[*plan.names]].isna() & whole[[*plan.names]].isna()
        )
        hidden = frame["at"] <= frame["at"].iloc[place]
        found += frame["id"][hidden & differs.any(axis=1)].tolist()
    return found


def test_no_row_knows_itself_and_a_leak_by_one_row_is_found(past: Workspace) -> None:
    frame = series(100)
    assert sees_too_much(past, frame, early=0) == []
    # a lookup that is one tick late sees the row's own target: the check must tell
    assert len(sees_too_much(past, frame, early=1)) == len(range(0, len(frame), 17))


def test_rows_of_one_time_never_see_each_other(past: Workspace) -> None:
    frame = series(30)
    workspace = replace(past, pipeline=opened(past.home, features={"history": {}}).pipeline)
    assert sees_too_much(workspace, frame, early=0) == []
    made = with_history(frame, workspace.pipeline)
    assert made.groupby("at")["level_lag_1"].nunique().max() == 1


def test_a_label_that_comes_later_is_known_since_it_came(tmp_path: Path) -> None:
    late = {"labels": "delayed", "label_delay": "2h"}
    pipeline = opened(tmp_path, monitoring=late).pipeline
    frame = series(6).query("tank == 'a'").reset_index(drop=True)
    made = with_history(frame, pipeline)
    # two hours and a moment later: that of three hours before is the newest known
    assert made["level_lag_1"].tolist()[3:] == frame["level"].tolist()[:3]
    assert made["level_lag_1"].head(3).isna().all()
    came = pd.Series([pd.NaT] * 6, dtype="datetime64[us, UTC]")
    came.iloc[1] = pd.Timestamp("2024-01-01T04:30", tz="UTC")
    made = with_history(frame.assign(_labelled_at=came), pipeline)
    level = frame["level"].tolist()
    # the label of one o'clock came after that of two was due: it tells nothing of now any more
    assert made["level_lag_1"].tolist()[3:] == [level[0], level[0], level[2]]
    assert "_labelled_at" not in made


def test_classes_are_looked_up_as_texts(tmp_path: Path) -> None:
    pipeline = opened(tmp_path, task="binary", features={"history": {"lags": 2}}).pipeline
    frame = series(4).query("tank == 'a'").assign(level=[0, 1, 1, 0])
    made = with_history(frame, pipeline)
    assert made["level_lag_2"].isna().tolist() == [True, True, False, False]
    assert made["level_lag_1"].tolist()[1:] == ["0", "1", "1"]


def test_a_time_before_what_is_kept_is_refused_by_name(
    past: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(past.bucket.folder, tmp_path / "bucket")
    workspace = opened(tmp_path)
    monkeypatch.setattr("tasks.ingestion.remembering.MOST", 40)
    workspace.bucket.delete(workspace.layout.history)
    keep_history(workspace)
    _, served = serve(workspace)
    with pytest.raises(Unfit) as raised:
        ask(served, series(1, 10))
    assert "send level_lag_1, level_from_lag_2" in raised.value.problems[0].problem
    whole = trained(past).dataset.frame.tail(20)
    assert ask(served, whole) == ask(serve(past)[1], whole)


def test_a_column_of_that_name_is_refused(past: Workspace) -> None:
    rule = "its columns are called as no column of the data; got level_lag_1. Rename the column"
    with pytest.raises(DataError, match=rule):
        with_history(series(10).assign(level_lag_1=1.0), past.pipeline)


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"event_time": None}, "needs event_time.*leave features.history out"),
        ({"task": "binary"}, "mean is of numbers"),
        ({"data": {"personal": ["tank"]}}, "these are personal: tank"),
        ({"features": {"history": {"by": ["at"]}}}, "names other columns"),
    ],
)
def test_what_no_history_can_be_made_of_is_refused(
    tmp_path: Path, sections: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        opened(tmp_path, **sections)
