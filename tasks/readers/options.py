"""How a file is written: the section `source:` of the pipeline file, as the readers use it."""

from __future__ import annotations

from tasks.config.source import Derived, Reading, SourceOptions

__all__ = ["PLAIN", "Derived", "Reading", "SourceOptions"]

PLAIN = SourceOptions()  # commas, UTF-8, ISO dates, points in decimals
