"""What a report shows, and what it never shows."""

from __future__ import annotations

import json
from pathlib import Path

import great_expectations.expectations as gxe
import pytest

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.validation.classes import judge_classes
from tasks.validation.docs import validation_page
from tasks.validation.report import Report
from tests.suites.people import suite as people_suite
from tests.tasks.ingestion.scenes import HEADER, csv, examined, people, row

SECRET = "Zaphod"
FORBIDDEN = Suite(
    people_suite().columns,
    (
        gxe.ExpectColumnValuesToBeInSet(column="name", value_set=["nobody"]),
        gxe.ExpectColumnValuesToBeUnique(column="name"),
        gxe.ExpectColumnMaxToBeBetween(column="name", max_value=3),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="name", value_set=["nobody"]),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="name", value_set=["nobody"]),
        gxe.ExpectColumnValuesToBeBetween(column="name", min_value=3),
        gxe.ExpectColumnMeanToBeBetween(column="name", min_value=3),
        gxe.ExpectColumnPairValuesToBeEqual(column_A="name", column_B="ward"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["name", "ward"]),
        gxe.ExpectColumnValuesToMatchStrftimeFormat(column="name", strftime_format="%Y"),
    ),
)


def forms(report: Report, suite: Suite) -> str:
    page = validation_page(report, suite)
    return "\n".join(
        [
            json.dumps(report.to_dict()),
            report.to_markdown(),
            report.to_html(),
            page,
            repr(report),
        ]
    )


@pytest.mark.parametrize(
    "content",
    [
        csv(9, name=SECRET) + row(3, name=SECRET),
        csv(9).replace(HEADER, "") + row(9, name=SECRET),
        row(1, name=SECRET) + csv(9),
        csv(9, name=f'"{SECRET}'),
        csv(9, name=f"{SECRET},{SECRET}"),
        csv(9, name=f"{SECRET}\0"),
        csv(9, name=SECRET * 200_000),
    ],
    ids=["unexpected", "no header", "first", "quote", "ragged", "NUL", "wide"],
)
def test_personal_values_are_in_no_form_of_the_report(content: str, tmp_path: Path) -> None:
    examination = examined(tmp_path, "a.csv", content.encode(), suite=FORBIDDEN)
    assert not examination.report.accepted
    assert SECRET not in forms(examination.report, FORBIDDEN)


def test_other_columns_show_a_few_values_and_rows(tmp_path: Path) -> None:
    content = csv(9, ward="Z") + "".join(row(20 + n, ward=f"Y{n}") for n in range(20))
    report = examined(tmp_path, "a.csv", content.encode()).report
    (check,) = [check for check in report.checks if check.refuses]
    assert (check.evaluated, check.unexpected) == (29, 21)
    assert check.sample_rows == (9, 10, 11, 12, 13)
    assert check.sample_values == ("Z", "Y0", "Y1", "Y2", "Y3")
    assert "Z, Y0" in report.to_html()


def test_a_warning_is_shown_and_refuses_nothing(tmp_path: Path) -> None:
    content = (HEADER + "".join(row(n, cost="5000") for n in range(5))).encode()
    examination = examined(tmp_path, "a.csv", content)
    assert examination.report.accepted
    (check,) = [check for check in examination.report.checks if not check.passed]
    assert check.severity == "warning"
    assert ">warning</span>" in examination.report.to_html()


def test_the_same_batch_gives_the_same_report(tmp_path: Path) -> None:
    first, second = (examined(tmp_path, "a.csv", csv(9).encode()).report for _ in range(2))
    assert first == second
    assert first.to_html() == second.to_html()


@pytest.mark.parametrize(
    "value",
    ["ann@example.org", "Ann <ann@example.org>", "+49 30 901820", "DE89370400440532013000",
     "4111 1111 1111 1111", "192.168.0.17", f"{'long' * 9}@example.org"],
)  # fmt: skip
def test_what_reads_as_a_persons_is_not_quoted_from_another_column(
    value: str, tmp_path: Path
) -> None:
    """The fields of a row may be shifted; where nothing is personal, values are shown."""
    content = csv(9) + "".join(row(20 + n, ward=value) for n in range(20))
    report = examined(tmp_path, "a.csv", content.encode()).report
    (check,) = [check for check in report.checks if check.refuses]
    assert check.sample_values == ("(personal)",)
    assert value[:12] not in forms(report, people_suite())
    open_to_all = people(personal=[])
    (tmp_path / "again").mkdir()
    report = examined(tmp_path / "again", "a.csv", content.encode(), open_to_all).report
    assert value[:40] in " ".join(report.reasons())


def test_a_class_that_reads_as_a_persons_is_not_quoted() -> None:
    told = {"name": "a", "task": "multiclass", "target": "plan"}
    came = {"ann@example.org": (3, 1)}
    hidden = Pipeline.model_validate({**told, "data": {"personal": ["mail"]}})
    found = judge_classes(came, ["basic", "gold"], hidden)
    assert "(personal) is no known class" in found.problems[0].message
    assert (found.acceptable, found.concealed) == ((), (1,))
    found = judge_classes(came, ["basic", "gold"], Pipeline.model_validate(told))
    assert "ann@example.org is no known class" in found.problems[0].message
    assert (found.acceptable, found.concealed) == (("ann@example.org",), ())
    twins = {"ann@example.org": (3, 1), "Ann@example.org": (1, 5)}
    (problem,) = judge_classes(twins, [], hidden).problems
    assert "(personal) is (personal) in another spelling" in problem.message
    assert "@" not in problem.message
