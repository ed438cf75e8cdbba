"""The table of ports: what each answers to whom, for every port that the stack opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.local.environment import REGION
from deployments.local.probe import sign
from tests.strangers import HOST, SILENT, ask, ask_grpc, ask_socket, showing

EVIL = "evil.example"
# By it Prefect's worker (3.8) hears of its runs. The system chooses the port; a run shows a token
# of its own, and whoever does not is hung up on.
CONTROL = "worker_control"
CALLERS = ("anonymous", "other user", "foreign host", "foreign origin", "wrong key")
BASIC = "Basic cGVyZW5uaWFsOndyb25n"  # perennial:wrong
WRONG = {"AWS_ACCESS_KEY_ID": "PN0000", "AWS_SECRET_ACCESS_KEY": "wrong"}
VOLUME = "/volume_server_pb.VolumeServer/VolumeServerStatus"
FILER = "/filer_pb.SeaweedFiler/GetFilerConfiguration"
CLOSED = (SILENT,) * 5


@dataclass(frozen=True)
class Row:
    """A request that would tell or change something, and its answer to each of `CALLERS`.

    `kind` is http, socket (WebSocket) or grpc; `key` is where a wrong key stands.
    """

    port: str
    method: str
    path: str
    answers: tuple[int, int, int, int, int]
    kind: str = "http"
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    key: tuple[str, str] = ("Authorization", "Bearer wrong")

    @property
    def name(self) -> str:
        return f"{self.port}: {self.method} {self.path}"


def everyone(status: int) -> tuple[int, int, int, int, int]:
    """Return one answer for all."""
    return (status,) * 5


def signed(port: int, path: str) -> dict[str, str]:
    """Return the headers of a request to S3 that is signed by a key nobody gave out."""
    found = sign(f"http://{HOST}:{port}{path}", WRONG, REGION, datetime.now(UTC))
    return {name: text for name, text in found.items() if name != "host"}


def get(row: Row, port: int, caller: str, stranger: Path) -> int:
    """Ask what a row asks in the way of a caller; `stranger` is a certificate of his own."""
    origin = {"Origin": f"http://{EVIL}"}
    more = {
        "foreign host": {"Host": f"{EVIL}:{port}"},
        "foreign origin": origin,
        "wrong key": dict([row.key]) if row.port != "s3" else signed(port, row.path),
    }.get(caller, {})
    headers = {**(row.headers or {}), **more}
    if row.kind == "grpc":
        if caller in ("foreign host", "foreign origin"):
            return ask(port, row.path, "POST", headers)
        return ask_grpc(port, row.path, showing(stranger) if caller == "wrong key" else None)
    if row.kind == "socket":
        name = EVIL if caller == "foreign host" else HOST
        shown = row.key[1] if caller == "wrong key" else None
        return ask_socket(port, row.path, name, headers.get("Origin"), shown)
    return ask(port, row.path, row.method, headers, row.body)


JSON = {"Content-Type": "application/json"}
LOGIN = ("Authorization", BASIC)
# A name or a page that is not its own is sent away before anything else is asked of it.
OPEN = (200, 200, 421, 403, 200)
DOORS = (401, 401, 421, 403, 401)
# Before who it is, Prefect asks for the token without which no page may change anything.
CHANGE = (403, 403, 421, 403, 403)
TABLE = (
    Row("s3", "GET", "/perennial?list-type=2", everyone(403)),
    Row("s3", "GET", "/perennial/results/probe/health", everyone(403)),
    Row("s3", "PUT", "/perennial/stolen", everyone(403), body=b"x"),
    # What tells nothing but that it is there: the pages' own files, and how the API is asked.
    Row("mlflow", "GET", "/health", OPEN, key=LOGIN),
    *(Row("mlflow", "GET", path, DOORS, key=LOGIN) for path in ("/version", "/")),
    *(
        Row("prefect", "GET", path, OPEN, key=LOGIN)
        for path in ("/", "/docs", "/redoc", "/openapi.json", "/api/health")
    ),
    Row("prefect", "GET", "/api/docs", DOORS, key=LOGIN),
    Row("mlflow", "GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", DOORS, key=LOGIN),
    Row("mlflow", "POST", "/api/2.0/mlflow/webhooks", DOORS, body=b"{}", headers=JSON, key=LOGIN),
    Row("mlflow", "GET", "/api/2.0/mlflow/gateway-proxy?gateway_path=a", DOORS, key=LOGIN),
    Row("mlflow", "GET", "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=a", DOORS, key=LOGIN),
    Row("prefect", "POST", "/api/flow_runs/filter", CHANGE, body=b"{}", headers=JSON, key=LOGIN),
    Row("prefect", "POST", "/api/block_documents/", CHANGE, body=b"{}", headers=JSON, key=LOGIN),
    Row("prefect", "GET", "/api/csrf-token?client=a", DOORS, key=LOGIN),
    Row("prefect", "GET", "/api/admin/settings", DOORS, key=LOGIN),
    *(
        Row("prefect", "OPEN", path, (401, 401, 403, 403, 401), kind="socket", key=("", "a:wrong"))
        for path in ("/api/events/in", "/api/events/out", "/api/logs/out")
    ),
    Row("worker", "GET", "/health", everyone(200)),
    Row("worker", "GET", "/", everyone(404)),
    Row(CONTROL, "GET", "/", CLOSED),
    # Without a file of keys, whoever is on this machine may ask. A browser keeps the figures, which
    # hold no value of a row, from a page of another site, for nothing lets it read them.
    Row("serving", "GET", "/v1", (200, 200, 421, 421, 200)),
    Row("serving_metrics", "GET", "/metrics", (200, 200, 421, 200, 200)),
    Row("receiver", "POST", "/events", everyone(401), body=b"{}", headers=JSON),
    # What the store's parts say to whoever asks: its version, which part leads, how full the disk
    # is, how often what was done. Nothing of what is stored.
    Row("master", "GET", "/", everyone(200)),
    Row("master", "GET", "/cluster/status", everyone(200)),
    Row("volume", "GET", "/status", everyone(200)),
    Row("admin", "GET", "/metrics", everyone(200)),
    Row("master", "GET", "/dir/status", everyone(404)),
    Row("master", "GET", "/dir/assign", everyone(404)),
    Row("master", "GET", "/col/delete?collection=perennial", everyone(404)),
    Row("volume", "GET", "/1,0102030405", everyone(401)),
    Row("filer", "GET", "/buckets/", everyone(404)),
    Row("filer", "PUT", "/buckets/perennial/stolen", everyone(404), body=b"x"),
    Row("admin", "GET", "/", everyone(404)),
    Row("admin", "GET", "/api/config", everyone(404)),
    Row("master_grpc", "CALL", "/master_pb.Seaweed/CollectionList", CLOSED, kind="grpc"),
    Row("volume_grpc", "CALL", VOLUME, CLOSED, kind="grpc"),
    Row("filer_grpc", "CALL", FILER, CLOSED, kind="grpc"),
    Row("s3_grpc", "CALL", "/perennial.Nobody/Asks", CLOSED, kind="grpc"),
    Row("admin_grpc", "CALL", "/perennial.Nobody/Asks", CLOSED, kind="grpc"),
)
