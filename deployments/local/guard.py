"""Start a new supervisor when the old one was killed, and keep the logs small.

The supervisor restarts the guard, the guard restarts the supervisor; the programs run on meanwhile.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from deployments.local.folder import Folder
from deployments.local.logs import rotate
from deployments.local.programs import HOME_MARK, names
from deployments.local.supervise import find_supervisor, lock, start
from tasks.errors import StackError

EVERY = 0.5  # seconds
ROTATE_EVERY = 60  # rounds, half a minute


def main() -> None:
    """Watch until the supervisor had to be replaced, or `down`."""
    folder = Folder(Path(os.environ[HOME_MARK]))
    rounds = 0
    while folder.wanted.exists():
        if rounds % ROTATE_EVERY == 0:
            rotate(folder.log(name) for name in names())
        # The new supervisor starts a guard of its own: two would race to replace the next.
        if find_supervisor(folder) is None and _replaced(folder):
            return
        rounds += 1
        time.sleep(EVERY)


def _replaced(folder: Folder) -> bool:
    try:
        with lock(folder, patience=5):
            # Asked again under the lock: `down`, or another guard, may have been faster.
            if folder.wanted.exists() and find_supervisor(folder) is None:
                start(folder)
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return False
    return True


if __name__ == "__main__":
    main()
