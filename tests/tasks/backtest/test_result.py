from __future__ import annotations

import json
from html import escape

import pytest

from tasks.backtest.known import AT_ONCE
from tasks.backtest.page import draw_page, figure_rows
from tasks.backtest.plan import choose_policies
from tasks.backtest.result import Backtest, compare_policies, tolerance
from tasks.errors import ConfigurationError, DataError
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tests.tasks.backtest.scenes import history

OWN = parse_policy("any(new_rows 20%, age 60d)")


def found(**how: object) -> Backtest:
    return compare_policies(history(**how), choose_policies(None, OWN), Limits(), AT_ONCE, OWN)


def test_the_lines_add_up() -> None:
    test = found(count=14)
    by_name = {one.policy: one for one in test.lines}
    assert len(by_name) == 10
    assert [line.cpu_seconds for line in test.lines] == sorted(c.cpu_seconds for c in test.courses)
    assert by_name["static"].against_static == 0
    assert all(one.against_bound <= 0 for one in test.lines)
    for line, course in zip(test.lines, test.courses, strict=True):
        assert (line.policy, line.mean) == (course.policy, course.mean)
        static = by_name["static"].mean
        assert line.against_static == pytest.approx(line.mean - static, abs=1e-9)
    assert test.oracle.mean >= max(one.mean for one in test.lines) - 1e-12


def test_it_is_honest_where_nothing_beats_static() -> None:
    test = found(count=14, fade=1e-9)
    assert test.recommendation.policy == "static"
    assert "No policy beats never retraining" in test.notes[0]


def test_a_naive_prediction_that_is_as_good_is_told() -> None:
    test = found(count=14, fade=0.08)
    assert not [one for one in test.notes if "majority" in one]
    poor = compare_policies(history(14, fade=0.3), [parse_policy("static")], Limits(), AT_ONCE, OWN)
    assert [one for one in poor.notes if "majority" in one]


def test_a_tenth_of_the_watched_drop_is_tolerated_for_a_cheaper_policy() -> None:
    test = found(count=14, fade=0.002)
    assert tolerance(test.history, Limits()) == pytest.approx(0.002)
    advice = test.recommendation
    (advised,) = [one for one in advice.compared if one.policy == advice.policy]
    assert 0 < advised.behind.low < advised.behind.value <= 0.002
    assert "comes within 0.002 of the best, every 1 batch" in advice.why
    strict = compare_policies(
        test.history, choose_policies(None, OWN), Limits(drop=0.0), AT_ONCE, OWN
    )
    assert strict.recommendation.policy == "every 1 batch"


def test_without_labels_nothing_can_be_recommended() -> None:
    with pytest.raises(DataError, match="labels"):
        found(count=8, unlabelled=tuple(range(8)))


def test_batches_without_labels_are_told() -> None:
    assert "2 of 12 batches" in found(count=14, unlabelled=(5, 6)).notes[-1]


@pytest.mark.parametrize("upwards", [True, False])
def test_the_page_holds_every_policy_and_refers_to_nothing_outside(upwards: bool) -> None:
    test = found(count=14, upwards=upwards)
    text = draw_page(test, "<script>toy", "with the batch").decode()
    assert "&lt;script&gt;toy" in text
    assert "<script" not in text
    assert text.count('<img alt="') == text.count('src="data:image/png;base64,') == 2
    for one in test.lines:
        assert one.policy in text
    assert escape(test.recommendation.yaml) in text
    assert text.count('class="marked"') == 1
    assert len(figure_rows(test)) == len(test.lines) + 2


def test_the_document_is_strict_json() -> None:
    test = found(count=9, unlabelled=(4,))
    document = json.loads(json.dumps(test.to_dict(), allow_nan=False))
    assert [one["policy"] for one in document["policies"]] == [one.policy for one in test.lines]


def test_a_policy_that_is_none_is_refused_with_the_likely_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean drift"):
        choose_policies(["drfit"], OWN)
