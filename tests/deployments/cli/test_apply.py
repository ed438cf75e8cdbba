"""What `perennial apply` says while it works."""

from __future__ import annotations

from deployments.apply.plan import Plan, plan_deployments
from deployments.cli.apply import Progress
from tasks.config import Pipeline

SPECS = plan_deployments([Pipeline(name="toy", task="binary", target="y", event_time="t")])


def test_what_is_done_is_told_against_the_first_plan_also_after_a_busy_server() -> None:
    lines: list[str] = []
    progress = Progress(lines.append, every=0.0)
    first = Plan(create=SPECS[:4], automations={"create": ["perennial: toy: train"]})
    progress.begin(first)
    progress.step(1)
    progress.step(1)
    # The server was busy: what is left is planned anew.
    progress.begin(Plan(create=SPECS[2:4], unchanged=(SPECS[0].name, SPECS[1].name)))
    progress.step(1)
    progress.step(1)
    assert lines == [first.to_text(), "1 of 5 done", "2 of 5 done", "4 of 5 done"]
    assert progress.plans[0] is first


def test_between_two_lines_there_are_seconds() -> None:
    lines: list[str] = []
    progress = Progress(lines.append, every=3600.0)
    progress.begin(Plan(create=SPECS))
    for _ in SPECS:
        progress.step(1)
    assert len(lines) == 1
