"""HTTP that waits for no slow sender, and that ends without a failed request."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from deployments.serving.response import Header, Response
from mlflow_server.timely import TimelyProtocol

if TYPE_CHECKING:
    from deployments.serving.application import Application

# Bytes of a body that is held until it is whole: larger ones are streamed, and stopped in time.
LARGEST_HELD = 64 * 1024
# From the first byte of a request to its last.
REQUEST_SECONDS = 10.0
# An idle connection stays open so long once the server stops.
DRAIN_SECONDS = 1.5


class ServingProtocol(TimelyProtocol):
    """Give a request, head and body, ten seconds, and the same to the reading of its answer.

    A request is held until it is whole, and then answered without a task of the loop where the
    application can `at_once`. Of requests that came in one piece only the first is, so that no
    sender keeps the others waiting.
    """

    seconds: ClassVar[float] = REQUEST_SECONDS
    reading: ClassVar[float] = REQUEST_SECONDS
    rate: ClassVar[float] = math.inf
    draining = False
    first = False
    held = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # one that waited for its turn may be whole already, and would never be let go
        if self.first and cycle.more_body and not cycle.waiting_for_100_continue:
            self.first, self.held = False, True
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self) -> bool:
        """Answer the held request, and tell whether that could be done at once."""
        if self.flow.write_paused:
            return False
        application, cycle = cast("Application", self.app), self.cycle
        answered = application.at_once(cast("dict[str, Any]", cycle.scope), bytes(cycle.body))
        if answered is not None:
            _write(cycle, *answered)
        return answered is not None

    def data_received(self, data: bytes) -> None:
        self.first = True
        super().data_received(data)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # its answer says `connection: close`, which a client takes for an end
        if self.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.held and len(self.cycle.body) > LARGEST_HELD:
            self.held = False
            super()._start_asgi_task(self.cycle, self.app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.held:
            self.held = False
            if not self._answer():
                super()._start_asgi_task(self.cycle, self.app)

    def shutdown(self) -> None:
        # a client may be about to send: it would find the connection closed under its request
        if self._idle():
            self.draining = True
            self.loop.call_later(DRAIN_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._idle() and not self.transport.is_closing():
            self.transport.close()


def _write(cycle: RequestResponseCycle, response: Response, headers: list[Header]) -> None:
    """Write a response in one piece, where ASGI's two messages are two writes and many checks.

    The names are in lower case, and neither names nor values are what a sender chose freely.
    """
    if (b"connection", b"close") in headers:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        headers.append((b"connection", b"close"))
    lines = [b"%b: %b\r\n" % header for header in headers]
    cycle.transport.write(b"".join((STATUS_LINE[response.status], *lines, b"\r\n", response.body)))
    cycle.response_started = cycle.response_complete = True
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    # it is a method of the connection, which holds the cycle: each would keep the other
    cycle.on_response = lambda: None
