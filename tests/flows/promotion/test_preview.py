"""A preview in Markdown: everything is in it, nothing gets out of its place, and it is no longer than it may be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.ledger.records import FreightRecord, PromotionRecord
from blocks.records import Commit
from flows.promotion.dry_run import DryStep
from flows.promotion.foresight import code, cut, fenced
from flows.promotion.gates import Gate
from flows.promotion.preview import GitLog, Preview

NOW = datetime(2025, 6, 1, tzinfo=UTC)
COMMIT = Commit("a" * 40, NOW, "ann | <x>", "ann", "fix `it` <b>")


def freight(name: str, tag: str) -> FreightRecord:
    """One image at a tag."""
    content = {"images": [{"repoURL": "r/web", "tag": tag}]}
    return FreightRecord("shop", name, f"{name}-kiwi", "web", content, NOW, NOW)


def preview(*steps: DryStep, frozen: int = 0, **more) -> Preview:
    """A preview of these steps; `frozen` more were not looked at."""
    known = [{"uses": step.uses, "as": step.alias} for step in steps]
    missing = [{"uses": "git-push", "as": f"later-{number}"} for number in range(frozen)]
    record = PromotionRecord("shop", "n", "test", "new", "web", "user:ann", NOW, "why", steps=known + missing)
    gates = [Gate("availability", "open", "it is verified")]
    return Preview(record, freight("new", "2"), freight("old", "1"), gates, steps=list(steps), **more)


def test_everything_is_in_it():
    """Title, versions, gates, commits, steps and differences stand in this order."""
    step = DryStep("push", "git-push", "outward", "foreseen", "would push", "+a")
    log = GitLog("https://h/r.git", "b" * 40, "a" * 40, (COMMIT,), count=3, back=2)
    shown = preview(step, frozen=1, logs=[log], problem="it was not done within 120 s").markdown()
    parts = [
        "## test ← new-kiwi\n\nProject **shop**, Stage **test**, now on **old-kiwi**. Asked for by user:ann: why.",
        "| r/web | 1 | 2 | changes |",
        "- availability **open**: it is verified",
        "- `aaaaaaaa` fix \\`it\\` &lt;b> (ann \\| &lt;x>)\n- and 2 more\n- goes back: 2 commits of now are not in it",
        "1. `git-push` as **push** (outward, foreseen): would push\n\n```diff\n+a\n```",
        "2. `git-push` as **later-0**\n",
        "The rest of this preview is missing: it was not done within 120 s",
    ]
    places = [shown.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), shown


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        pytest.param(None, "", id="no fan-out"),
        pytest.param([], "\n\nThe Stage selects no target, so nothing would be done.", id="none selected"),
        pytest.param(["eu", "us"], "\n\nOnce for each of 2 targets: eu, us. Steps are shown for **eu**.", id="two"),
        pytest.param([*"abcdefghijklmnopqrstuvw"], "r, s, t and 3 more. Steps are shown for **a**.", id="many"),
    ],
)
def test_targets(targets, said):
    """Of a Stage that fans out is said to where, and for which target the steps are shown."""
    seen = preview()
    fanned = targets if targets is None else [{"name": name, "labels": {}, "params": {}} for name in targets]
    shown = Preview(replace(seen.record, targets=fanned), seen.freight, seen.before, []).markdown()
    assert shown.partition("\n\n|")[0].endswith(said or "why.")


@pytest.mark.parametrize(
    ("passing", "answer", "goes"), [(True, "open", True), (False, "blocks", True), (False, "waits", False)]
)
def test_passes(passing, answer, goes):
    """It passes when no gate blocks and no step is sure to fail."""
    seen = preview(goes_through=goes)
    seen.gates.append(Gate("g", answer, "s"))
    assert seen.passes == passing


def test_it_is_no_longer_than_it_may_be():
    """Long differences share half of the room; what has no room is counted, and no block of code stays open."""
    steps = [DryStep(f"s{n}", "git-push", "outward", "foreseen", "would push", "+line\n" * 100_000) for n in range(4)]
    shown = preview(*steps, frozen=2_000).markdown(20_000)
    assert len(shown) < 20_300
    assert shown.count("```") == 8
    assert "more parts are left out here" in shown and "more lines" in shown


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        pytest.param("a\nb", 10, "a\nb", id="short"),
        pytest.param("aaa\nbbb\nccc", 8, "aaa\nbbb\n… and 1 more lines", id="between-lines"),
        pytest.param("a" * 50, 10, "… and 1 more lines", id="never-within-a-line"),
    ],
)
def test_cut(text, limit, expected):
    """Text is cut between lines alone, so that no half of a secret is left."""
    assert cut(text, limit) == expected


def test_nothing_gets_out_of_its_block():
    """A block of code is closed by nothing within it, and code in a line stays on it."""
    assert fenced("a\n````\nb", "diff") == "`````diff\na\n````\nb\n`````"
    assert code("a`b\nc") == "`a'b c`"
