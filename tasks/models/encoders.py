"""Fitted encoders and the target's scale as one JSON document. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError
from tasks.models.blocks import Block, read_blocks
from tasks.models.model import Model

ENCODERS = "encoders.json"


@dataclass(frozen=True)
class Encoders:
    """What a fitted model makes of prepared columns, and how its answers are scaled.

    A regression's answer times `spread` plus `center` is the prediction. `classes` is how many
    it tells apart, 0 for a regression.
    """

    blocks: tuple[Block, ...]
    center: float
    spread: float
    classes: int

    @classmethod
    def of(cls, model: Model) -> Encoders:
        """Read them off a fitted model."""
        blocks = read_blocks(model.pipeline_.named_steps["encoders"])
        return cls(blocks, model.center_, model.spread_, model.class_count)

    def to_bytes(self) -> bytes:
        """Return strict JSON."""
        document = {**vars(self), "blocks": [block.to_dict() for block in self.blocks]}
        return json.dumps(seal("encoders", document), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Encoders:
        """Read what `to_bytes` wrote.

        Raises:
            IntegrityError: it is something else.
        """
        try:
            content = unseal_bytes("encoders", data, ENCODERS)
            return cls(
                tuple(Block.from_dict(block) for block in content["blocks"]),
                float(content["center"]),
                float(content["spread"]),
                int(content["classes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(ENCODERS, "it holds a model's encoders", repr(error)) from error
