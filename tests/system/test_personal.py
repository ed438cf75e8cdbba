"""Nothing personal is left on real servers but rows: bucket, MLflow, Prefect, logs, commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from deployments.local import connection
from tasks.settings import REPOSITORY, Settings
from tasks.store.connect import open_bucket
from tests.canaries import LEAK, NAMED, people, search, search_bucket, search_folder
from tests.canary_batches import BAD_BATCHES, BAD_LABELS, bad_requests, requests
from tests.servers import poll
from tests.system.walking import SERVING, Shell

pytestmark = [pytest.mark.soak, pytest.mark.system]
NAME = "customers"
SET = {
    "data.personal+": f"[{', '.join(NAMED)}]",
    "features.exclude+": LEAK,
    "training.trials": "2",
    "training.families": "[linear, lightgbm]",
    "gate.min_rows": "50",
    "monitoring.labels": "delayed",
    "retraining.policy": "every 1 batch",
    "retraining.cooldown": "0s",
}
# One of each kind: each arrival starts a run of its own beside the command's.
BAD = ("mail-for-a-plan.csv", "phone-for-a-plan.csv", "without-header.csv", "changed.csv")
PAGES = ("validation", "card", "explanation", "backtest")


@dataclass
class Said:
    """What each command printed and told, and each request was answered."""

    shell: Shell
    texts: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *, status: tuple[int, ...] = (0,)) -> str:
        code, out, err = self.shell.run(command)
        assert code in status, f"{command}: {code}\n{out[-2000:]}\n{err[-3000:]}"
        self.texts[f"{len(self.texts)} {command[:60]}"] = out + err
        return out


@pytest.fixture
def said(place: Path) -> Said:
    """A shell in a project of its own, whose stack is up."""
    shell = Shell(Path(sys.executable).parent, place, {"PYTHONPATH": str(REPOSITORY)})
    said = Said(shell)
    said.run("perennial init people")
    said.run("cd people")
    return said


def write(folder: Path, files: dict[str, bytes]) -> str:
    """Write files, and return their paths as words of a command."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return " ".join(str(folder / name) for name in files)


def test_nothing_personal_is_left_but_rows(said: Said, place: Path) -> None:
    root, home = said.shell.cwd, said.shell.cwd / ".perennial"
    try:
        said.run("perennial up")
        live(said, place)
        settings = Settings.from_environment(connection.environment(home))
        bucket = open_bucket(settings)
        outside, inside = search_bucket(bucket)
        keys = [info.key for info in bucket.list("")]
    finally:
        said.run("perennial down")
    assert not outside
    assert {found.split("/")[1] for found in inside} >= {"incoming", "curated", "quarantine"}
    # what was never there could hold nothing
    assert any(key.startswith("mlflow/") for key in keys)
    assert any(key.startswith(f"{NAME}/predictions/") and key.endswith(".parquet") for key in keys)
    assert any((home / "prefect").glob("*.db*"))
    assert not search_folder(root, [".perennial/s3"])
    assert not [found for name, text in said.texts.items() for found in search(text.encode(), name)]


def live(said: Said, place: Path) -> None:
    """Do with the pipeline what a person does, good files and bad ones."""
    first, second, third = (
        people(count, start) for count, start in ((400, 0), (200, 400), (200, 600))
    )
    late = second.drop(columns="spend").assign(spend="")
    good = {
        name: rows.to_csv(index=False).encode()
        for name, rows in {"first.csv": first, "second.csv": late, "third.csv": third}.items()
    }
    files = {name: write(place, {name: content}) for name, content in good.items()}
    words = " ".join(f"--set '{key}={text}'" for key, text in SET.items())
    said.run(
        f"perennial new {NAME} --data {files['first.csv']} --target spend --key customer {words}"
    )
    said.run(f"perennial apply {NAME}")
    said.run(f"perennial ingest {NAME} {files['first.csv']}")
    said.run(f"perennial train {NAME}", status=(0, 3))
    said.run(f"perennial models {NAME}")
    bad = {name: BAD_BATCHES[name] for name in BAD}
    said.run(f"perennial ingest {NAME} {write(place, bad)}", status=(3,))
    said.run(f"perennial ingest {NAME} {files['second.csv']}")
    said.run(f"perennial label {NAME} {write(place, BAD_LABELS)}", status=(3,))
    labels = second[["customer", "spend"]].to_csv(index=False).encode()
    ask(said, f"http://127.0.0.1:{SERVING + said.shell.offset}")
    said.run(f"perennial label {NAME} {write(place, {'labels.csv': labels})}")
    said.run(f"perennial ingest {NAME} {files['third.csv']}")
    said.run(f"perennial monitor {NAME}")
    said.run(f"perennial retry {NAME} mail-for-a-plan.csv", status=(3,))
    said.run(f"perennial train {NAME}", status=(0, 3))
    said.run(f"perennial score {NAME} {files['third.csv']} {place / 'scored.csv'}")
    said.run(f"perennial explain {NAME} {files['third.csv']}")
    said.run(f"perennial backtest {NAME} --policy static --policy 'every 1 batch'")
    for command in ("history", "schema", "report", "doctor"):
        said.run(f"perennial {command} {NAME} --json", status=(0, 1))
    for page in PAGES:
        said.run(f"perennial report {NAME} {page} --save .")
    said.run("perennial status --json")


def ask(said: Said, url: str) -> None:
    """Send requests, and wait until the answers are in the table."""
    with httpx.Client(base_url=url, timeout=90) as client:
        poll(lambda: client.get(f"/v1/{NAME}").status_code == httpx.codes.OK, 30, "a champion")
        for name, (path, body) in requests(NAME).items():
            # the first explanation of a worker may be asked for again
            poll(lambda p=path, b=body: client.post(p, content=b).is_success, 90, name, 2)
            said.texts[name] = client.post(path, content=body).text
        for name, (path, body) in bad_requests(NAME).items():
            answer = client.post(path, content=body)
            assert answer.is_client_error, f"{name}: {answer.text}"
        for path in ("/v1", f"/v1/{NAME}", "/openapi.json"):
            said.texts[path] = client.get(path).text
    settings = Settings.from_environment(connection.environment(said.shell.cwd / ".perennial"))
    bucket = open_bucket(settings)
    poll(
        lambda: any(True for _ in bucket.list(f"{NAME}/predictions/_delta_log/")),
        60,
        "a shipment",
        1,
    )
