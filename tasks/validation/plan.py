"""How each expectation can be judged without the whole table in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from tasks.errors import ConfigurationError, did_you_mean
from tasks.readers.kinds import NUMERIC, kind_of

Method = Literal["shape", "values", "rows", "set", "figure", "twins", "whole"]

BETWEEN = "expect_column_values_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"
NULLS = frozenset({"expect_column_values_to_be_null", NOT_NULL})
# A value of these is met or not whatever stands in other rows, so equal values are judged once.
VALUES = frozenset(
    f"expect_column_{name}"
    for name in (
        *("values_to_be_between", "values_to_be_in_set", "values_to_not_be_in_set"),
        *("values_to_be_null", "values_to_not_be_null"),
        *("value_lengths_to_be_between", "value_lengths_to_equal"),
        *("values_to_match_regex", "values_to_not_match_regex"),
        *("values_to_match_regex_list", "values_to_not_match_regex_list"),
        *("values_to_match_like_pattern", "values_to_not_match_like_pattern"),
        *("values_to_match_like_pattern_list", "values_to_not_match_like_pattern_list"),
        *("values_to_be_dateutil_parseable", "values_to_match_strftime_format"),
        *("values_to_be_json_parseable", "values_to_match_json_schema"),
    )
)
ROWS = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
SETS = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_unique_value_count_to_be_between",
    }
)
FIGURES = {
    "expect_column_min_to_be_between": "min",
    "expect_column_max_to_be_between": "max",
    "expect_column_mean_to_be_between": "mean",
    "expect_column_sum_to_be_between": "sum",
}
TWINS = frozenset({"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"})
ROW_COUNTS = frozenset({"expect_table_row_count_to_be_between", "expect_table_row_count_to_equal"})
SHAPES = ROW_COUNTS | {
    "expect_column_to_exist",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
}


@dataclass(frozen=True)
class Planned:
    """One expectation, the columns it reads, and how it is judged.

    shape: on the count of rows or the names. values: on distinct values with their counts.
    rows: piece by piece. set: on distinct values. figure: on the one figure of the column.
    twins: on the rows that may have an equal. whole: on its columns, loaded at once.
    """

    expectation: Any
    rule: str
    columns: tuple[str, ...]
    method: Method

    @property
    def mostly(self) -> float:
        """The share of values that must meet it."""
        mostly = getattr(self.expectation, "mostly", 1)
        return float(mostly) if isinstance(mostly, (int, float)) else 1.0


def plan(expectation: Any, schema: pa.Schema, where: str) -> Planned:
    """Decide how an expectation is judged on rows of this schema, from its type and its columns.

    Raises:
        ConfigurationError: it names a column that the batch cannot have.
    """
    rule, known = str(expectation.expectation_type), schema.names
    condition = getattr(expectation, "row_condition", None)
    columns = tuple(dict.fromkeys((*named_columns(expectation), *_conditioned(condition))))
    for name in columns:
        if name not in known:
            came = f"{name} in {rule}"
            remedy = f"{did_you_mean(name, known)} Columns: {', '.join(known)}.".strip()
            raise ConfigurationError(where, "expectations name columns of the batch", came, remedy)
    if isinstance(condition, str):  # free text may read any column
        columns = tuple(known)
    numeric = all(kind_of(schema.field(name).type) in NUMERIC for name in columns)
    return Planned(expectation, rule, columns, _method(rule, condition, numeric))


def named_columns(expectation: Any) -> tuple[str, ...]:
    """Return the columns whose values an expectation judges, other than by its condition."""
    # Whether the batch has this column is the question.
    if expectation.expectation_type == "expect_column_to_exist":
        return ()
    single = [getattr(expectation, name, None) for name in ("column", "column_A", "column_B")]
    several = getattr(expectation, "column_list", None) or ()
    return tuple(str(name) for name in (*single, *several) if name is not None)


def _conditioned(condition: Any) -> tuple[str, ...]:
    parts = getattr(condition, "conditions", None)
    if parts is not None:
        return tuple(name for part in parts for name in _conditioned(part))
    column = getattr(condition, "column", None)
    return () if column is None else (str(column.name),)


def _method(rule: str, condition: Any, numeric: bool) -> Method:
    # Equal values of one column may stand on both sides of a condition on another.
    if condition is not None:
        return "rows" if rule in VALUES | ROWS else "whole"
    if rule in FIGURES and numeric:
        return "figure"
    kinds: tuple[tuple[frozenset[str], Method], ...] = (
        (SHAPES, "shape"),
        (VALUES, "values"),
        (ROWS, "rows"),
        (SETS, "set"),
        (TWINS, "twins"),
    )
    return next((method for rules, method in kinds if rule in rules), "whole")
