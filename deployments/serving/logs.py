"""Log lines as JSON: of a request its id, address, status, time and whose key, never its values."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

ACCESS = "PERENNIAL_ACCESS_LOG"
FIELDS = ("request", "method", "path", "status", "milliseconds", "key")


class JsonFormatter(logging.Formatter):
    """Write a record as one JSON object.

    >>> record = logging.makeLogRecord({"msg": "answered", "levelname": "INFO", "status": 200})
    >>> said = json.loads(JsonFormatter().format(record))
    >>> said["level"], said["message"], said["status"]
    ('INFO', 'answered', 200)
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": record.process,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in FIELDS if hasattr(record, name)},
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def log_as_json() -> None:
    """Let every line of this process be JSON on standard error; quiet what chatters."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("botocore", "boto3", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
