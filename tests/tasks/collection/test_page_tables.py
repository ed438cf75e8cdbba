"""Tables as pages really write them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tasks.collection.grid import NamedRows, choose_table, lay_out
from tasks.collection.html import read_tables
from tasks.collection.robots import Robots


def rows_of(page: str, wanted: int | str | None = None) -> NamedRows:
    return lay_out(choose_table(read_tables(page, "page"), wanted, "page"))


@pytest.mark.parametrize(
    ("page", "names", "rows"),
    [
        pytest.param(
            "<table><thead><tr><th rowspan=2>town<th colspan=2>people<tr><th>2011<th>2022</thead>"
            "<tbody><tr><td>Ulm<td>117<td>126<tr><td>Bonn<td>305<td>322</table>",
            ("town", "people 2011", "people 2022"),
            [("Ulm", "117", "126"), ("Bonn", "305", "322")],
            id="merged header rows",
        ),
        pytest.param(
            "<table><tr><th>land<th>town<tr><td rowspan=2>BW<td>Ulm<tr><td>Aalen"
            "<tr><td rowspan=0>BY<td>Hof<tr><td>Selb<tr><td>Wunsiedel</table>",
            ("land", "town"),
            [("BW", "Ulm"), ("BW", "Aalen"), ("BY", "Hof"), ("BY", "Selb"), ("BY", "Wunsiedel")],
            id="a cell over several rows",
        ),
        pytest.param(
            "<table><tr><th>a<th>b<tr><td rowspan=2>1<td rowspan=2>2<tr><tr><td>3<td>4</table>",
            ("a", "b"),
            [("1", "2"), ("1", "2"), ("3", "4")],
            id="a row of cells from above alone",
        ),
        pytest.param(
            "<table><tbody><tr><td rowspan=9>a<td>b</tbody><tbody><tr><td>c<td>d</tbody></table>",
            ("a", "b"),
            [("c", "d")],
            id="no cell reaches out of its section",
        ),
        pytest.param(
            "<TABLE><TR><TD>a</TD><TD>b</TD></TR><TR><TD>1</TD></TR><TR></TR><tr><td>2<td>3<td>4</TABLE>",
            ("a", "b", "column 3"),
            [("1", "", ""), ("2", "3", "4")],
            id="no header cells, ragged and empty rows",
        ),
        pytest.param(
            "<table><tr><th>a<th>b<tr><td colspan=2>Group one<tr><td>1<td>2<tr><th>a<th>b"
            "<tr><th>3<td>4<tfoot><tr><td>sum<td>6</table>",
            ("a", "b"),
            [("1", "2"), ("3", "4")],
            id="titles, repeated headers and footers are no rows",
        ),
        pytest.param(
            "<table><tr><th>x<th>x<th>X<th><th><tr><td>1<td>2<td>3<td><td>4</table>",
            ("x", "x 2", "X 3", "column 5"),
            [("1", "2", "3", "4")],
            id="names once each, columns for the looks left out",
        ),
        pytest.param(
            "<table><tr><th>n<th>t<tr><td>&minus;1.5<sup class='reference'>[3]</sup>"
            "<td>a<br>b &amp; <b>c</b>&nbsp;d<script>if (a<b) x()</script>"
            "<span style='display: none'>sort 7</span></table>",
            ("n", "t"),
            [("-1.5", "a b & c d")],
            id="what a reader sees",
        ),
        pytest.param(
            "<table><tr><th>a<th style='display:none'>h<th>b<tr hidden><td>0<td>0<td>0"
            "<tr><td>1<td style='display:none'>h<td>2<p hidden>x<tr><td>3<td hidden>h<td>4</table>",
            ("a", "b"),
            [("1", "2"), ("3", "4")],
            id="hidden cells and rows, end tags left out",
        ),
        pytest.param(
            "<table><tr><th>a<th>b<tr><td>1<td><table><tr><th>in<tr><td>9</table>2</table>",
            ("a", "b"),
            [("1", "2")],
            id="a table in a table is another",
        ),
        pytest.param(
            "<p>a<table><tr><th>a</th><td title='<table>'>b</td><!-- <tr><td>x --></tr>"
            "<tr><td>1<td>2",
            ("a", "b"),
            [("1", "2")],
            id="comments, attributes, and a page that breaks off",
        ),
    ],
)
def test_a_table_is_read_as_it_is_seen(
    page: str, names: tuple[str, ...], rows: list[tuple[str, ...]]
) -> None:
    number = 1 if page.lower().count("<table") > 1 else None
    assert rows_of(page, number) == NamedRows(names, tuple(rows))


def test_names_that_come_often_are_told_apart_at_once() -> None:
    wide = "<table><tr>" + "<th colspan=1000>x" * 9 + "<tr>" + "<td colspan=1000>1" * 9 + "</table>"
    began = time.process_time()
    names = rows_of(wide).names
    assert (len(names), names[:2], names[-1]) == (9000, ("x", "x 2"), "x 9000")
    # each name against all before it, for every number that was tried: hours
    assert time.process_time() - began < 10


PAGE = """
<table><caption>Rivers and towns</caption><tr><th>river<tr><td>Iller</table>
<table><caption>Towns</caption><tr><th>town<tr><td>Ulm</table>
<div hidden><table><tr><th>unseen<tr><td>Ulm</table></div>
<table><tr><th>lake<tr><td>Bodensee</table>
"""


@pytest.mark.parametrize(
    ("wanted", "name"),
    [(1, "river"), (3, "lake"), ("towns", "town"), ("rivers", "river"), ("BODENSEE", "lake")],
)
def test_a_table_is_chosen_by_number_caption_or_words(wanted: Any, name: str) -> None:
    assert rows_of(PAGE, wanted).names == (name,)


def test_a_host_may_want_a_pause_in_two_ways() -> None:
    assert Robots(200, "User-agent: *\nRequest-rate: 1/5").pause("x") == 5.0
    assert Robots(200, "User-agent: y\nCrawl-delay: 9").pause("x") == 0.0
