"""Import what flows import, and fork a child for each run that is asked for.

A process of its own beside the worker: ``python -m deployments.worker.forkserver DESCRIPTOR PID``.
It talks in lines of JSON over the socket that it inherits, and ends with the worker, also when
the worker is killed; the runs under way go on. It starts no thread: a child has only the thread
that forked it, so whatever another one held would stay locked in the child for ever.

From the worker: ``{"load": [modules]}``; ``{"run": id, "directory": path, "environment": {…}}``;
``{"branch": [modules], "name": id}`` with a socket, for a second forkserver that has what the
first has and these modules; ``{"retire": true}``. To the worker: ``{"loaded": n, …}``;
``{"began": id, "pid": n}``; ``{"ended": pid, "status": code}``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from deployments.linux import die_with
from deployments.worker import child
from deployments.worker.completing import complete

Order = dict[str, Any]


class Forkserver:
    """The loop; `serve` returns twice: an order in each child, None once in the server."""

    def __init__(self, channel: socket.socket) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._begin(channel)

    def serve(self) -> Order | None:
        """Load what is asked for; between two imports, and ever after, fork what is ordered."""
        while not (self.retired and not self.children):
            order = self._attend(wait=True)
            if order is not None:
                return order
        return None

    def _begin(self, channel: socket.socket) -> None:
        self.channel = channel
        self.children: set[int] = set()
        self.retired = False
        self._unread = b""
        self._inbox: deque[dict[str, Any]] = deque()
        self._sockets: deque[int] = deque()
        self._awake, self._waker = socket.socketpair()
        for each in (self._awake, self._waker):
            each.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def _leave(self) -> None:
        signal.set_wakeup_fd(-1)
        for each in (self.channel, self._awake, self._waker):
            each.close()

    def _attend(self, *, wait: bool) -> Order | None:
        """Do what the worker said next, if anything."""
        self._listen(wait=wait and not self._inbox)
        if not self._inbox:
            return None
        message = self._inbox.popleft()
        if "load" in message:
            return self._load(message["load"])
        if "run" in message:
            return message if self._fork(message["run"]) else None
        if "branch" in message:
            return self._branch(message["name"], message["branch"])
        self.retired = True
        return None

    def _load(self, modules: Sequence[str]) -> Order | None:
        begin = time.monotonic()
        failed = []
        for name in modules:
            if self.retired:
                return None
            try:
                importlib.import_module(name)
            except (Exception, SystemExit):  # the run that needs it fails, and says why
                traceback.print_exc()
                failed.append(name)
            while self._listen(wait=False):
                order = self._attend(wait=False)
                if order is not None:
                    return order
        complete()
        gc.collect()
        gc.freeze()  # a collection in a child would otherwise copy every page it looks at
        taken = round(time.monotonic() - begin, 2)
        threads = threading.active_count()
        self._tell(loaded=len(modules), failed=failed, seconds=taken, threads=threads)
        return None

    def _fork(self, name: str) -> bool:
        """Fork, tell the worker; return whether this is the child."""
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            self._leave()
            return True
        with suppress(OSError):  # the child was faster, or is gone
            os.setpgid(pid, pid)
        self.children.add(pid)
        self._tell(began=name, pid=pid)
        return False

    def _branch(self, name: str, modules: Sequence[str]) -> Order | None:
        handle, parent = self._sockets.popleft(), os.getpid()
        if not self._fork(name):
            os.close(handle)
            return None
        die_with(parent)
        self._begin(socket.socket(fileno=handle))
        return self._load(modules)

    def _listen(self, *, wait: bool) -> bool:
        """Return whether the worker said what is not done yet; end with the worker."""
        ready, _, _ = select.select([self.channel, self._awake], [], [], None if wait else 0)
        if self._awake in ready:
            with suppress(BlockingIOError):
                self._awake.recv(4096)
            self._reap()
        if self.channel in ready:
            data, handles, _, _ = socket.recv_fds(self.channel, 1 << 16, 4)
            if not data:
                os._exit(0)
            self._sockets.extend(handles)
            *lines, self._unread = (self._unread + data).split(b"\n")
            self._inbox.extend(json.loads(line) for line in lines)
        return bool(self._inbox)

    def _reap(self) -> None:
        for pid in tuple(self.children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.children.discard(pid)
                self._tell(ended=pid, status=os.waitstatus_to_exitcode(status))

    def _tell(self, **message: object) -> None:
        try:
            self.channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            os._exit(0)


def main() -> None:
    """Serve until the worker is gone or says so; in a child, become the flow run."""
    die_with(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(channel.fileno(), False)
    order = Forkserver(channel).serve()
    if order is None:
        os._exit(0)
    child.become(order["directory"], order["environment"])


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # where the worker was started, which is not where a run is
    main()
