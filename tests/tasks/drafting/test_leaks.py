from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.drafting.leaks import find_leaks

ROWS = 1200


def table(seed: int = 3) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    age, load = draw.integers(18, 80, ROWS), draw.normal(size=ROWS)
    left = (0.8 * load + draw.normal(size=ROWS) > 0.9).astype(int)
    return pd.DataFrame({"age": age, "load": load, "left": left})


def test_honest_features_are_not_suspected() -> None:
    assert find_leaks(table(), "left", "binary") == {}


def test_a_column_filled_only_afterwards_is_named() -> None:
    frame = table()
    frame["reason"] = np.where(frame.left == 1, np.resize(["moved", "price"], ROWS), None)
    assert list(find_leaks(frame, "left", "binary")) == ["reason"]


def test_a_rescaled_copy_of_a_number_is_named() -> None:
    frame = table().assign(price=lambda f: np.exp(f.load) * 100)
    frame["price_with_tax"] = (frame.price * 1.19).round(2)
    frame = frame.drop(columns=["load", "left"])
    assert list(find_leaks(frame, "price", "regression")) == ["price_with_tax"]


def test_classes_told_by_another_spelling_are_named() -> None:
    frame = table()
    frame["group"] = pd.cut(frame.age, [0, 30, 50, 99], labels=["young", "mid", "old"]).astype(str)
    frame["code"] = frame.group.map({"young": "A1", "mid": "B7", "old": "C3"})
    found = find_leaks(frame.drop(columns="age"), "group", "multiclass")
    assert list(found) == ["code"]


def test_parts_of_a_total_are_named_together() -> None:
    draw = np.random.default_rng(5)
    frame = table()
    frame["casual"], frame["registered"] = draw.poisson(90, ROWS), draw.poisson(95, ROWS)
    frame["rented"] = frame.casual + frame.registered
    found = find_leaks(frame, "rented", "regression")
    assert set(found) == {"casual", "registered"}
    assert found["casual"] == "casual and registered add up to rented"


def test_an_identifier_says_nothing_of_other_rows() -> None:
    frame = table().assign(ticket=[f"T{i}" for i in range(ROWS)])
    assert "ticket" not in find_leaks(frame, "left", "binary")


def test_a_rare_class_is_no_excuse() -> None:
    frame = table()
    frame["left"] = (np.arange(ROWS) % 100 == 0).astype(int)
    assert find_leaks(frame, "left", "binary") == {}  # accuracy alone would be 99 %
    frame["refund"] = frame.left * 12.5
    assert list(find_leaks(frame, "left", "binary")) == ["refund"]
