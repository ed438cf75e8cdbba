"""Whether answers may be kept: what a pipeline's file says, else its model; unknown is no."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tasks.errors import ConfigurationError
from tasks.predictions.ship import declared
from tasks.serving.served import Served
from tasks.settings import Settings

UNKNOWN = "unknown"
UNWANTED = "unwanted"
WHY = {
    UNKNOWN: "there is no pipeline file here, and the model does not say whether they may be; "
    "train it anew, or bring the file",
    UNWANTED: "`serving.log_predictions` is false",
}
log = logging.getLogger("perennial.serving")


class Keeping:
    """Decides of each model whether its answers are kept; `left_out` hears of rows that are not.

    A pipeline's file is read once: another one comes with another start.
    """

    def __init__(self, settings: Settings, left_out: Callable[[str, str, int], None]) -> None:
        self._settings, self._left_out = settings, left_out
        self._declared: dict[str, bool | None] = {}
        self._told: set[tuple[str, int]] = set()

    def keeps(self, served: Served, rows: int) -> bool:
        """Tell whether so many rows that a model answered may be kept; say it once where not."""
        manifest = served.manifest
        name = manifest.pipeline
        wanted = self._declared[name] if name in self._declared else self._declare(name)
        if wanted is None:
            wanted = manifest.lineage.log_predictions
        if wanted:
            return True
        why = UNKNOWN if wanted is None else UNWANTED
        self._left_out(name, why, rows)
        if (name, manifest.version) not in self._told:
            self._told.add((name, manifest.version))
            told = "the answers of %s version %d are not kept: %s"
            log.warning(told, name, manifest.version, WHY[why])
        return False

    def _declare(self, name: str) -> bool | None:
        wanted: bool | None
        try:
            pipeline = declared(self._settings, name)
        # nothing is shipped until the file is mended, and then it decides
        except ConfigurationError:
            wanted = True
        else:
            wanted = None if pipeline is None else pipeline.serving.log_predictions
        self._declared[name] = wanted
        return wanted
