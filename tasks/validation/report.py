"""What was found in one batch, as values, as JSON and as text a person can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tasks.pages.draw import draw
from tasks.pages.markdown import escape, write_part
from tasks.pages.page import Badge, Bullets, Cell, Code, Grid, Page, Section, drop_empty
from tasks.policy.reading import count_text
from tasks.readers.problem import Problem, list_rows, name_rule
from tasks.validation.changes import SchemaChanges

HEADS = ("", "expectation", "column", "figures", "rows")


@dataclass(frozen=True)
class Check:
    """One expectation, judged on the whole batch.

    `evaluated` and `unexpected` are counts of values; both are None for a figure of the whole
    column or table, which is in `observed`. `allowed_share` is 1 - mostly.
    """

    rule: str
    column: str | None
    passed: bool
    evaluated: int | None = None
    unexpected: int | None = None
    allowed_share: float = 0.0
    observed: str | None = None
    sample_rows: tuple[int, ...] = ()
    sample_values: tuple[str, ...] = ()
    severity: Literal["critical", "warning", "info"] = "critical"
    message: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the batch is refused because of this check."""
        return not self.passed and self.severity == "critical"

    @property
    def words(self) -> str:
        """The expectation's name in words.

        >>> Check("expect_column_values_to_be_in_set", "a", True).words
        'column values to be in set'
        """
        return self.rule.removeprefix("expect_").replace("_", " ")

    @property
    def figures(self) -> str:
        """What was counted, in words.

        >>> Check("in set", "a", False, 1000, 20, 0.01).figures
        '20 of 1,000 values do not meet it (2 %; 1 % allowed).'
        """
        if self.message:
            return self.message
        if self.evaluated is None or self.unexpected is None:
            return "" if self.observed is None else f"Observed {self.observed}."
        values = count_text(self.evaluated, "value meets", "values meet")
        if not self.unexpected:
            return f"{'Its' if self.evaluated == 1 else 'All'} {values} it."
        share = self.unexpected / self.evaluated if self.evaluated else 0.0
        allowed = f"{100 * self.allowed_share:.4g} % allowed"
        verb = "does" if self.unexpected == 1 else "do"
        counts = f"{self.unexpected:,} of {self.evaluated:,} values {verb} not meet it"
        return f"{counts} ({100 * share:.4g} %; {allowed})."

    @property
    def sample(self) -> str:
        return f" Such as {', '.join(self.sample_values)}." if self.sample_values else ""

    @property
    def sentence(self) -> str:
        """The check in one line."""
        title, rows = name_rule(self.words, self.column), list_rows(self.sample_rows)
        return f"{title}: {self.figures}{rows}{self.sample}"


@dataclass(frozen=True)
class Cleaning:
    """How many rows cleaning dropped or kept aside, and which columns changed their type.

    Attributes:
        duplicates_in_batch, duplicates_known: rows that say what an earlier one of their key said.
        completed: rows that now have the target which the known one lacked.
        changed, changed_in_batch: rows whose key was known, or came before, with other content.
        superseding: changed rows count instead of the earlier ones, which stay as history.
        example: one change in words, without personal values.
    """

    duplicates_in_batch: int = 0
    duplicates_known: int = 0
    missing_target: int = 0
    missing_target_dropped: int = 0
    retyped: tuple[str, ...] = ()
    completed: int = 0
    changed: int = 0
    changed_in_batch: int = 0
    superseding: bool = False
    example: str = ""

    @property
    def corrections(self) -> int:
        """How many kept rows count instead of earlier ones: their target came, or they changed."""
        return self.completed + (self.changed if self.superseding else 0)


@dataclass(frozen=True)
class Report:
    """Everything found in one batch. It holds no clock: the same batch gives the same report.

    `changes` are what a person may accept of a refused one. `gained` are the columns that an
    accepted one adds to the table, `appeared` the classes that came with it.
    `notes` are sentences about what was accepted and is odd all the same. `suite` is the module of
    the expectations, empty in a report of a release that did not keep it.
    """

    pipeline: str
    object: str
    batch: str
    bytes: int
    format: str
    rows: int = 0
    columns: int = 0
    accepted: bool = False
    problems: tuple[Problem, ...] = ()
    checks: tuple[Check, ...] = ()
    cleaning: Cleaning = Cleaning()
    kept: int = 0
    changes: SchemaChanges = field(default_factory=SchemaChanges)
    gained: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    suite: str = ""

    @property
    def outcome(self) -> str:
        """`accepted` or `quarantined`."""
        return "accepted" if self.accepted else "quarantined"

    @property
    def title(self) -> str:
        return f"{self.pipeline}: batch {self.batch[:12]}"

    @property
    def badge(self) -> Badge:
        return Badge(self.outcome, "good" if self.accepted else "bad")

    @property
    def told(self) -> str:
        """How many rows are new, repeated and changed, in one line; nothing of a refused batch.

        >>> Report("a", "a.csv", "ab", 9, "CSV", 3, accepted=True, kept=2,
        ...        cleaning=Cleaning(duplicates_known=1, completed=1)).told
        '3 rows: 1 new, 1 repeated, 1 that now has its target'
        """
        if not self.accepted:
            return ""
        cleaning = self.cleaning
        repeated = cleaning.duplicates_in_batch + cleaning.duplicates_known
        changed = cleaning.changed + cleaning.changed_in_batch
        new = self.rows - repeated - changed - cleaning.completed
        counts = [f"{new:,} new"]
        counts += [f"{repeated:,} repeated"] if repeated else []
        counts += [f"{changed:,} changed ({cleaning.example})"] if changed else []
        have = "has its" if cleaning.completed == 1 else "have their"
        counts += [f"{cleaning.completed:,} that now {have} target"] if cleaning.completed else []
        said = f"{count_text(self.rows, 'row', 'rows')}: {', '.join(counts)}"
        said += "" if self.kept else "; nothing new to learn from"
        said += f"; new columns: {', '.join(self.gained)}" if self.gained else ""
        return said + (
            f"; classes that appear: {', '.join(self.appeared)}" if self.appeared else ""
        )

    def reasons(self) -> tuple[str, ...]:
        """Return why the batch was refused, one sentence each; nothing for an accepted one."""
        refusing = (check.sentence for check in self.checks if check.refuses)
        said = (*(problem.sentence for problem in self.problems), *refusing)
        if self.suite and any(check.refuses for check in self.checks):
            rules = f"{self.suite.replace('.', '/')}.py"
            way = f"`perennial retry {self.pipeline} {self.batch[:12]}`"
            return (*said, f"The suite says so: mend the file, or {rules} and {way}.")
        if not self.changes.anything:
            return said
        way = f"`perennial schema {self.pipeline} --accept {self.batch[:12]}`"
        return (*said, f"Accept the change with {way}: {'; '.join(self.changes.sentences)}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        document: dict[str, Any] = asdict(self)
        return {**document, "outcome": self.outcome, "reasons": list(self.reasons())}

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        lines = [f"# {escape(self.title)} {self.outcome}", ""]
        lines += [f"- {name}: {escape(text)}" for name, text in self.facts()]
        if self.problems:
            problems = Bullets(tuple(problem.sentence for problem in self.problems))
            lines += ["", "## Why it was refused", "", write_part(problems)]
        if self.checks:
            checks = Grid(HEADS, tuple(map(_cells, self.checks)))
            lines += ["", "## Expectations", "", write_part(checks)]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """Return the report as a page of its own."""
        sections = drop_empty(
            Section("Why it was refused", (Bullets(self.reasons()),), "bad"),
            Section("The batch", (Grid((), self.facts()),)),
            Section("Expectations", (Grid(HEADS, tuple(map(_cells, self.checks))),)),
        )
        return draw(Page(self.title, sections, self.badge))

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Return the plain figures as (name, text) pairs, in reading order."""
        cleaning = self.cleaning
        pairs = [
            ("Object", self.object),
            ("Batch", self.batch),
            ("Size", f"{self.bytes:,} bytes of {self.format}"),
            ("Rows read", f"{self.rows:,}"),
            ("Columns", f"{self.columns:,}"),
        ]
        if self.accepted:
            fate = "dropped" if cleaning.missing_target_dropped else "kept for later"
            missing = f"{cleaning.missing_target:,}, {fate}" if cleaning.missing_target else "0"
            pairs += [
                ("Rows kept", f"{self.kept:,}"),
                ("Duplicates inside the batch, dropped", f"{cleaning.duplicates_in_batch:,}"),
                ("Rows already in the curated table, dropped", f"{cleaning.duplicates_known:,}"),
                ("Rows known with other content", self._changed()),
                ("Rows that now have their target", f"{cleaning.completed:,}"),
                ("Rows without a target", missing),
                ("Columns read as another type", "; ".join(cleaning.retyped) or "none"),
                *(("Note", note) for note in self.notes),
            ]
        return tuple(pairs)

    def _changed(self) -> str:
        cleaning = self.cleaning
        count = cleaning.changed + cleaning.changed_in_batch
        fate = "they count instead of the earlier" if cleaning.superseding else "kept beside them"
        return f"{count:,}; {fate}. Such as {cleaning.example}" if count else "0"


def _cells(check: Check) -> tuple[Cell, ...]:
    badge = Badge("met", "good") if check.passed else Badge("not met", "bad")
    if not check.passed and not check.refuses:
        badge = Badge("warning", "warn")
    rows = ", ".join(f"{row:,}" for row in check.sample_rows)
    return badge, check.words, Code(check.column or ""), check.figures + check.sample, rows
