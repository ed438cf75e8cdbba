"""Jobs on a real cluster: their order, their errors, and what dies under them."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from tasks.engine import cluster as reaching
from tasks.engine.engine import open_engine
from tasks.errors import ConfigurationError, DataError, EngineError
from tests.servers import poll
from tests.tasks.engine.clusters import PATIENCE, Cluster, running_cluster
from tests.tasks.engine.jobs import break_down, die, double, refuse, wait_for


def test_results_come_in_order_and_cost_is_told(cluster: Cluster) -> None:
    said: list[str] = []
    with open_engine(cluster.engine, said.append) as engine:
        assert engine is not None
        assert list(engine.map(double, range(20))) == [2 * number for number in range(20)]
        assert engine.cpu_seconds > 0
        assert engine.lost_workers == 0
    assert said == [f"Computing on Dask: 2 threads of {cluster.engine}"]


def test_few_jobs_are_in_flight_at_once(cluster: Cluster) -> None:
    taken: list[int] = []
    with open_engine(cluster.engine, lambda _: None) as engine:
        assert engine is not None
        results = engine.map(double, (taken.append(number) or number for number in range(1000)))
        assert next(results) == 0
        assert len(taken) == 2 * engine.width
        results.close()


def test_a_job_that_fails_says_so_in_its_own_words(cluster: Cluster) -> None:
    with open_engine(cluster.engine, lambda _: None) as engine:
        assert engine is not None
        with pytest.raises(DataError, match="partition 3: it can be read; got noise"):
            list(engine.map(refuse, [3]))
        with pytest.raises(ZeroDivisionError, match="partition 4"):
            list(engine.map(break_down, [4]))
        assert list(engine.map(double, [5])) == [10]


def test_a_killed_worker_costs_its_jobs_and_not_the_run(cluster: Cluster, tmp_path: Path) -> None:
    said: list[str] = []
    paths = [str(tmp_path / name) for name in "abc"]
    with open_engine(cluster.engine, said.append) as engine:
        assert engine is not None
        handed = [engine.submit(wait_for, path) for path in paths]
        poll(lambda: bool(list(tmp_path.glob("a.*"))), PATIENCE, "the job has begun")
        (begun,) = tmp_path.glob("a.*")
        os.kill(int(begun.suffix[1:]), signal.SIGKILL)
        poll(lambda: len(list(tmp_path.glob("a.*"))) == 2, PATIENCE, "it began again")
        for path in paths:
            Path(path).touch()
        assert [engine.result(job) for job in handed] == paths

        # who is there is looked at now and then, when a job is done
        def is_missed() -> bool:
            engine.result(engine.submit(wait_for, paths[0]))
            return engine.lost_workers == 1

        poll(is_missed, PATIENCE, "the worker is missed")
    assert said[1] == "1 worker of the engine ended; what they had in hand is done again"


def test_nobody_answers_or_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "CONNECT", 1.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"dask://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineError, match=f"engine {nobody}: a Dask scheduler answers; got"):
            _open(nobody)
    # a web server, and a port that takes a connection and never says a word
    with (
        http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
        ) as web,
        socket.create_server(("127.0.0.1", 0)) as mute,
    ):
        threading.Thread(target=web.serve_forever, daemon=True).start()
        for port in (web.server_port, mute.getsockname()[1]):
            with pytest.raises(EngineError, match="a Dask scheduler answers; got"):
                _open(f"dask://127.0.0.1:{port}")
        web.shutdown()


def test_certificates_that_are_not_told_are_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="no DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_"):
        _open("dask+tls://127.0.0.1:9")


@pytest.mark.soak
def test_a_worker_with_another_lock_is_refused_before_any_work(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "perennial.toml").write_text("")
    (project / "requirements.lock").write_text("numpy==1.0\n")
    told = {"PERENNIAL_PROJECT": str(project)}
    with running_cluster(tmp_path / "other", 1, told) as other:
        with pytest.raises(EngineError, match="this Python, lock and code; got the lock") as caught:
            _open(other.engine)
        assert "lightgbm" not in str(caught.value)


@pytest.mark.soak
def test_a_lost_scheduler_is_one_sentence(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "lost", 1) as lost:
        with (
            pytest.raises(EngineError, match="its scheduler stays; got no connection") as caught,
            open_engine(lost.engine, lambda _: None) as engine,
        ):
            assert engine is not None
            handed = engine.submit(wait_for, str(tmp_path / "never"))
            poll(lambda: bool(list(tmp_path.glob("never.*"))), PATIENCE, "the job has begun")
            lost.scheduler.kill()
            engine.result(handed)
        (tmp_path / "never").touch()
    assert "Start it, and run it again: what was kept is not done again." in str(caught.value)


@pytest.mark.soak
def test_a_job_that_kills_its_workers_ends_the_run_and_only_that(tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path / "dying", 2) as dying,
        open_engine(dying.engine, lambda _: None) as engine,
    ):
        assert engine is not None
        with pytest.raises(EngineError, match="a job ends; got 4 workers died of it"):
            list(engine.map(die, [1]))
        assert list(engine.map(double, [1])) == [2]


@pytest.mark.soak
def test_a_cluster_of_ones_own_is_on_loopback_encrypted_and_gone_afterwards() -> None:
    import psutil

    def listening() -> set[tuple[str, int]]:
        mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
        held = [connection for process in mine for connection in process.net_connections("tcp")]
        return {tuple(one.laddr) for one in held if one.status == psutil.CONN_LISTEN}

    before = {process.pid for process in psutil.Process().children(recursive=True)}
    # other tests of this process may have servers of theirs
    others = listening()
    with open_engine("dask", lambda _: None) as engine:
        assert engine is not None
        assert list(engine.map(double, [1, 2])) == [2, 4]
        assert {host for host, _ in listening() - others} == {"127.0.0.1"}
        address = engine._client.scheduler.address
        assert address.startswith("tls://")
    left = {process.pid for process in psutil.Process().children(recursive=True)} - before
    # Python's own tracker of what processes share ends with the interpreter
    assert all("resource_tracker" in " ".join(psutil.Process(pid).cmdline()) for pid in left)


def _open(text: str) -> None:
    with open_engine(text, lambda _: None):
        pass
