from __future__ import annotations

from typing import Any

import pytest

from tasks.drafting.positive import Positive, choose_positive, say_positive
from tests.tasks.drafting.seen import column


@pytest.mark.parametrize(
    ("kind", "values", "label", "ground"),
    [
        ("string", ["nein"] * 30 + ["ja"] * 60, "ja", "it means yes"),
        ("string", ["Sim"] * 60 + ["Não"] * 30, "Sim", "it means yes"),
        ("string", ["No"] * 60 + ["churned"] * 90, "churned", "it means yes"),
        ("string", ["good"] * 60 + ["bad"] * 30, "good", "it means yes"),
        ("integer", [0] * 30 + [1] * 60, 1, "it means yes"),
        ("boolean", ["true"] * 60 + ["false"] * 30, True, "it means yes"),
        ("string", ["away"] * 60 + ["stay"] * 30, "stay", "the rarer, in 30 of 90 rows"),
        ("string", ["away"] * 30 + ["stay"] * 60, "away", "the rarer, in 30 of 90 rows"),
        ("integer", [1] * 30 + [2] * 60, 1, "the rarer, in 30 of 90 rows"),
        ("number", [1.0] * 60 + [2.0] * 30, 2, "the rarer, in 30 of 90 rows"),
        ("string", ["away"] * 30 + ["stay"] * 30, "stay", "both come equally often"),
    ],
)
def test_the_class_that_means_yes_is_positive_else_the_rarer(
    kind: str, values: list[Any], label: Any, ground: str
) -> None:
    assert choose_positive(column("y", kind, values)) == Positive(label, ground)


def test_the_way_to_the_other_class_is_told() -> None:
    seen = column("left", "string", ["nein"] * 30 + ["ja"] * 60)
    (line,) = say_positive(choose_positive(seen), seen)
    assert line.endswith("Otherwise: --set positive=nein")
    worded = column("left", "string", ["no"] * 30 + ["yes"] * 60)
    # a bare no would be false in YAML
    (line,) = say_positive(choose_positive(worded), worded)
    assert line.startswith("positive  'yes': it means yes;")
    assert line.endswith("""Otherwise: --set 'positive='"'"'no'"'"''""")
