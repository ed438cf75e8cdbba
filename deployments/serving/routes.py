"""Every address of the prediction API, and who may ask there. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Access = Literal["open", "key"]


class Route(NamedTuple):
    """One address: `name` is the function that answers it.

    `access` open needs no key; with key, one that opens the pipeline of the address, or any key
    where the address names none.
    """

    method: str
    template: str
    name: str
    access: Access


ROUTES = (
    Route("GET", "/healthz", "healthz", "open"),
    Route("GET", "/readyz", "readyz", "open"),
    Route("GET", "/ping", "readyz", "open"),
    Route("GET", "/openapi.json", "openapi", "key"),
    Route("GET", "/v1", "pipelines", "key"),
    Route("GET", "/v1/{pipeline}", "describe", "key"),
    Route("POST", "/v1/{pipeline}/predict", "predict", "key"),
    Route("GET", "/{pipeline}/ping", "ready", "open"),
    Route("GET", "/{pipeline}/health", "ready", "open"),
    Route("GET", "/{pipeline}/version", "mlflow_version", "key"),
    Route("POST", "/{pipeline}/invocations", "invocations", "key"),
    Route("GET", "/v2", "inference_server", "open"),
    Route("GET", "/v2/health/live", "healthz", "open"),
    Route("GET", "/v2/health/ready", "readyz", "open"),
    Route("GET", "/v2/models/{pipeline}", "inference_model", "key"),
    Route("GET", "/v2/models/{pipeline}/ready", "ready", "open"),
    Route("POST", "/v2/models/{pipeline}/infer", "infer", "key"),
    Route("GET", "/v2/models/{pipeline}/versions/{version}", "inference_model", "key"),
    Route("GET", "/v2/models/{pipeline}/versions/{version}/ready", "ready", "open"),
    Route("POST", "/v2/models/{pipeline}/versions/{version}/infer", "infer", "key"),
)
# What load balancers ask: whether to send requests here.
READINESS = ("readyz", "ready")
# Addresses that are remembered: a sender can make up any number of them.
MOST_KNOWN = 1000


@dataclass(frozen=True)
class Found:
    """The route of a request, and what its address names; `version` is empty where none is."""

    route: Route
    pipeline: str = ""
    version: str = ""


class Finder:
    """Finds the route of a request; addresses that were asked for before at once.

    >>> Finder().find("POST", "/v1/flights/predict").pipeline
    'flights'
    >>> Finder().find("GET", "/v1/flights/predict"), Finder().find("GET", "/nowhere/else")
    (('POST',), None)
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Found] = {}
        self._patterns = [(route, _pattern(route.template)) for route in ROUTES]

    def find(self, method: str, path: str) -> Found | tuple[str, ...] | None:
        """Return the route, the methods that the address does take, or None."""
        known = self._known.get((method, path))
        if known is not None:
            return known
        fitting = [
            Found(route, **match.groupdict())
            for route, pattern in self._patterns
            if (match := pattern.fullmatch(path))
        ]
        for found in fitting:
            if found.route.method == method:
                if len(self._known) < MOST_KNOWN:
                    self._known[method, path] = found
                return found
        return tuple(found.route.method for found in fitting) or None


def _pattern(template: str) -> re.Pattern[str]:
    named = re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9-]{1,63})", template)
    return re.compile(named)
