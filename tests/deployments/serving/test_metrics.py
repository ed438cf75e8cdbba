"""What the parent process tells Prometheus, and the dashboard that shows it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

import deployments.serving
from deployments.serving.freshness import Watching
from tasks.drift.drift import DatasetDrift
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import ledger_of
from tasks.monitoring.observation import Observation
from tasks.policy.situation import MetricValue
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tests.deployments.serving.conftest import Api
from tests.served import fitted, put_on_trial, put_version
from tests.servers import S3, poll

pytestmark = pytest.mark.system
NAME = "watched-figures"  # other tests have a pipeline "watched" in the same bucket
DASHBOARD = Path(deployments.serving.__file__).with_name("grafana.json")


def decision(number: int, observation: Observation | None) -> Entry:
    figures = {"observation": None if observation is None else observation.to_dict()}
    at = datetime(2026, 1, number, tzinfo=UTC)
    return Entry(f"d{number}", at, NAME, "decision", 1, "monitor", "", figures)


def test_the_latest_batch_that_was_seen_is_told(s3: S3) -> None:
    live = MetricValue("roc_auc", 0.7, 0.68, 0.72, 10, 10)
    drift = DatasetDrift((9, 9), 0.4, 0.3, True, (), (), None, "")
    seen = Observation(*(NAME, "b", 1, 1, "o", "", "", 10, 10, 0), live, None, drift=drift)
    ledger = ledger_of(open_bucket(s3.settings), NAME, s3.settings.keyring)
    for entry in (decision(1, seen), decision(2, None)):
        ledger.append(entry)
    watching = Watching(s3.settings)
    watching.look()
    (found,) = [one for one in watching.latest if one.pipeline == NAME]
    assert (found.metric, found.live, found.drift) == ("roc_auc", 0.7, 0.4)


@pytest.mark.parametrize(
    ("when", "told"), [("full later", "told"), ("full from the start", "untold")]
)
def test_a_full_disk_costs_figures_and_no_worker(tmp_path: Path, when: str, told: str) -> None:
    """The kernel ends whoever writes to a mapped page that the disk has no room for."""
    mounted = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, str(tmp_path)]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    child = [sys.executable, "-m", "tests.deployments.serving.full_disk", str(tmp_path), when]
    done = subprocess.run([*command, *child], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [told, "answered", "3002"]), done.stderr
    assert "are told no more until another start" in done.stderr


def test_every_figure_of_the_dashboard_is_told(api: Api) -> None:
    name, key = "serve-number", api.settings.keyring
    assert api.predict(name, api.models[name].rows(1)).ok
    other = fitted(task="regression", trees=60)
    put_on_trial(api.bucket, key, put_version(api.bucket, key, other, name, "measured"), 0.0)
    poll(lambda: "perennial_trial_rows" in figures(api), 30, "the trial's figures")
    api.bucket.delete(Layout(name).challenger)
    told = set(re.findall(r"^# TYPE (\w+) ", figures(api), re.MULTILINE))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"perennial_\w+", target["expr"])
    }
    assert len(asked) > 10
    assert {name.removesuffix("_bucket") for name in asked} <= told
    threads = set(re.findall(r"perennial_\w*thread_failures_total{thread=\"(.+)\"}", figures(api)))
    assert threads >= {"following", "withdrawing", "shadow", "shipping", "freshness"}


def figures(api: Api) -> str:
    url = f"http://127.0.0.1:{api.serving.metrics_port}/metrics"
    return requests.get(url, timeout=10).text
