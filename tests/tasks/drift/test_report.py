"""The page: the exact figures, the sample stated, no request, and nothing that came runs."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tasks.drift.compare import compare
from tasks.drift.drift import DatasetDrift
from tasks.drift.report import draw_report
from tasks.features.schema import Columns
from tests.tasks.drift.scenes import profiled

EVIL = '</script><script>alert("1")</script>'
IMAGE = "<img src=x onerror=alert(2)>"
COLUMNS = Columns(("wind", EVIL, "[img src=x onerror=alert(2)]", "void"), ("carrier", IMAGE))


def rows(count: int, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(int(shift))
    return pd.DataFrame(
        {
            "wind": rng.normal(shift, 1, count).astype("float32"),
            EVIL: rng.integers(0, 2, count).astype("float32"),
            COLUMNS.numbers[2]: np.append(np.inf, rng.normal(size=count - 1)).astype("float32"),
            "void": np.full(count, np.nan, "float32"),
            "carrier": pd.Series(rng.choice([EVIL, "UA", "__missing__"], count), dtype="str"),
            IMAGE: pd.Series(rng.choice(["a", IMAGE], count), dtype="str"),
        }
    )


BEFORE, NOW = rows(6000, 0), rows(5500, 1)


@pytest.fixture(scope="module")
def drift() -> DatasetDrift:
    sides = (profiled(frame, COLUMNS) for frame in (BEFORE, NOW))
    return compare(*sides, importances={}, share=0.15)


@pytest.fixture(scope="module")
def page(drift: DatasetDrift) -> str:
    return draw_report(BEFORE, NOW, drift, COLUMNS).decode()


def test_the_page_holds_the_exact_figures(page: str, drift: DatasetDrift) -> None:
    assert drift.summary.startswith("1 of 6 columns drifted")
    assert drift.summary in page
    for one in drift.columns:
        if one.score is not None:
            assert f'<td class="number">{one.score:.4g}</td>' in page
    assert "<td>drifted: distance" in page
    assert '<td class="number">100.0% → 100.0%</td>' in page


def test_the_page_states_its_sample(page: str) -> None:
    assert "a sample of 5,000 of 5,500 rows now and 5,000 of 6,000 rows of the reference" in page
    assert "for lack of values: void" in page


def test_the_page_holds_evidentlys_own_report(page: str) -> None:
    assert "drawDashboard" in page
    assert page.count("Wasserstein distance (normed)") >= 2
    assert page.count("Jensen-Shannon distance") >= 2


def test_the_page_makes_no_request(page: str) -> None:
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\s(src|href)\s*=", page, re.IGNORECASE)
    assert not re.search(r"url\(\s*['\"]?https?:", page)
    allowed = re.search(r'Security-Policy" content="([^"]+)"', page)
    assert allowed is not None
    assert allowed[1].startswith("default-src 'none'")
    assert "http" not in allowed[1]
    assert page.index("Security-Policy") < page.index("<script")


def test_nothing_that_came_runs(page: str, drift: DatasetDrift) -> None:
    assert EVIL not in page
    assert "</script><script>" not in page
    assert IMAGE not in page
    assert "&lt;/script&gt;&lt;script&gt;alert" in page
    assert "&lt;img src=x onerror" in page


def test_where_nothing_can_be_drawn_the_figures_stand_alone(drift: DatasetDrift) -> None:
    alone = draw_report(BEFORE[["void"]], NOW.iloc[:0], drift, COLUMNS).decode()
    assert drift.summary in alone
    assert "<script" not in alone
    assert EVIL not in alone
