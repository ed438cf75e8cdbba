from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.config import find_pipeline, json_schema, pipeline_names, read_pipeline
from tasks.errors import ConfigurationError
from tasks.settings import REPOSITORY

API = "source: {collect: {kind: http, url: 'https://a.example/v1', "
SMALLEST = """\
name: toy
description: A toy.
task: binary
target: y
event_time: t
"""


def write(folder: Path, text: str, name: str = "toy") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def test_five_fields_are_enough(tmp_path: Path) -> None:
    pipeline = read_pipeline(write(tmp_path, SMALLEST))
    assert pipeline.metric == "roc_auc"
    assert pipeline.training.seconds == 600
    assert pipeline.suite == "expectations.toy"


def test_the_digest_follows_the_meaning(tmp_path: Path) -> None:
    plain = read_pipeline(write(tmp_path, SMALLEST)).digest
    spelled = read_pipeline(write(tmp_path, SMALLEST + "training: {trials: 30}\n")).digest
    other = read_pipeline(write(tmp_path, SMALLEST + "training: {trials: 31}\n")).digest
    assert plain == spelled != other


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("training: {trails: 3}", "Did you mean trials?"),
        ("trainin: {trials: 3}", "Did you mean training?"),
        ("monitoring: {drift: {shares: 20%}}", "monitoring.drift.shares: no such key"),
        ("training: {trials: -1}", "training.trials"),
        ("training: {timeout: soon}", "a duration is"),
        ("training: {holdout: 120%}", "a share lies between"),
        ("data: {max_batch_gib: .inf}", "data.max_batch_gib: Input should be a finite number"),
        ('source: {columns: {t: {format: "%d.%m.%Y%"}}}', "it has %; known are %Y"),
        ('source: {columns: {t: {"true": [yes]}}}', "t: YAML takes yes, no, on and off for truth"),
        ("source: {columns: {t: {missing: [-9, off]}}}", "for truth values: put them in quotes"),
        ("training: {metric: rmse}", "metric for binary is one of roc_auc"),
        ("training: {families: [forest]}", "families are of linear"),
        ("training: {families: []}", "families are of linear"),
        ("retraining: {budget: often}", "COUNT per DURATION"),
        ("retraining: {cooldown: 99999999999999d}", "million years"),
        ("retraining: {challengers: [recent 99999999999999d]}", "million years"),
        ("data: {personal: [who]}\ngate: {slices: [who]}", "gate.slices are not personal"),
        ("key: [y]", "target is neither the key nor the event time"),
        ("features: {transform: no colon}", "features.transform"),
        ("engine: spark", "engine: it is local, dask, dask://HOST:PORT or dask"),
        ("source: {collect: {kind: htp}}", "collect.kind: is one of http, bucket"),
        ("source: {collect: {kind: htp}}", "got 'htp'. Did you mean http?"),
        ("source: {collect: {url: a}}", "source.collect.kind: is needed: one of http"),
        ("source: {collect: {kind: http}}", "source.collect.url: is needed. Add it."),
        (API + "pagging: {}}}", "source.collect.pagging: no such key. Did you mean paging?"),
        (API + "paging: {nxt: a}}}", "source.collect.paging.nxt: no such key. Did you mean next?"),
        (API + "auth: {bearer: ghp_16C7e42F}}}", "bearer is the name of an environment variable"),
        (API + "params: {a: [1]}}}", "source.collect.params.a: it is a text, a number"),
        (API + "headers: {Cookie: a=b}}}", "headers hold no Cookie"),
        ("source: {collect: {kind: bucket, bucket: b}}", "keys are needed: {access: VARIABLE"),
        ("source: {collect: {kind: bucket, timeout: 1m}}", "collect.timeout: no such key"),
        ("engine: dask://", "engine: behind :// stands HOST or HOST:PORT"),
        ("engine: dask://me:secret@scheduler", "engine: behind :// stands HOST or HOST:PORT"),
        ("engine: dask://scheduler:70000", "engine: a port is a number from 1 to 65535"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, added: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("?", r"\?")) as caught:
        read_pipeline(write(tmp_path, SMALLEST + added + "\n"))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "the file is YAML"),
        (SMALLEST.replace("A toy.", "2024-13-45"), "the file is YAML; got month must be in"),
        ("- a\n- b\n", "a mapping of keys"),
        ("", "a mapping of keys"),
        ("name: toy\n", "task: is needed"),
        (SMALLEST.replace("toy", "other"), "the file's own"),
        (SMALLEST.replace("name: toy", "name: ../../etc"), "inner hyphens"),
        (SMALLEST.replace("name: toy", "name: mlflow"), "reserved"),
    ],
)
def test_a_file_that_is_no_pipeline_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_pipeline(write(tmp_path, text))


def test_every_broken_rule_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_pipeline(write(tmp_path, SMALLEST + "bogus: 1\ntraining: {folds: 1}\n"))
    assert "bogus" in str(caught.value)
    assert "folds" in str(caught.value)


def test_an_unknown_pipeline_names_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST)
    with pytest.raises(ConfigurationError, match="Did you mean toy"):
        find_pipeline("tou", tmp_path)
    assert pipeline_names(tmp_path) == ("toy",)


@pytest.mark.parametrize("name", ["../toy", "/etc/passwd", "Toy", "toy\n", "", "a" * 64])
def test_a_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    write(tmp_path, SMALLEST)
    with pytest.raises(ConfigurationError, match="pipeline name"):
        find_pipeline(name, tmp_path)


def test_the_schema_for_editors_is_current() -> None:
    path = REPOSITORY / "deployments" / "pipelines" / "schema.json"
    assert json.loads(path.read_text()) == json_schema(), "run `make schema`"


@pytest.mark.parametrize("secret", ["https://ada:s3cret@a.example", "s3cret"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(secret: str, tmp_path: Path) -> None:
    section = (
        f"url: '{secret}'" if "@" in secret else f"url: 'https://a', auth: {{bearer: {secret}}}"
    )
    text = f"{SMALLEST}source: {{collect: {{kind: http, {section}}}}}\n"
    with pytest.raises(ConfigurationError) as refused:
        read_pipeline(write(tmp_path, text))
    assert "s3cret" not in str(refused.value)


def test_where_rows_are_collected_is_no_part_of_what_is_learned(tmp_path: Path) -> None:
    plain = read_pipeline(write(tmp_path, SMALLEST)).digest
    collecting = f"{SMALLEST}{API}pause: 1s}}}}\n"
    assert read_pipeline(write(tmp_path, collecting)).digest == plain
