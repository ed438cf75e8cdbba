"""The process that starts the workers, and starts another for one that died."""

from __future__ import annotations

from uvicorn.supervisors import Multiprocess


class Parent(Multiprocess):
    """Lets go of the socket before the workers end."""

    def terminate_all(self) -> None:
        """Tell every worker to stop."""
        # a connection that waits at a socket which only we hold would wait for nobody
        for listening in self.sockets:
            listening.close()
        super().terminate_all()
