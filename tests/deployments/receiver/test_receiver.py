"""The receiver over real HTTP: who may speak, what is answered, what is passed on."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from deployments.local.probe import ask
from deployments.receiver.application import LARGEST
from deployments.receiver.forwarder import Forwarder
from tasks.events.arrival import Arrived
from tasks.events.gathering import WakeUp
from tests.deployments.receiver.serving import AUTHORIZED, TOKEN, Heard, drip, receiving, send
from tests.servers import poll
from tests.tasks.events.scenes import body, confirmation, record, s3, seaweedfs, sns


def test_an_arrival_is_answered_and_passed_on() -> None:
    heard = Heard()
    with receiving(heard) as port:
        assert send(port, body(seaweedfs())) == (202, {"objects": 1})
        poll(lambda: bool(heard.wakes), 30, "the wake-up")
    assert heard.wakes == [WakeUp("flights", 1, ("flights/incoming/a.csv",))]


def test_it_says_that_it_lives_to_anybody() -> None:
    with receiving(Heard()) as port:
        assert ask(f"http://127.0.0.1:{port}/healthz") == (200, '{"status":"ok"}')
        assert send(port, b"{}", path="/elsewhere")[0] == 404
        assert ask(f"http://127.0.0.1:{port}/events")[0] == 405


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Token {TOKEN}",
        TOKEN,
        "Bearer \xff\xe9",
        "Basic ????",
        "Basic " + base64.b64encode(b"sns:wrong").decode(),
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    ],
)
def test_without_the_token_nothing_is_read(given: str) -> None:
    heard = Heard()
    with receiving(heard) as port:
        assert send(port, body(seaweedfs()), {"Authorization": given})[0] == 401
    assert heard.wakes == []


def test_a_relay_that_knows_only_passwords_is_let_in() -> None:
    password = base64.b64encode(f"sns:{TOKEN}".encode()).decode()
    with receiving(Heard()) as port:
        assert send(port, body(sns(s3())), {"Authorization": f"Basic {password}"})[0] == 202


@pytest.mark.parametrize("came", [b"", b"hello", b"\xff\xfe", b"[" * 100_000, b"{}", b"null"])
def test_garbage_is_refused_with_the_reason(came: bytes) -> None:
    with receiving(Heard()) as port:
        status, answer = send(port, came)
        assert status == 400
        assert answer["error"]
        assert send(port, body(seaweedfs()))[0] == 202


def test_a_topic_is_answered_but_its_address_never_opened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard()
    with receiving(Heard()) as visited, receiving(heard) as port:
        asked = {**confirmation(), "SubscribeURL": f"https://127.0.0.1:{visited}/confirm"}
        with caplog.at_level(logging.WARNING):
            assert send(port, body(asked)) == (202, {"objects": 0})
    assert asked["SubscribeURL"] in caplog.text
    assert "Invalid HTTP request" not in caplog.text
    assert heard.wakes == []


def test_a_body_over_the_limit_is_refused_unread() -> None:
    with receiving(Heard()) as port:
        fits = body(s3()) + b" " * (LARGEST - len(body(s3())))
        assert send(port, fits)[0] == 202
        head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        declared = f"{head}Content-Length: {LARGEST + 1}\r\n\r\n".encode()
        assert drip(port, declared, 3).startswith(b"HTTP/1.1 413")
        chunk = b"%x\r\n%s\r\n" % (LARGEST + 1, b" " * (LARGEST + 1))
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk
        assert drip(port, chunked, 3).startswith(b"HTTP/1.1 413")


def test_a_sender_that_dawdles_over_the_body_is_told_and_left() -> None:
    head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    with receiving(Heard(), seconds=0.2) as port:
        found = drip(port, f"{head}Content-Length: 1000\r\n\r\n".encode(), 4)
    assert found.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"POST /events HTTP/1.1\r\nX: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX: ",
        b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    ],
)
def test_a_sender_that_dawdles_over_the_head_is_left(first: bytes) -> None:
    with receiving(Heard(), connection_seconds=0.3) as port:
        drip(port, first, 4)
        assert send(port, body(seaweedfs()))[0] == 202


def test_a_storm_becomes_a_few_wake_ups_and_the_last_object_is_not_lost() -> None:
    heard = Heard()
    with receiving(heard, quiet=0.5) as port, ThreadPoolExecutor(16) as pool:
        keys = [f"flights/incoming/{number}.csv" for number in range(500)]
        begin = time.monotonic()
        found = list(pool.map(lambda key: send(port, body(seaweedfs(key)))[0], keys))
        assert found == [202] * 500
        before = len(heard.wakes)
        assert send(port, body(s3(record("flights/incoming/last.csv"))))[0] == 202
        poll(lambda: sum(each.objects for each in heard.wakes) == 501, 30, "all of them")
        took = time.monotonic() - begin
    assert before >= 1
    assert len(heard.wakes) <= took / 0.5 + 2
    assert len(heard.of("flights")) == len(heard.wakes)
    assert len(set(heard.calls)) == len(heard.calls)


def test_while_prefect_is_away_senders_are_answered_and_it_tries_again() -> None:
    heard = Heard(failures=2)
    with receiving(heard) as port:
        assert send(port, body(seaweedfs()))[0] == 202
        poll(lambda: bool(heard.wakes), 30, "the wake-up")
    assert heard.tries == 3


def test_where_prefect_stays_away_the_log_says_who_will_find_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard(failures=3)
    with receiving(heard) as port, caplog.at_level(logging.WARNING):
        assert send(port, body(seaweedfs()))[0] == 202
        poll(lambda: "the reconciler will find" in caplog.text, 30, "the log")
        assert "flights (1)" in caplog.text
        assert send(port, body(seaweedfs("planes/incoming/b.csv")))[0] == 202
        poll(lambda: bool(heard.of("planes")), 30, "the next wake-up")


def test_what_waits_is_passed_on_when_it_is_stopped() -> None:
    heard = Heard()
    with receiving(heard, quiet=60) as port:
        send(port, body(seaweedfs("flights/incoming/1")))
        poll(lambda: len(heard.wakes) == 1, 30, "the first wake-up")
        send(port, body(seaweedfs("flights/incoming/2")))
    assert [each.keys for each in heard.wakes] == [
        ("flights/incoming/1",),
        ("flights/incoming/2",),
    ]


class Failing(Forwarder):
    """Takes nothing in."""

    def take(self, arrived: Sequence[Arrived]) -> None:
        raise RuntimeError("secret inside")


def test_what_fails_inside_is_not_a_bare_500() -> None:
    with receiving(Heard(), make=Failing) as port:
        status, answer = send(port, body(seaweedfs()))
    assert status == 500
    assert "reconciler" in answer["error"]
    assert "secret" not in answer["error"]


def test_an_announcement_that_fails_oddly_does_not_end_the_forwarder() -> None:
    found: list[str] = []

    def announce(wakes: Sequence[WakeUp], _call: UUID) -> None:
        found.extend(each.pipeline for each in wakes)
        if found == ["flights"]:
            raise RuntimeError("odd")

    with receiving(announce, pauses=()) as port:
        send(port, body(seaweedfs()), AUTHORIZED)
        poll(lambda: found == ["flights"], 30, "the first")
        send(port, body(seaweedfs("planes/incoming/b.csv")))
        poll(lambda: "planes" in found, 30, "the second")
