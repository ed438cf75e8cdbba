"""The shipped proxies have the API's limits, and carry TLS where one is installed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

import deployments.serving
from deployments.serving.predicting import MOST_BYTES
from deployments.serving.protocol import REQUEST_SECONDS
from deployments.serving.serve import KEEP_ALIVE
from tests.servers import poll

FOLDER = Path(deployments.serving.__file__).with_name("proxy")
NAME = "localhost"


@pytest.mark.parametrize(
    ("file", "bytes_of", "seconds_of", "rests"),
    [
        ("Caddyfile", r"max_size (\d+)MiB", r"read_(?:header|body) (\d+)s", r"keepalive (\d+)s"),
        (
            "nginx.conf",
            r"client_max_body_size (\d+)m;",
            r"(?:header|body|send)_timeout (\d+)s;",
            r"keepalive 64;[^}]*keepalive_timeout (\d+)s;",
        ),
    ],
)
def test_a_proxy_has_the_limits_of_the_api(
    file: str, bytes_of: str, seconds_of: str, rests: str
) -> None:
    text = (FOLDER / file).read_text()
    (size,) = re.findall(bytes_of, text)
    assert int(size) * 2**20 == MOST_BYTES
    times = {int(found) for found in re.findall(seconds_of, text)}
    assert times == {int(REQUEST_SECONDS)}
    # else it would send a request into a connection that the API is closing
    (kept,) = re.findall(rests, text)
    assert int(kept) < KEEP_ALIVE
    assert "8082" not in re.sub("#.*", "", text)


class Upstream(BaseHTTPRequestHandler):
    """Says under which name it was asked, and how much it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(f"{self.headers['host']} {len(body)}".encode())

    def do_GET(self) -> None:
        self.answer(b"ready")

    def answer(self, said: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.fixture
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.system
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_carries_tls(upstream: int, tmp_path: Path) -> None:
    port, text = free_port(), (FOLDER / "nginx.conf").read_text()
    certificate, key = self_signed(tmp_path)
    for written, meant in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "server_name predictions.example": f"server_name {NAME}",
        "/etc/ssl/predictions.pem": str(certificate),
        "/etc/ssl/predictions.key": str(key),
        "http {": own_folders(tmp_path),
    }.items():
        assert written in text
        text = text.replace(written, meant)
    file = tmp_path / "nginx.conf"
    file.write_text(text)
    command = ("nginx", "-p", str(tmp_path), "-e", f"{tmp_path}/error.log", "-g", "daemon off;")
    with running((*command, "-c", str(file)), tmp_path, {}):
        judge(port, str(certificate))


@pytest.mark.system
@pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed")
def test_caddy_carries_tls(upstream: int, tmp_path: Path) -> None:
    port = free_port()
    text = (FOLDER / "Caddyfile").read_text()
    text = text.replace("admin off", f"admin off\n\thttp_port {free_port()}\n\thttps_port {port}")
    file = tmp_path / "Caddyfile"
    file.write_text(text)
    named = {
        "PREDICTIONS_UPSTREAM": f"127.0.0.1:{upstream}",
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    root = tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    command = ("caddy", "run", "--config", str(file), "--adapter", "caddyfile")
    with running(command, tmp_path, named):
        poll(root.exists, 20, "its own authority")
        judge(port, str(root))


def judge(port: int, trusted: str) -> None:
    """Hold a proxy to TLS, the name, and the size of a body."""
    url = f"https://{NAME}:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/readyz", verify=trusted, timeout=5).text == "ready"
        except requests.exceptions.ConnectionError:
            return False

    poll(ready, 20, "the proxy")
    path = f"{url}/v1/flights/predict"
    said = requests.post(path, data=b"x" * 10, verify=trusted, timeout=10)
    assert (said.status_code, said.text.split()[1]) == (200, "10")
    assert said.text.split()[0].partition(":")[0] == NAME
    assert "max-age" in said.headers["strict-transport-security"]
    large = requests.post(path, data=b"x" * (MOST_BYTES + 1), verify=trusted, timeout=30)
    assert large.status_code in (413, 502), large.status_code
    assert requests.post(path, data=b"x" * MOST_BYTES, verify=trusted, timeout=30).ok
    plain = ssl.create_default_context(cafile=trusted)
    with (
        socket.create_connection(("127.0.0.1", port), 10) as connection,
        pytest.raises(ssl.SSLError),
    ):
        plain.wrap_socket(connection, server_hostname="evil.example")


@contextmanager
def running(command: tuple[str, ...], folder: Path, named: dict[str, str]) -> Iterator[None]:
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **named}, stdout=log, stderr=log, cwd=folder
        )
        try:
            yield
        except BaseException:
            print((folder / "proxy.log").read_text()[-3000:])
            raise
        finally:
            process.terminate()
            process.wait(20)


def own_folders(folder: Path) -> str:
    """Let nginx write in a folder of the test's own, which only this user may enter."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    user = "user root;\n" if os.getuid() == 0 else ""
    paths = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    return f"{user}pid {folder}/pid;\nhttp {{\n{paths}"


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the name, and its key."""
    certificate, key = folder / "own.pem", folder / "own.key"
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    named = (
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={NAME}",
        "-addext",
        f"subjectAltName=DNS:{NAME}",
    )
    where = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run((*made, *named, *where), check=True, capture_output=True)
    return certificate, key


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
