"""What the commands say where something else answers at the addresses of our servers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployments.cli.main import main

FILE = "name: toy\ntask: binary\ntarget: high\ndata: {suite: tests.suites.toy}\n"


@contextmanager
def saying(body: bytes) -> Iterator[str]:
    """Yield the address of a server that says the same to whatever it is asked, and well."""

    class Same(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = answer

        def log_message(self, *_: object) -> None:
            pass

    there = ThreadingHTTPServer(("127.0.0.1", 0), Same)
    there.daemon_threads = True
    thread = threading.Thread(target=there.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{there.server_port}"
    finally:
        there.shutdown()
        thread.join()
        there.server_close()


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"{}"], ids=["html", "json"])
def test_what_is_none_of_our_servers_is_told_by_its_address(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    (home / "pipelines" / "toy.yaml").write_text(FILE)
    rows = home / "a.csv"
    rows.write_text("id,high\n1,0\n")
    with saying(body) as address:
        monkeypatch.setenv("PERENNIAL_BUCKET", "perennial")
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
        monkeypatch.setenv("PERENNIAL_SERVING_URL", address)
        told = {
            words: tell(capsys, *words, status=1)
            for words in (
                ("status",),
                ("apply",),
                ("ingest", "toy", str(rows)),
                ("models", "toy"),
                ("doctor",),
                ("doctor", "toy"),
            )
        }
    for words in (("ingest", "toy", str(rows)), ("models", "toy")):
        assert f"{address}/perennial: what answers there is an S3 store; got" in told[words]
    assert f"Prefect: what answers at {address}/api is Prefect; got" in told["apply",]
    assert "FAIL  store" in told["doctor",]
    assert "FAIL  mlflow" in told["doctor",]
    assert "FAIL  prefect" in told["doctor",]


def tell(capsys: pytest.CaptureFixture[str], *words: str, status: int) -> str:
    """Run a command that ends with that status, and not with an error of Python's."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert ended.value.code == status, said.err
    return said.out + said.err
