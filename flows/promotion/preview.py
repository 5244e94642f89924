"""What a Promotion would do, as a record and in Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from blocks.ledger.records import FreightRecord, PromotionRecord
from blocks.records import Commit
from flows.freight.describe import cell, change_table
from flows.promotion.dry_run import DryStep
from flows.promotion.foresight import code, cut, fenced
from flows.promotion.gates import Gate, blocked

LONGEST = 1_000_000
"""Characters of Markdown, unless asked for less."""

MOST_TARGETS = 20
"""Targets that are named."""


@dataclass(frozen=True)
class GitLog:
    """The commits that lead from what a Stage runs to what it would run, newest first, the first of `count`.

    `back` counts those that it would no longer run. `problem` says why they could not be read.
    """

    repo_url: str
    before: str
    after: str
    commits: tuple[Commit, ...] = ()
    count: int = 0
    back: int = 0
    problem: str = ""


@dataclass
class Preview:
    """A Promotion looked at before it is made, or before people let it go on. No secret is in it.

    `before` is what the Stage runs from the same Warehouse. `problem` says why the rest of `logs` or `steps` is
    missing. `goes_through` is False when a step is sure to fail.
    """

    record: PromotionRecord
    freight: FreightRecord
    before: FreightRecord | None
    gates: list[Gate]
    logs: list[GitLog] = field(default_factory=list)
    steps: list[DryStep] = field(default_factory=list)
    problem: str = ""
    goes_through: bool = True

    @property
    def passes(self) -> bool:
        """Whether no gate blocks and no step is sure to fail."""
        return self.goes_through and not blocked(self.gates)

    def contents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the Stage runs now, and what it would run then."""
        return self.before.content if self.before else {}, self.freight.content

    def markdown(self, limit: int = LONGEST) -> str:
        """Say it all, in at most about `limit` characters; each step's difference gets its share of half of them."""
        differences = sum(1 for step in self.steps if step.diff) or 1
        blocks, left, missing = [], limit, 0
        for block in self._blocks(limit // 2 // differences):
            left -= len(block) + 2
            if left < 0 or missing:
                missing += 1
            else:
                blocks.append(block)
        if missing:
            blocks.append(f"{missing} more parts are left out here; `drayage preview` shows them.")
        return "\n\n".join(blocks) + "\n"

    def _blocks(self, longest_diff: int) -> Iterator[str]:
        yield self._title()
        yield change_table(*self.contents())
        yield "### Gates"
        yield "\n".join(f"- {gate.name} **{gate.answer}**: {gate.sentence}" for gate in self.gates)
        for log in self.logs:
            yield f"### Commits of {cell(log.repo_url)}"
            yield _log(log)
        if self.record.steps:
            yield "### Steps"
        for number, frozen in enumerate(self.record.steps, 1):
            step = self.steps[number - 1] if number <= len(self.steps) else None
            yield f"{number}. `{frozen['uses']}` as **{frozen['as']}**{_said(step) if step else ''}"
            if step and step.diff:
                yield fenced(cut(step.diff, longest_diff), "diff")
        if self.problem:
            yield f"The rest of this preview is missing: {self.problem}"

    def _title(self) -> str:
        record, before = self.record, self.before
        asked = f"Asked for by {record.actor}{f': {cell(record.reason)}' if record.reason else ''}."
        now = f"now on **{before.alias if before else 'nothing'}**"
        return (
            f"## {record.stage} ← {self.freight.alias}\n\n"
            f"Project **{record.project}**, Stage **{record.stage}**, {now}. {asked}{self._targets()}"
        )

    def _targets(self) -> str:
        """Say that the steps are those for one target of several."""
        names = [cell(each["name"]) for each in self.record.targets or []]
        if self.record.targets is None:
            return ""
        if not names:
            return "\n\nThe Stage selects no target, so nothing would be done."
        more = f" and {len(names) - MOST_TARGETS} more" if len(names) > MOST_TARGETS else ""
        listed = f"{', '.join(names[:MOST_TARGETS])}{more}"
        return f"\n\nOnce for each of {len(names)} targets: {listed}. Steps are shown for **{names[0]}**."


def _log(log: GitLog) -> str:
    if log.problem:
        return f"The commits could not be read: {log.problem}"
    lines = [f"- {code(each.id[:8])} {cell(each.subject)} ({cell(each.author)})" for each in log.commits]
    if log.count > len(lines):
        lines.append(f"- and {log.count - len(lines)} more")
    if log.back:
        lines.append(f"- goes back: {log.back} commits of now are not in it")
    return "\n".join(lines) or "No commit lies between."


def _said(step: DryStep) -> str:
    """What became of a step; a description of several lines stands below."""
    what = f" ({step.effect}, {step.verdict})"
    if not step.description:
        return what
    return what + (":\n\n" if "\n" in step.description else ": ") + step.description
