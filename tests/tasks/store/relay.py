"""A relay before a real server that loses or damages what the server answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[bytes], bytes | None]


@contextmanager
def relayed(port: int, answer: Answer) -> Iterator[int]:
    """Yield a port that leads to `port`; each piece of an answer goes through `answer`.

    Where `answer` returns None, the connection is cut and the piece is lost.
    """
    sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def run(act: Callable[..., None], *given: object) -> None:
        threads.append(threading.Thread(target=act, args=given))
        threads[-1].start()

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                sockets.append(client)
                server = socket.create_connection(("127.0.0.1", port))
                sockets.append(server)
                run(pump, client, server, None)
                run(pump, server, client, answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        run(accept, listener)
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in sockets:
                end(one)
            for thread in threads:
                thread.join()
            for one in sockets:
                one.close()


def pump(source: socket.socket, target: socket.socket, change: Answer | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            passed = change(data) if change else data
            if passed is None:
                break
            target.sendall(passed)
    end(source)
    end(target)


def end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
