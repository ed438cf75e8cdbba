"""A year of flights while the stack's processes are killed one after the other, by SIGKILL.

    python -m tests.chaos [--seed 7] [--until 12] [--every 30]

`perennial demo` sends the months and waits, as a person's command would; beside it a client asks
for predictions all the time. At the end it is judged whether all is as if nothing had happened.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from deployments.demo.flights import first_quarter, mistaken_month, month
from deployments.local import connection
from deployments.local import stack as local
from deployments.local.folder import Folder
from deployments.local.ports import Ports
from deployments.local.processes import find_marked, find_running, runs_a_flow
from deployments.local.programs import names
from deployments.local.supervise import find_supervisor
from tasks.monitoring.arrivals import find_arrivals
from tasks.monitoring.past import read_observation
from tasks.promotion.versions import load_champion, published
from tasks.reconciliation.readable import find_unreadable
from tasks.settings import REPOSITORY, Settings
from tasks.tracking.registry import read_aliases
from tasks.workspace import Workspace, open_workspace
from tests.servers import any_free_offset, clean_environment, poll

NAME = "flights"
MISTAKEN = 7
PROGRAMS = ("supervisor", *names())
VICTIMS = (*PROGRAMS, "a worker of serving", "a run")
PATIENCE = 1100.0  # seconds that the whole year may take
ASK_EVERY = 0.1  # seconds
GONE = 60.0  # seconds within which serving is back


@dataclass(frozen=True)
class Asked:
    """One request: when it began and ended, by the monotonic clock, and what came."""

    began: float
    ended: float
    came: str


@dataclass(frozen=True)
class Kill:
    """One process that was killed."""

    name: str
    at: float


@dataclass
class Life:
    """What was done to the stack, and what it did."""

    home: Path
    offset: int
    kills: list[Kill] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    told: str = ""

    @property
    def unexplained(self) -> list[Asked]:
        """The requests that failed, but for those in flight at a kill of what answered them."""
        return [one for one in self.asked if one.came != "200" and not self._excuse(one)]

    def _excuse(self, one: Asked) -> bool:
        good = sorted(each.ended for each in self.asked if each.came == "200")
        for kill in self.kills:
            if kill.name == "a worker of serving" and one.began <= kill.at <= one.ended:
                return True
            # The port itself is gone until the supervisor has started another parent.
            if kill.name == "serving":
                back = next((end for end in good if end > kill.at + 0.5), kill.at + GONE)
                if kill.at <= one.ended and one.began <= min(back, kill.at + GONE):
                    return True
        return False

    def figures(self, workspace: Workspace) -> dict[str, Any]:
        """Return what is printed."""
        entries = workspace.ledger.entries()
        return {
            "kills": dict(Counter(kill.name for kill in self.kills)),
            "batches": len(find_arrivals(workspace)),
            "decisions": sum(entry.kind == "decision" for entry in entries),
            "versions": list(published(workspace)),
            "mean live AUC": round(self.said["mean_live"], 4),
            "retrainings": self.said["retrainings"],
            "requests": dict(Counter(one.came for one in self.asked)),
            "requests that failed and were not in flight": len(self.unexplained),
            "waits of the command": self.told.count("Waiting for it"),
        }


def live(seed: int, until: int, every: float, home: Path, say: Callable[[str], None]) -> Life:
    """Send the months up to `until`, and kill a process every so many seconds meanwhile."""
    life, draw = Life(home, any_free_offset()), random.Random(seed)
    log = home / "demo.log"
    command = [str(Path(sys.executable).with_name("perennial")), "demo", "--json"]
    told = {"PERENNIAL_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    told["PERENNIAL_PIPELINES"] = str(REPOSITORY / "deployments" / "pipelines")
    with log.open("w") as errors, (home / "demo.json").open("w+") as document:
        demo = subprocess.Popen(
            [*command, "--port-offset", str(life.offset), "--until", str(until)],
            env=clean_environment(told),
            stdout=document,
            stderr=errors,
        )
        try:
            poll(lambda: demo.poll() is not None or is_green(home), 300, "the stack", 1)
            with asking(life):
                kill_until(lambda: demo.poll() is not None, life, draw, every, say)
        finally:
            demo.kill()
            demo.wait()
        life.told = log.read_text()
        assert demo.returncode == 0, life.told[-3000:]
        document.seek(0)
        life.said = json.load(document)
    return life


def is_green(home: Path) -> bool:
    """Tell whether every process of the stack is well."""
    return Folder.at(home).secrets.exists() and local.status(home).green


def kill_until(
    over: Callable[[], bool],
    life: Life,
    draw: random.Random,
    every: float,
    say: Callable[[str], None],
) -> None:
    """Kill one process every so many seconds; each of `VICTIMS` once before one is met twice.

    On a slow machine the next one is spared until the last is back.
    """
    began, bag = time.monotonic(), list[str]()
    next_kill, last = began + every, ""
    while not over():
        assert time.monotonic() < began + PATIENCE, "the year did not end"
        time.sleep(0.2)
        if time.monotonic() < next_kill or is_coming(life.home, last):
            continue
        if not bag:
            bag = draw.sample(VICTIMS, len(VICTIMS))
        victim = find_victim(life.home, bag[-1])
        # No flow may run just now: it is waited for, and its turn comes with the next one.
        if victim is None and time.monotonic() < next_kill + every:
            continue
        name = bag.pop()
        if victim is not None:
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
                life.kills.append(Kill(name, time.monotonic()))
                say(f"[{time.monotonic() - began:5.0f} s] killed {name}, {victim.pid}")
            last = name
        next_kill = time.monotonic() + every


def is_coming(home: Path, name: str) -> bool:
    """Tell whether a program of the stack is not up yet."""
    states = {program.name: program.state for program in local.status(home).programs}
    return states.get(name, "up") != "up"


def find_victim(home: Path, name: str) -> psutil.Process | None:
    """Return the process that bears this name in `VICTIMS`, if one lives."""
    folder = Folder.at(home)
    if name == "supervisor":
        return find_supervisor(folder)
    if name == "a run":
        return next((one for one in find_marked(folder, "worker") if runs_a_flow(one)), None)
    if name != "a worker of serving":
        return find_running(folder, name)
    parent = find_running(folder, "serving")
    with suppress(psutil.Error):
        children = parent.children() if parent else []
        return next((one for one in children if "spawn_main" in " ".join(one.cmdline())), None)
    return None


@contextmanager
def asking(life: Life) -> Iterator[None]:
    """Ask for a prediction ten times a second, from the first answer on."""
    ended = threading.Event()
    rows = [row_of_march(life.home)]

    def ask() -> None:
        while not ended.wait(ASK_EVERY):
            began = time.monotonic()
            came = predict(Ports.shifted(life.offset).serving, rows)
            if life.asked or came == "200":
                life.asked.append(Asked(began, time.monotonic(), came))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def row_of_march(home: Path) -> Mapping[str, Any]:
    """Return a flight as a client knows it."""
    import pandas as pd

    path = month(3, home)
    row = pd.read_csv(path, nrows=1).drop(columns="late").iloc[0]
    path.unlink()
    return {name: value for name, value in json.loads(row.to_json()).items() if value is not None}


def predict(port: int, rows: list[Mapping[str, Any]]) -> str:
    """Ask for predictions; return the status, or what befell the connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps({"rows": rows})
        connection.request("POST", f"/v1/{NAME}/predict", body)
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def connect(home: Path) -> Workspace:
    """Put what reaches the stack under a home into the environment; return the pipeline there."""
    os.environ.update(connection.environment(home))
    return open_workspace(Settings.from_environment(), NAME)


def judge(life: Life, until: int) -> list[str]:
    """Return what is not as it would be without any kill, a sentence each."""
    workspace, wrong = connect(life.home), list[str]()

    def check(holds: bool, what: str) -> None:
        wrong.extend([] if holds else [what])

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        good = [first_quarter(folder), *(month(number, folder) for number in range(4, until + 1))]
        bad = [mistaken_month(MISTAKEN, folder)] if until >= MISTAKEN else []
        sent = {digest(path): len(path.read_bytes().splitlines()) - 1 for path in good}
        refused = {digest(path) for path in bad}
    entries = workspace.ledger.entries()
    arrived = {arrival.batch: arrival.rows for arrival in find_arrivals(workspace)}
    check(arrived == sent, f"the batches are {arrived}, and {sent} were sent")
    keys = workspace.curated.read(["flight_id"])["flight_id"]
    check(len(keys) == len(set(keys.to_pylist())), "a row is there twice")
    held = {entry.figures.get("batch") for entry in entries if entry.kind == "quarantine"}
    check(held == refused, f"in quarantine are {held}, and {refused} were to be refused")
    decided = Counter(entry.figures["batch"] for entry in entries if entry.kind == "decision")
    check(decided == Counter(sent.keys()), f"decisions by batch: {decided}")
    verdicts = [entry for entry in entries if entry.kind == "verdict"]
    versions = [entry.version for entry in verdicts]
    check(sorted(set(versions)) == sorted(versions), f"verdicts on versions {versions}")
    check(list(published(workspace)) == sorted(versions), f"versions {published(workspace)}")
    answered = Counter(entry.figures.get("decision") for entry in verdicts)
    check(set(answered.values()) <= {1}, f"verdicts by decision: {answered}")
    check(find_unreadable(workspace) == (), f"unreadable: {find_unreadable(workspace)}")
    # Loaded with its golden rows.
    champion = load_champion(workspace).manifest.version
    check(champion == life.said["months"][-1]["version"], f"version {champion} is in service")
    mirrored = read_aliases(workspace.tracking or "", NAME).get("champion")
    check(mirrored == champion, f"MLflow's champion is {mirrored}, the pointer's {champion}")
    check(life.unexplained == [], f"requests failed: {life.unexplained[:5]}")
    judged = [read_observation(entry) for entry in entries if entry.kind == "decision"]
    values = [seen.live.value for seen in judged if seen and seen.live]
    check(bool(np.isclose(np.mean(values), life.said["mean_live"])), f"live values {values}")
    return wrong


def digest(path: Path) -> str:
    """Return what a batch is called."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(seed: int, until: int, every: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Live through the months in a home of its own; return the figures.

    Raises:
        AssertionError: something is not as it would be without any kill.
    """
    home = Path(tempfile.mkdtemp(prefix="pn-chaos-")).resolve()
    try:
        life = live(seed, until, every, home, say)
        poll(lambda: is_green(home), 120, "everything green", 1)
        wrong: list[str] = []

        def settled() -> bool:
            wrong[:] = judge(life, until)
            return not wrong

        with suppress(AssertionError):
            # MLflow's mirror is put right by the reconciler, within a minute.
            poll(settled, 150, "all as it should be", 5)
        assert not wrong, "\n".join(wrong)
        return life.figures(connect(home))
    finally:
        local.down(home, say)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Print the figures of one such year as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--until", type=int, default=12, help="the last month, 4 to 12")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two kills")
    told = parser.parse_args()
    began = time.monotonic()
    figures = run(told.seed, told.until, told.every, lambda line: print(line, file=sys.stderr))
    took = round(time.monotonic() - began)
    print(json.dumps({"seed": told.seed, **figures, "seconds": took}, indent=1))


if __name__ == "__main__":
    main()
