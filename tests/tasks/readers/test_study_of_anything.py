"""Whatever bytes a file holds, studying it ends in a study that reads it, or in a refusal."""

from __future__ import annotations

import contextlib
import json
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.readers.source import BadBatch
from tasks.readers.study import study
from tests.tasks.readers.test_hostile_files import HOSTILE
from tests.tasks.readers.test_study import read, studied


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_studied_or_refused(case: str, tmp_path: Path) -> None:
    name, content, *_ = HOSTILE[case]
    path = tmp_path / "object"
    path.write_bytes(content())
    try:
        found = study(path, name, 64 * 2**20, lambda _: None)
    except BadBatch as bad:
        assert all(problem.message for problem in bad.problems)
    else:
        assert found.columns


@settings(max_examples=60, deadline=None)
@given(content=st.binary(min_size=1, max_size=300), name=st.sampled_from(["a.csv", "a.jsonl.gz"]))
@example(content=b"\x1c0", name="a.csv")
def test_no_bytes_end_in_anything_but_a_study_or_a_refusal(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(BadBatch):
        assert studied(Path(folder), name, content).rows >= 0


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text(alphabet="0123456789.,-$%?/ :NAeE'", max_size=8),
            st.dates(date(1990, 1, 1), date(2050, 1, 1)).map(lambda day: day.strftime("%d/%m/%Y")),
            st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_down_reads_every_value_of_the_file(texts: list[str]) -> None:
    lines = [json.dumps({"v": text, "n": 1}) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        found = studied(Path(folder), "a.jsonl", "\n".join(lines))
        rows = read(Path(folder), "a.jsonl", found.options)
        column = found.columns["v"]
        gaps = sum(value is None for value in rows["v"])
        assert gaps == column.missing or column.reading is None
