"""Let a command that follows or waits outlast the restart of a server.

The local stack restarts a server that died within seconds. A short command tells at once that a
server is away; one that waits for minutes anyway would end for nothing. Of a stack that was stopped
nothing comes back: that is told at once as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from deployments.local.folder import Folder
from deployments.prefect_api import Unreachable
from tasks.errors import PerennialError, StoreUnavailable, TrackingUnavailable
from tasks.settings import home_folder

T = TypeVar("T")
Say = Callable[[str], None]
PATIENCE = 120.0  # seconds; a restart takes 5 to 30 on a busy machine
PAUSE = 0.5  # seconds
NAMES: Mapping[type[PerennialError], str] = {
    StoreUnavailable: "The store",
    TrackingUnavailable: "MLflow",
    Unreachable: "Prefect",
}
AWAY = tuple(NAMES)


def over_a_restart(
    act: Callable[[], T],
    say: Say,
    patience: float = PATIENCE,
    away: tuple[type[PerennialError], ...] = AWAY,
) -> T:
    """Do what may be done twice; while a server is away, again, for at most `patience` seconds.

    `say` is told once what is waited for, and once that it is back; `away` are the errors that say
    that a server is.

    Raises:
        StoreUnavailable, TrackingUnavailable, Unreachable: it did not come back.
    """
    absence = Absence(say, patience)
    while True:
        try:
            came = act()
        except away as error:
            absence.bear(error)
        else:
            absence.end()
            return came


class Absence:
    """A server that gives no answer: since when, and whether the person knows."""

    def __init__(self, say: Say, patience: float = PATIENCE) -> None:
        self._say = say
        self._patience = patience
        self._since: float | None = None
        self._name = ""

    def bear(self, error: PerennialError) -> None:
        """Say once what is waited for, and wait a moment.

        Raises:
            PerennialError: `error`, at once where nothing brings the server back, or with the time
                waited, once that is over.
        """
        now = time.monotonic()
        if self._since is None:
            if is_stopped():
                raise error
            self._since, self._name = now, name_server(error)
            came = f" ({error.came})" if error.came else ""
            bound = f"for up to {self._patience:.0f} s"
            self._say(f"{self._name} gives no answer{came}. Waiting for it {bound}.")
        if now - self._since > self._patience:
            rule = f"{error.rule}, here within {self._patience:.0f} s"
            raise type(error)(error.where, rule, error.came, error.remedy) from error
        time.sleep(PAUSE)

    def end(self) -> None:
        """Take notice of an answer; the next silence is another one."""
        if self._since is not None:
            self._say(f"{self._name} answers again after {time.monotonic() - self._since:.0f} s.")
            self._since = None


def name_server(error: PerennialError) -> str:
    """Return which server an error says is away, as a person knows it.

    >>> name_server(TrackingUnavailable("MLflow at http://127.0.0.1:5000", "it answers"))
    'MLflow'
    """
    return next(name for kind, name in NAMES.items() if isinstance(error, kind))


def is_stopped() -> bool:
    """Say whether the local stack was started here once, and does not run by a person's will."""
    folder = Folder.at(home_folder())
    return folder.secrets.exists() and not folder.wanted.exists()
