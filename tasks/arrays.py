"""Arrays by what lies in them, for signatures: an annotation says the dtype, the text its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""Values of any kind: what a caller's data decides, such as a target or the cells of a column."""

Floats = NDArray[np.floating[Any]]
"""Figures of either width: scores, losses, probabilities, weights, edges."""

Singles = NDArray[np.float32]
"""Floats as an ONNX graph takes and gives them, at half the memory."""

Integers = NDArray[np.integer[Any]]
"""Counts, codes and positions, of any width."""

Hashes = NDArray[np.uint64]
"""Stable 64-bit hashes of rows."""

Times = NDArray[np.datetime64]
"""Moments in UTC, without a zone."""

Mask = NDArray[np.bool_]
"""True where a row is meant."""

Objects = NDArray[np.object_]
"""Python objects: text beside None, numbers of several kinds."""
