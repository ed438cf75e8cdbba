"""What one request is answered while a challenger is tried beside the champion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.explaining import explained_parts
from deployments.serving.keeping import Keeping
from deployments.serving.predicting import Predicted, Predicting
from deployments.serving.routes import Finder, Found
from deployments.serving.shadowing import Shadowing
from tasks.features.schema import IS_PERSONAL
from tasks.predictions.record import Record
from tasks.serving.fleet import Fleet
from tasks.serving.served import ServedChallenger
from tasks.settings import Settings
from tasks.signatures import Keyring
from tests.buckets import local
from tests.served import champion, fitted, put_in_service, put_on_trial, put_version

KEY = Keyring("a key")
ROWS = 200


class Kept:
    """A log in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[int, str, list[str], list[Any]]] = []

    def add(self, _name: str, record: Record) -> None:
        self.records.append((record.version, record.role, [*record.ids], [*record.values]))


class Bench:
    """The way of a request, with a champion of 200 trees and a challenger of 50 beside it."""

    def __init__(
        self,
        task: str = "binary",
        share: float = 0.3,
        needs: str = "",
        blind: tuple[str, ...] = (),
    ) -> None:
        self.bucket, self.log = local(), Kept()
        self.made = champion(self.bucket, KEY, task=task)
        self.other = fitted(task=task, trees=50, exclude=blind)
        manifest = put_version(self.bucket, KEY, self.other, "flights", "second", needs)
        self.trial = put_on_trial(self.bucket, KEY, manifest, share)
        self.fleet = Fleet(self.bucket, KEY)
        self.fleet.look(0)
        self.shadow = Shadowing(self.log.add)
        self.predicting = Predicting(self.fleet, self.log.add, self.shadow.offer)

    @property
    def challenger(self) -> ServedChallenger:
        current = self.fleet["flights"]
        assert current is not None
        assert current.challenger is not None
        return current.challenger

    def ask(self, path: str, body: Mapping[str, Any]) -> Predicted:
        found = Finder().find("POST", path)
        assert isinstance(found, Found)
        predicted = self.predicting.predict(found, json.dumps(body).encode())
        assert isinstance(predicted, Predicted), predicted
        return predicted

    def native(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(
            self.ask("/v1/flights/predict", {"rows": rows}).written().body
        )
        return said


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_each_row_is_answered_by_the_model_of_its_key_and_named(task: str) -> None:
    bench = Bench(task)
    rows = bench.made.rows(ROWS)
    said = bench.native(rows)
    assert said["model"]["version"] == 1
    by = [one.get("model", said["model"])["version"] for one in said["predictions"]]
    assert 0.15 * ROWS < by.count(2) < 0.45 * ROWS
    assert bench.native(rows[::-1])["predictions"][0]["value"] == said["predictions"][-1]["value"]
    one_by_one = [bench.native([row])["model"]["version"] for row in rows[:40]]
    assert one_by_one == by[:40]
    for version, made in ((1, bench.made), (2, bench.other)):
        mine = [place for place in range(ROWS) if by[place] == version]
        frame = made.prepared.head(ROWS).iloc[mine]
        if task == "regression":
            expected = made.model.predict(frame).tolist()
            got = [said["predictions"][place]["value"] for place in mine]
        else:
            expected = made.model.predict_proba(frame)[:, -1].tolist()
            shares = [said["predictions"][place]["probability"] for place in mine]
            got = [list(one.values())[-1] for one in shares]
        assert got == pytest.approx(expected, abs=1e-5)


def test_no_rows_get_no_answers_from_the_champion() -> None:
    said = Bench(share=1.0).native([])
    assert (said["model"]["version"], said["predictions"]) == (1, [])


def test_the_log_says_who_answered_what() -> None:
    bench = Bench()
    rows = bench.made.rows(ROWS)
    said = bench.native(rows)
    by = {one["id"]: one.get("model", said["model"])["version"] for one in said["predictions"]}
    values = {one["id"]: one["value"] for one in said["predictions"]}
    (first, second) = bench.log.records
    assert [(first[0], first[1]), (second[0], second[1])] == [(1, "champion"), (2, "canary")]
    for version, _, ids, told in (first, second):
        assert {by[one] for one in ids} == {version}
        assert told == [values[one] for one in ids]
    assert len(first[2]) + len(second[2]) == ROWS


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_log_says_whose_key_it_was_asked_with(share: float) -> None:
    bench = Bench(share=share)
    found = Finder().find("POST", "/v1/flights/predict")
    assert isinstance(found, Found)
    kept: list[Record] = []
    shadow = Shadowing(lambda _, record: kept.append(record))
    predicting = Predicting(bench.fleet, lambda _, record: kept.append(record), shadow.offer)
    predicting.predict(found, json.dumps({"rows": bench.made.rows(ROWS)}).encode(), "ann")
    shadow.close(10)
    assert {record.role for record in kept} == {"champion", "canary" if share else "shadow"}
    assert {record.sender for record in kept} == {"ann"}


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize(
    ("file", "model", "why"),
    [
        (None, True, ""),
        (None, False, "unwanted"),
        (None, None, "unknown"),
        ("true", False, ""),
        ("false", True, "unwanted"),
        ("what?", None, ""),
    ],
)
def test_answers_are_kept_as_the_file_says_else_the_model_else_not_at_all(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    file: str | None,
    model: bool | None,
    why: str,
    share: float,
) -> None:
    bucket, made = local(), fitted()
    for place, key in enumerate(("first", "second"), 1):
        manifest = put_version(bucket, KEY, made, "flights", key, log_predictions=model)
        if place == 1:
            put_in_service(bucket, KEY, manifest)
        else:
            put_on_trial(bucket, KEY, manifest, share)
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    if file is not None:
        told = f"name: flights\ntask: binary\ntarget: late\nserving: {{log_predictions: {file}}}\n"
        (tmp_path / "flights.yaml").write_text(told)
    counted: list[tuple[str, str, int]] = []
    settings = Settings("", "", "", KEY, pipelines=tmp_path, home=tmp_path)
    keeps = Keeping(settings, lambda *told: counted.append(told)).keeps
    log = Kept()
    shadow = Shadowing(log.add, keeps=keeps)
    predicting, found = Predicting(fleet, log.add, shadow.offer, keeps), Finder()
    address = found.find("POST", "/v1/flights/predict")
    assert isinstance(address, Found)
    for _ in range(2):
        body = json.dumps({"rows": made.rows(3)}).encode()
        assert isinstance(predicting.predict(address, body), Predicted)
    shadow.close(10)
    answers = 2 if share else 4
    assert len(log.records) == (0 if why else answers)
    assert counted == [("flights", why, 3)] * (answers if why else 0)
    # once of each version
    lines = [record.getMessage() for record in caplog.records if "not kept" in record.getMessage()]
    assert len(lines) == (0 if not why else 1 if share else 2)


def test_no_sender_alone_ends_what_a_challenger_answers() -> None:
    bench = Bench(share=1.0, needs="n1")
    rows = bench.made.rows(400)
    whole = [row for row in rows if row["n1"] is not None]
    lacking = [{**row, "n1": None} for row in rows]
    found = Finder().find("POST", "/v1/flights/predict")
    assert isinstance(found, Found)

    def ask(sent: list[dict[str, Any]], sender: str) -> set[str]:
        body = json.dumps({"rows": sent}).encode()
        said = bench.predicting.predict(found, body, sender)
        assert isinstance(said, Predicted)
        return {part.role for part in said.parts}

    assert ask(whole, "app") == {"canary"}
    assert ask(lacking, "mallory") == {"champion"}
    assert bench.challenger.over == ""
    assert ask(whole, "app") == {"canary"}
    # where the others fail as well, it is over
    assert ask(lacking, "app") == {"champion"}
    assert bench.challenger.over


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_personal_is_not_logged_whoever_answers(share: float) -> None:
    plain = fitted()
    dropped = {**plain.schema.dropped, "passenger": IS_PERSONAL}
    made = replace(
        plain,
        frame=plain.frame.assign(passenger="Ann Example"),
        schema=replace(plain.schema, dropped=dropped),
    )
    bucket = local()
    kept: list[Record] = []
    put_in_service(bucket, KEY, put_version(bucket, KEY, made, "flights", "first"))
    put_on_trial(bucket, KEY, put_version(bucket, KEY, made, "flights", "second"), share)
    fleet = Fleet(bucket, KEY)
    fleet.look(0)
    shadow = Shadowing(lambda _, record: kept.append(record))
    predicting = Predicting(fleet, lambda _, record: kept.append(record), shadow.offer)
    found = Finder().find("POST", "/v1/flights/predict")
    assert isinstance(found, Found)
    row = {**made.rows(1)[0], "passenger": "Ann Example"}
    assert isinstance(predicting.predict(found, json.dumps({"rows": [row]}).encode()), Predicted)
    shadow.close(10)
    assert {record.role for record in kept} == ({"canary"} if share else {"champion", "shadow"})
    for record in kept:
        assert record.rows[0] == {name: row[name] for name in row if name != "passenger"}


def test_the_other_forms_hold_the_same_answers() -> None:
    bench = Bench()
    rows = bench.made.rows(ROWS)
    values = [one["value"] for one in bench.native(rows)["predictions"]]
    asked = bench.ask("/flights/invocations", {"dataframe_records": rows})
    assert json.loads(asked.written().body)["predictions"] == values
    inputs = [
        {"name": "n0", "shape": [ROWS], "datatype": "FP64", "data": [row["n0"] for row in rows]}
    ]
    columns = sorted(rows[0])
    inputs = [
        {"name": name, "shape": [ROWS], "datatype": "BYTES", "data": [row[name] for row in rows]}
        for name in columns
    ]
    body = json.loads(bench.ask("/v2/models/flights/infer", {"inputs": inputs}).written().body)
    assert body["outputs"][0]["data"] == values
    assert body["model_version"] == "1"


def test_an_address_that_names_a_version_is_answered_by_it_alone() -> None:
    bench = Bench(share=1.0)
    rows = bench.made.rows(1)
    inputs = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
        for name, value in rows[0].items()
    ]
    asked = bench.ask("/v2/models/flights/versions/1/infer", {"inputs": inputs})
    assert [part.role for part in asked.parts] == ["champion"]
    asked = bench.ask("/v2/models/flights/infer", {"inputs": inputs})
    assert [part.role for part in asked.parts] == ["canary"]
    assert json.loads(asked.written().body)["model_version"] == "2"


def test_each_row_is_explained_by_the_model_that_answered_it() -> None:
    bench = Bench()
    rows = bench.made.rows(20)
    asked = bench.ask("/v1/flights/predict", {"rows": rows, "explain": True})
    assert len(asked.parts) == 2
    told = explained_parts(asked.parts)
    body = json.loads(asked.written(told).body)
    for part in asked.parts:
        for place in part.places:
            (expected,) = explained_parts([replace_rows(part, place)])
            assert body["predictions"][place]["explanation"]["base"] == expected["base"]


def replace_rows(part: Any, place: int) -> Any:
    rows = part.rows.pick([list(part.places).index(place)])
    return part._replace(places=[0], rows=rows)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_each_model_says_which_fields_it_did_not_look_at(share: float) -> None:
    bench = Bench(share=share, blind=("origin",))
    rows = [{**row, "id": place} for place, row in enumerate(bench.made.rows(ROWS))]
    said = bench.native(rows)
    if share == 1.0:
        assert (said["model"]["version"], said["ignored"]) == (2, ["origin"])
        assert not [one for one in said["predictions"] if "ignored" in one]
    else:
        assert "ignored" not in said, "the champion looks at every field"
        told = {"model" in one: one.get("ignored") for one in said["predictions"]}
        assert told == {True: ["origin"], False: None}
    answer = bench.ask("/flights/invocations", {"dataframe_records": rows}).written()
    assert (b"x-ignored-fields", b"origin") in answer.headers


def test_what_a_canary_fails_to_answer_the_champion_answers() -> None:
    bench = Bench(needs="n1")
    rows = bench.made.rows(ROWS)
    said = bench.native(rows)
    assert all("model" not in one for one in said["predictions"])
    expected = bench.made.model.predict_proba(bench.made.prepared.head(ROWS))[:, 1]
    got = [one["probability"]["1"] for one in said["predictions"]]
    assert got == pytest.approx(expected.tolist(), abs=1e-5)
    challenger = bench.challenger
    assert challenger.failures == challenger.tries > 3
    assert "n1" in challenger.over
    before = challenger.tries
    bench.native(rows)
    assert challenger.tries == before, "it is asked no more"
    assert {role for _, role, *_ in bench.log.records} == {"champion"}


def test_a_shadow_answers_into_the_log_alone_under_the_same_ids() -> None:
    bench = Bench(share=0.0)
    rows = bench.made.rows(ROWS)
    said = bench.native(rows)
    bench.shadow.close(30)
    assert all("model" not in one for one in said["predictions"])
    told = {role: (version, ids, values) for version, role, ids, values in bench.log.records}
    assert told["shadow"][:2] == (2, told["champion"][1])
    expected = bench.other.model.predict_proba(bench.other.prepared.head(ROWS)).argmax(1)
    assert told["shadow"][2] == expected.tolist()
    assert (bench.challenger.tries, bench.challenger.failures) == (ROWS, 0)


def test_a_shadow_that_is_behind_skips_rows_and_counts_them() -> None:
    bench = Bench(share=0.0)
    slow = Shadowing(bench.log.add, waiting=ROWS)
    slow.offer(bench.challenger, [{}] * (ROWS + 1), ["a"] * (ROWS + 1))
    assert slow.skipped == ROWS + 1
    slow.offer(bench.challenger, bench.made.rows(ROWS), ["a"] * ROWS)
    slow.close(30)
    assert bench.challenger.tries == ROWS
