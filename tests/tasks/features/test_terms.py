from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.features.terms import GRID, TermTable, on_grid, reads_as_text, words
from tasks.features.text_encoder import DIRECTIONS, TermEncoder, fit_terms, spread_targets
from tasks.features.values import MISSING

SENTENCES = ("the train was late", "a quiet seat by the window", "the coffee was cold and late")


def table(count: int = 60, width: int = 5) -> TermTable:
    draw = np.random.default_rng(3)
    numbers = on_grid(draw.normal(size=(count, width)) * 20)
    return TermTable(tuple(f"w{i}" for i in range(count)), np.abs(numbers))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 80).map("w{}".format), unique=True), max_size=6), st.randoms()
)
def test_the_order_of_words_and_the_way_to_add_change_no_bit(texts, chance) -> None:
    terms = table()
    shuffled = [chance.sample(text, len(text)) for text in texts]
    plain, other = ([" ".join(text) for text in rows] for rows in (texts, shuffled))
    encoded = terms.encode(plain)
    assert encoded.tobytes() == terms.encode(other).tobytes()
    single = [np.array(terms.row(text), np.float32) for text in other]
    assert encoded.tobytes() == b"".join(row.tobytes() for row in single)


@given(st.text())
def test_the_words_of_any_text_are_text_of_their_own_words(text: str) -> None:
    made = words(text)
    if made not in (MISSING, "_"):
        assert words(made) == made
        assert len(set(made.split(" "))) == len(made.split(" "))
    made.encode()


def test_weights_are_exact_in_float32() -> None:
    made = on_grid(np.array([0.1, -3.7, 1e9, 510.99999]))
    assert (made / GRID == np.round(made / GRID)).all()
    assert made.max() == 511


def test_prose_is_told_from_names_codes_and_times() -> None:
    draw = np.random.default_rng(0)
    prose = [f"{draw.choice(SENTENCES)} on day {i}" for i in range(300)]
    assert reads_as_text(pd.Series(prose))
    others = {
        "codes": [f"AB-{i:05d}-{i * 7919 % 9973:04d}" for i in range(300)],
        "times": [f"2024-01-{i % 28 + 1:02d} 10:{i % 60:02d}:{i % 50:02d}" for i in range(300)],
        "names": [
            f"{a}{i} {b}{i}" for i, (a, b) in enumerate(draw.choice(["ann", "bo"], (300, 2)))
        ],
        "hashes": [f"{i * 2654435761 % 2**32:08x} {i * 40503 % 65536:04x} x" for i in range(300)],
    }
    assert {
        name: reads_as_text(pd.Series(texts)) for name, texts in others.items()
    } == dict.fromkeys(others, False)


def test_a_rows_own_target_does_not_enter_its_score() -> None:
    draw = np.random.default_rng(1)
    texts = [words(f"u{i} v{i % 200} the {draw.choice(['a', 'b'])}") for i in range(400)]
    y = draw.integers(0, 2, 400)
    encoder = TermEncoder("binary", 7)
    crossed = encoder.fit_transform(pd.DataFrame({"t": texts}), y)[:, -1]
    plain = encoder.transform(pd.DataFrame({"t": texts}))[:, -1]
    assert np.corrcoef(plain, y)[0, 1] > 0.5
    assert np.corrcoef(crossed, y)[0, 1] < 0.2


def test_many_words_are_folded_into_few_directions() -> None:
    draw = np.random.default_rng(2)
    texts = [" ".join(f"w{i}" for i in draw.choice(400, 12, replace=False)) for _ in range(500)]
    made, rows = fit_terms(texts, spread_targets(np.arange(500) % 3, "multiclass"), 7)
    assert made.width == DIRECTIONS + 3
    assert rows.shape == (500, made.width)
    again, same = fit_terms(texts, spread_targets(np.arange(500) % 3, "multiclass"), 7)
    assert again.weights.tobytes() == made.weights.tobytes()
    assert same.tobytes() == rows.tobytes()
