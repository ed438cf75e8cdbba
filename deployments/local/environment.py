"""The variables that a process needs to talk to the local stack."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OFFLINE: Mapping[str, str] = MappingProxyType(
    {
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
)
