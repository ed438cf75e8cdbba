"""Imports everything that ingesting needs, so that a forked process starts at once."""

from __future__ import annotations

import deltalake
import great_expectations.render.renderer
import great_expectations.render.view
import great_expectations.validator.validator
import polars

LOADED = (deltalake, great_expectations, polars)
