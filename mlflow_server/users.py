"""Who may read and who may change what the tracking server holds: basic authentication.

MLflow's own (`mlflow server --app-name basic-auth`, 3.17) needs packages and a database more.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial

from mlflow_server.doors import Application, Headers, Message, Receive, Send, refuse

OWNER, VIEWER = "owner", "viewer"
OPEN = "/health"
MOVED = "perennial.moved"  # the tag that tells who moved a registered model's alias last
# The searches come as POST, having long filters; of GraphQL, MLflow (3.17) has queries alone.
SEARCHES = re.compile(r"/(?:ajax-)?api/\d\.0/mlflow/[a-z-]+/search(?:-datasets)?|/graphql")
# Reached by GET too: other servers that it asks for its callers, and what runs commands.
ACTING = re.compile(r"/(?:assistant|gateway|gateway-proxy|jobs?|invocations)(?:/|$)")
ALIAS = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/registered-models/alias/?")
EXPERIMENT = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/experiments/create/?")
ARTIFACTS = "mlflow-artifacts:/"
LONGEST = 65_536  # bytes of the body of a request that is looked into
CHALLENGE = ((b"www-authenticate", b'Basic realm="MLflow of Perennial", charset="UTF-8"'),)


@dataclass(frozen=True)
class User:
    """A name with its password; one that may not write reads."""

    name: str
    password: str = field(repr=False)
    writes: bool


@dataclass(frozen=True)
class Move:
    """Who pointed an alias of a registered model at a version (MLflow's number), and when."""

    alias: str
    version: str
    by: str
    at: str


Note = Callable[[str, Move], None]


class Users:
    """Lets pass who shows a user's password; without one, `/health` alone answers.

    `note` is told who moves an alias, before the application moves it: an alias that moved and
    nobody's name beside it cannot be.
    """

    def __init__(self, application: Application, users: Sequence[User], note: Note) -> None:
        self._application = application
        self._users = users
        self._note = note

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] == OPEN):
            await self._application(scope, receive, send)
            return
        user = find_user(scope["headers"], self._users)
        if user is None:
            await refuse(scope, send, 401, "MLflow asks for a user and a password", CHALLENGE)
        elif scope["type"] != "http":
            await refuse(scope, send, 403, "")
        elif not (user.writes or is_reading(scope["method"], scope["path"])):
            await refuse(scope, send, 403, f"{user.name} may read, and change nothing")
        elif scope["method"] == "POST" and (
            ALIAS.fullmatch(scope["path"]) or EXPERIMENT.fullmatch(scope["path"])
        ):
            await self._look_into(user, scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _look_into(self, user: User, scope: Message, receive: Receive, send: Send) -> None:
        import anyio.to_thread

        body = await _read(receive)
        if body is None:
            await refuse(scope, send, 413, f"it takes at most {LONGEST} bytes")
            return
        asked = _parse(body)
        if EXPERIMENT.fullmatch(scope["path"]):
            if leads_away(asked):
                await refuse(
                    scope, send, 403, "an experiment's artifacts lie where the server says"
                )
                return
        elif named := read_move(asked, user.name + _means(scope["headers"])):
            await anyio.to_thread.run_sync(partial(self._note, *named))
        told = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return told.pop() if told else await receive()

        await self._application(scope, replay, send)


def find_user(headers: Headers, users: Iterable[User]) -> User | None:
    """Return the user whose name and password a request shows, in constant time; else None.

    >>> token = base64.b64encode(b"owner:secret").decode()
    >>> find_user([(b"authorization", f"Basic {token}".encode())], [User("owner", "secret", True)])
    User(name='owner', writes=True)
    >>> find_user([(b"authorization", b"Basic x")], [User("owner", "secret", True)])
    """
    shown = [value for name, value in headers if name == b"authorization"]
    kind, _, token = (shown[0] if len(shown) == 1 else b"").partition(b" ")
    try:
        sent = base64.b64decode(token.strip(), validate=True)
    except ValueError:
        sent = b""
    found = None
    for user in users:
        # Every user is compared, so that the time tells nothing of which name was right.
        same = hmac.compare_digest(sent, f"{user.name}:{user.password}".encode())
        found = user if same and user.password and kind.lower() == b"basic" else found
    return found


def is_reading(method: str, path: str) -> bool:
    """Say whether a request changes nothing and asks no other server.

    >>> is_reading("GET", "/api/2.0/mlflow/runs/get")
    True
    >>> is_reading("POST", "/api/2.0/mlflow/runs/search")
    True
    >>> is_reading("POST", "/api/2.0/mlflow/runs/create")
    False
    >>> is_reading("GET", "/ajax-api/2.0/mlflow/gateway-proxy")
    False
    """
    if ACTING.search(path):
        return False
    return method in ("GET", "HEAD") or (method == "POST" and SEARCHES.fullmatch(path) is not None)


def read_move(asked: Mapping[str, object], by: str) -> tuple[str, Move] | None:
    """Return which registered model's alias a request moves, and where to; None: it is none.

    >>> move = read_move({"name": "toy", "alias": "champion", "version": "3"}, "owner")
    >>> move[0], move[1].alias, move[1].version, move[1].by
    ('toy', 'champion', '3', 'owner')
    """
    if not {"name", "alias", "version"} <= asked.keys():
        return None
    name, alias, version = (str(asked[part]) for part in ("name", "alias", "version"))
    return name, Move(alias, version, by, datetime.now(UTC).isoformat(timespec="seconds"))


def leads_away(asked: Mapping[str, object]) -> bool:
    """Say whether a new experiment's artifacts are to lie outside of the server's own folder.

    The server would read there with its own keys, and hand out what it finds.

    >>> leads_away({"name": "a"}), leads_away({"artifactLocation": "s3://perennial/flights"})
    (False, True)
    """
    # protobuf's JSON takes a field's name in both spellings.
    told = (asked.get(name) for name in ("artifact_location", "artifactLocation"))
    return not all(str(place).startswith(ARTIFACTS) for place in told if place)


def write_move(move: Move) -> str:
    """Return a move as the text of a tag."""
    return json.dumps(asdict(move))


def parse_move(text: str) -> Move | None:
    """Return the move that a tag tells; None where it tells none.

    >>> parse_move(write_move(Move("champion", "3", "owner", "")))
    Move(alias='champion', version='3', by='owner', at='')
    >>> parse_move("anything")
    """
    try:
        return Move(**{name: str(value) for name, value in json.loads(text).items()})
    except (ValueError, TypeError, AttributeError):
        return None


def _means(headers: Headers) -> str:
    told = next((value for name, value in headers if name == b"user-agent"), b"")
    return ", on MLflow's page" if told.startswith(b"Mozilla/") else ", by MLflow's API"


def _parse(body: bytes) -> Mapping[str, object]:
    try:
        asked = json.loads(body)
        # As MLflow (3.17) reads it: some clients send JSON in JSON.
        asked = json.loads(asked) if isinstance(asked, str) else asked
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}


async def _read(receive: Receive) -> bytes | None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > LONGEST:
            return None
        more = message.get("more_body", False)
    return body
