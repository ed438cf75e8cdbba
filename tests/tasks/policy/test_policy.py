"""Every policy that can be written reads back the same, and what cannot is refused with words."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import ConfigurationError
from tasks.policy.policy import Combination, Condition, Policy, conditions, parse_policy
from tasks.policy.signals import SIGNALS

SHARES = st.integers(1, 1000).map(lambda n: n / 1000)
DROPS = st.floats(0, 10, allow_nan=False)
LENGTHS = st.timedeltas(timedelta(milliseconds=1), timedelta(days=4000))
AMOUNTS: dict[str, st.SearchStrategy[int | float | timedelta | None]] = {
    "every": st.integers(1, 100),
    "new_rows": st.one_of(st.integers(1, 10**9), st.integers(1, 300).map(lambda n: n / 100)),
    "age": LENGTHS,
    "drift": st.none() | SHARES,
    "quality": st.none() | SHARES | st.floats(0.01, 1),
    "performance": st.none() | DROPS,
    "decay": st.none() | DROPS,
    "estimated_performance": st.none() | DROPS,
}
LEAVES = st.sampled_from(sorted(SIGNALS)).flatmap(
    lambda name: st.builds(Condition, st.just(name), AMOUNTS.get(name, st.none()))
)
POLICIES: st.SearchStrategy[Policy] = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Combination,
        st.sampled_from(["any", "all"]),
        st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=6,
)


def as_mapping(policy: Policy) -> object:
    if isinstance(policy, Condition):
        return str(policy)
    return {policy.how: [as_mapping(one) for one in policy.members]}


@given(POLICIES)
def test_a_policy_reads_back_from_its_text_and_from_yaml(policy: Policy) -> None:
    assert parse_policy(str(policy)) == policy
    assert parse_policy(yaml.safe_load(yaml.safe_dump(as_mapping(policy)))) == policy
    assert yaml.safe_load(f"policy: {policy}") == {"policy": str(policy)}


@pytest.mark.parametrize("name", SIGNALS)
def test_the_example_of_every_signal_reads_back(name: str) -> None:
    example = SIGNALS[name].example
    assert parse_policy(example) == parse_policy(str(parse_policy(example)))
    assert conditions(parse_policy(example))[0].signal == name
    assert name in AMOUNTS or SIGNALS[name].amount is None, "each amount is drawn above"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (" Performance ", "performance"),
        ("every batch", "every 1 batch"),
        ("every 3", "every 3 batches"),
        ("new_rows 50_000", "new_rows 50000"),
        ("new_rows 150%", "new_rows 150%"),
        ("age 2w", "age 14d"),
        ("drift 0.4", "drift 40%"),
        ("performance 1%", "performance 0.01"),
        ("ANY ( drift,age 1h )", "any(drift, age 1h)"),
        ({"new_rows": 500}, "new_rows 500"),
        ({"drift": 0.4}, "drift 40%"),
        ({"performance": None}, "performance"),
        (
            {"all": [{"any": ["drift", {"age": "3d"}]}, "decay"]},
            "all(any(drift, age 3d), decay)",
        ),
    ],
)
def test_there_are_several_ways_to_write_one(written: object, canonical: str) -> None:
    assert str(parse_policy(written)) == canonical


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("perfomance", "Did you mean performance?"),
        ("drfit 40%", "Did you mean drift?"),
        ("every", "every needs an amount"),
        ("every 0 batches", "with 1 or more"),
        ("new_rows -3", "new rows are written"),
        ("new_rows 0%", "new rows are written"),
        ("age 30", "a duration is a number"),
        ("age 0d", "above zero"),
        ("age 99999999999999d", "million years"),
        ("drift 140%", "between 0% and 100%"),
        ("performance nan", "a number of at least 0"),
        ("performance -0.1", "a number of at least 0"),
        ("static 3", "static stands alone"),
        ("error_drift 0.1", "error_drift stands alone"),
        ("performance, drift", "joined as any"),
        ("any(drift", "joined as any"),
        ("any(drift))", "every bracket is closed once"),
        ("any(drift)(age 3d)", "every bracket is closed once"),
        ("any()", "at least one"),
        ("any(drift,)", "a known word"),
        ("", "Allowed: static"),
        (None, "text, or any/all of a list"),
        (3, "text, or any/all of a list"),
        (["drift"], "text, or any/all of a list"),
        ({}, "a mapping holds one word"),
        ({"any": ["drift"], "all": ["age 3d"]}, "a mapping holds one word"),
        ({"any": "drift"}, "a list of policies"),
        ({"any": ["drift", "agee 3d"]}, "retraining.policy.any.1"),
        ({"age": True}, "one amount"),
        ("any(" * 9 + "drift" + ")" * 9, "nest at most"),
        ("drift " + "4" * 5000, "at most 2000 characters"),
    ],
)
def test_what_is_no_policy_is_refused_with_what_is_allowed(wrong: object, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(wrong)
    assert said in str(caught.value)
    assert str(caught.value).startswith("retraining.policy")


PIECES = (
    "any(",
    "all(",
    ")",
    ", ",
    " ",
    "drift",
    "drift 3%",
    "static",
    "every 2 batches",
    "3",
    "%",
)


@example("any(performance 0, drift 1%)")
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        policy = parse_policy(text)
    except ConfigurationError:
        return
    assert parse_policy(str(policy)) == policy
