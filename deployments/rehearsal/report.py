"""What came of scenarios: each expectation with what was found, for terminals and for CI."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape
from rich.table import Table

LONGEST = 2_000
"""Characters of what was expected or found that a report shows."""


@dataclass(frozen=True)
class Check:
    """One expectation: what it is about, whether it came true, and what was found."""

    about: str
    fulfilled: bool
    expected: str
    found: str


@dataclass(frozen=True)
class StepReport:
    """What came of one step of a story."""

    name: str
    checks: tuple[Check, ...]
    seconds: float

    @property
    def failed(self) -> list[Check]:
        """The expectations that did not come true."""
        return [each for each in self.checks if not each.fulfilled]


@dataclass
class ScenarioReport:
    """What came of one scenario. `broken` says why it could not be played to its end."""

    name: str
    file: Path
    steps: list[StepReport] = field(default_factory=list)
    broken: str = ""

    @property
    def passed(self) -> bool:
        """Whether all came true."""
        return not self.broken and not any(step.failed for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(step.seconds for step in self.steps)


def show(reports: Sequence[ScenarioReport], console: Console) -> None:
    """Print one table for each scenario, and a line about all."""
    for report in reports:
        table = Table("", "", "EXPECTED", "FOUND", title=escape(report.name), title_justify="left", box=None)
        for number, step in enumerate(report.steps, 1):
            table.add_row(f"{number}", f"[bold]{escape(step.name)}[/bold]", "", "")
            for check in step.checks:
                mark = "[green]✓[/green]" if check.fulfilled else "[red]✗[/red]"
                found = "" if check.fulfilled else check.found
                table.add_row(mark, *(escape(cut(text)) for text in (check.about, check.expected, found)))
        console.print(table)
        if report.broken:
            console.print(f"[red]✗[/red] {escape(report.broken)}", highlight=False)
        console.print()
    failed = sum(not report.passed for report in reports)
    took = sum(report.seconds for report in reports)
    outcome = f"[red]{failed} failed[/red]" if failed else "[green]all passed[/green]"
    noun = "scenario" if len(reports) == 1 else "scenarios"
    console.print(f"{len(reports)} {noun}, {outcome}, {took:.1f} s", highlight=False)


def junit(reports: Sequence[ScenarioReport]) -> str:
    """Write JUnit's XML: a suite for each scenario, a case for each step."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        failures = sum(bool(step.failed) for step in report.steps)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(report.name),
            file=str(report.file),
            tests=str(len(report.steps) + bool(report.broken)),
            failures=str(failures),
            errors=str(int(bool(report.broken))),
            time=f"{report.seconds:.3f}",
        )
        for number, step in enumerate(report.steps, 1):
            case = _case(suite, report, f"{number}. {step.name}", step.seconds)
            if step.failed:
                first, said = step.failed[0], "\n".join(map(sentence, step.failed))
                ElementTree.SubElement(case, "failure", message=_clean(sentence(first))).text = _clean(said)
        if report.broken:
            case = _case(suite, report, "the rest of the story", 0.0)
            ElementTree.SubElement(case, "error", message=_clean(cut(report.broken))).text = _clean(report.broken)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def sentence(check: Check) -> str:
    """Say in one sentence what did not come true."""
    return f"{check.about}: expected {cut(check.expected)}, found {cut(check.found)}"


def cut(text: str) -> str:
    """Shorten what is too long for a report."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _case(suite: ElementTree.Element, report: ScenarioReport, name: str, seconds: float) -> ElementTree.Element:
    place = {"classname": _clean(report.name), "name": _clean(name), "time": f"{seconds:.3f}"}
    return ElementTree.SubElement(suite, "testcase", place)


def _clean(text: str) -> str:
    """Leave out what XML cannot say."""
    return "".join(char for char in text if char in "\t\n\r" or (ord(char) >= 32 and ord(char) not in (0xFFFE, 0xFFFF)))
