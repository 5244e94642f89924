"""The documentation says what the code does: its manifests load, its commands exist, nothing new is left out."""

import ast
import itertools
import re
import shlex
from io import BytesIO
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel
from ruamel.yaml import YAML

from blocks.ledger.records import Phase, VerificationPhase
from blocks.ledger.verifications import EVENTS
from blocks.settings import Settings
from deployments.cli.kinds import KINDS as WORDS
from deployments.cli.main import app
from deployments.manifests.kinds import KINDS, UNAVAILABLE
from deployments.manifests.load import load
from deployments.register import static_deployments
from flows.expression.functions import FUNCTIONS
from flows.freight.functions import freight_functions
from flows.promotion.argocd.health import ORDER
from flows.promotion.environment import Preloaded, data_functions, status_functions
from flows.promotion.steps import STEPS
from flows.start import automation_name
from flows.verification.providers import PROVIDERS
from flows.warehouse import choose, git_choose

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AUTOMATION = automation_name("", "").removesuffix(".")
"""How names of automations begin, which are no commands."""
EMITTED = re.compile(r"""\bevent\(\s*["']([a-z.]+)["']""")


def page(name):
    """The text of one page of docs/."""
    return (ROOT / "docs" / name).read_text()


def fences(language, marker=""):
    """Every fenced block of a language, as (page, text), those with a marker where one is given."""
    return [
        pytest.param(file, text, id=f"{file.stem}-{number}")
        for file in PAGES
        for number, (found, marked, text) in enumerate(FENCE.findall(file.read_text()))
        if found == language and marker in [*marked.split(), ""]
    ]


def loaded(text):
    """What `drayage apply` makes of a text."""
    return load(["-"], [], stdin=BytesIO(text.encode()))


def pipeline():
    """The whole example pipeline of docs/manifests.md."""
    return next(text for found, marked, text in FENCE.findall(page("manifests.md")) if marked.split() == ["manifests"])


@pytest.mark.parametrize(("file", "text"), fences("yaml", "manifests"))
def test_whole_examples_are_accepted(file, text):
    """A set of manifests that is shown as complete can be applied as it is."""
    manifests = loaded(text)
    assert manifests.definitions


@pytest.mark.parametrize(("file", "text"), fences("yaml", "with-pipeline"))
def test_additions_to_the_example_are_accepted(file, text):
    """A manifest that is shown by itself can be applied together with the example pipeline."""
    assert len(loaded(f"{pipeline()}---\n{text}").definitions) > len(loaded(pipeline()).definitions)


@pytest.mark.parametrize(("file", "text"), fences("yaml", "steps"))
def test_shown_steps_are_accepted(file, text):
    """Steps that are shown can stand in a Stage of the example."""
    yaml = YAML(typ="safe")
    documents = list(yaml.load_all(pipeline()))
    stage = next(each for each in documents if each["kind"] == "Stage")
    stage["spec"]["promotionTemplate"]["spec"]["steps"] = yaml.load(text)
    stream = BytesIO()
    YAML(typ="safe").dump_all(documents, stream)
    assert loaded(stream.getvalue().decode()).definitions


@pytest.mark.parametrize(("file", "text"), fences("yaml"))
def test_all_yaml_is_well_formed(file, text):
    """Every YAML block can be read."""
    assert list(YAML(typ="safe").load_all(text))


@pytest.mark.parametrize(("file", "text"), fences("python"))
def test_all_python_compiles(file, text):
    """Every Python block compiles, with await at its top as in notebooks."""
    compile(text, str(file), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(("file", "text"), fences("python", "run"))
def test_shown_rules_are_true(file, text):
    """What is asserted in an example that needs no server holds."""
    assert "assert" in text
    exec(compile(text, str(file), "exec"), {})


def _commands():
    """Every `drayage …` line of a console block, and every `drayage …` in code within a sentence."""
    for file in PAGES:
        text = file.read_text()
        blocks = FENCE.findall(text)
        lines = [line for language, _, block in blocks if language == "console" for line in block.splitlines()]
        typed = [line[2:].partition(" | ")[2] if " | " in line else line[2:] for line in lines if line.startswith("$ ")]
        spoken = re.findall(r"`(drayage [^`\n]+)`", FENCE.sub("", text))
        meant = [each for each in typed + spoken if _program(each) == "drayage" and not each.startswith(AUTOMATION)]
        yield from (pytest.param(command, id=f"{file.stem}-{number}") for number, command in enumerate(meant))


def _program(command):
    return Path(command.split()[0]).name if command.split() else ""


def _understood(words, command=None):
    """Walk down to the command that the words name; returns it and the words that are left."""
    command = command or typer.main.get_command(app)
    subcommands = getattr(command, "commands", {})
    if subcommands and words and words[0] in subcommands:
        return _understood(words[1:], subcommands[words[0]])
    return command, words


@pytest.mark.parametrize("command", list(_commands()))
def test_shown_commands_exist(command):
    """Every command that is shown exists with its options."""
    words = shlex.split(command.split(" #")[0])[1:]
    if any(each in ("COMMAND", "-h") for each in words) or words == []:
        return
    found, left = _understood(words)
    assert not getattr(found, "commands", None), f"{words} names no whole command"
    known = {option for parameter in found.params for option in parameter.opts}
    asked = {word.partition("=")[0] for word in left if re.match(r"--?[a-z]", word)}
    assert asked <= known, f"{found.name} has no {asked - known}"


def _whole_commands(command=None, path=()):
    command = command or typer.main.get_command(app)
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        return [" ".join(path)]
    return list(itertools.chain(*(_whole_commands(each, (*path, name)) for name, each in subcommands.items())))


@pytest.mark.parametrize("name", _whole_commands())
def test_every_command_is_described(name):
    """docs/command-line.md shows every command."""
    assert f"drayage {name}" in page("command-line.md")


@pytest.mark.parametrize(("file", "text"), fences("console"))
def test_shown_evaluations_are_true(file, text, capsys):
    """What `drayage evaluate` is shown to print is what it prints, where that is shown."""
    shown = re.findall(r"^\$ drayage evaluate (.+)\n((?:[^$\n].*\n)+)", text, re.MULTILINE)
    for command, printed in shown:
        with pytest.raises(SystemExit):
            app(["evaluate", *shlex.split(command)])
        assert printed == capsys.readouterr().out


def _fields(model, prefix=""):
    """The names of all settings below a config, lists of models included."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        yield path
        for below in _models(info.annotation):
            many = "[]" if "list[" in str(info.annotation) else ""
            yield from _fields(below, f"{path}{many}.")


def _models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_is_described(kind):
    """docs/steps.md has a section for every step kind, with an example and all its settings."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page("steps.md"), re.MULTILINE | re.DOTALL))
    assert kind in sections
    described = set(re.findall(r"^\| `([^`]+)` \|", sections[kind], re.MULTILINE))
    assert described == set(_fields(STEPS[kind].Config))
    assert f"uses: {kind}" in sections[kind]
    limit = getattr(STEPS[kind], "TIMEOUT", None)
    assert limit is None or f"{limit / 60:g} minutes" in sections[kind]


def test_no_step_is_described_that_does_not_exist():
    """docs/steps.md has no other sections about kinds."""
    named = re.findall(r"^## ([a-z-]+)$", page("steps.md"), re.MULTILINE)
    assert sorted(named) == sorted(STEPS)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_described(field):
    """docs/settings.md names every environment variable, with its default where it is a plain one."""
    row = next(line for line in page("settings.md").splitlines() if line.startswith(f"| `DRAYAGE_{field.upper()}` "))
    default = Settings.model_fields[field].default
    if default is not None:
        shown = (
            str(default).lower()
            if isinstance(default, bool)
            else f"{default:g}"
            if default.__class__ is float
            else str(default)
        )
        assert f"| `{shown}` |" in row


def test_no_setting_is_described_that_does_not_exist():
    """No page names a variable that nothing reads."""
    others = {"PROJECT", "CONFORMANCE", "TRACEBACK", "TEST_KUBECONFIG", "TEST_ARGOCD_SERVER", "TEST_ARGOCD_TOKEN"}
    for file in PAGES:
        named = set(re.findall(r"DRAYAGE_([A-Z_]+[A-Z])", file.read_text()))
        assert named <= {field.upper() for field in Settings.model_fields} | others, file.name


def _event_names():
    """Every event that flows post, by what they pass to `event(…)` and by the phases they tell."""
    sources = "\n".join(path.read_text() for path in (ROOT / "flows").glob("*.py"))
    plain = set(EMITTED.findall(sources))
    told = set(re.findall(r"""tell\(\w+, ["']([a-z.]+)["']""", sources))
    phases = {f"promotion.{phase.lower()}" for phase in Phase if phase.terminal}
    verdicts = {f"verification.{phase.lower()}" for phase in VerificationPhase if phase.terminal}
    healths = {f"stage.{status.lower()}" for status in ORDER}
    return plain | told | phases | verdicts | healths


@pytest.mark.parametrize("name", sorted(_event_names()))
def test_every_event_is_described(name):
    """docs/events.md names every Prefect event that is posted."""
    assert f"`drayage.{name}`" in page("events.md")


def test_no_event_is_described_that_nothing_posts():
    """docs/events.md names no other events."""
    named = set(re.findall(r"^\| `drayage\.([a-z.]+)` \|", page("events.md"), re.MULTILINE))
    assert named == _event_names()


def test_every_audit_type_is_described():
    """docs/events.md names every type of the audit trail."""
    text = page("events.md")
    sources = "\n".join(path.read_text() for path in (ROOT / "blocks" / "ledger").glob("*.py"))
    written = set(re.findall(r"""["']((?:Freight|Promotion|AutoPromotion)[A-Z]\w+)["']""", sources))
    written |= {f"FreightVerification{verb}" for verb in EVENTS.values()}
    written |= {f"Promotion{phase.value}" for phase in Phase if phase.terminal}
    assert len(written) > 10
    assert {name for name in written if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("name", [*KINDS, *UNAVAILABLE])
def test_every_kind_is_described(name):
    """docs/manifests.md says of every kind whether it can be applied."""
    assert re.search(rf"\b{name}\b", page("manifests.md"))


@pytest.mark.parametrize("word", WORDS)
def test_every_word_for_a_kind_is_described(word):
    """docs/command-line.md names the kinds that can be looked at."""
    plural = {"stagepolicy": "stagepolicies", "freight": "freight"}.get(word, f"{word}s")
    assert re.search(rf"\b{plural}\b", page("command-line.md"))


FUNCTION_NAMES = [
    *FUNCTIONS,
    *freight_functions(),
    *data_functions(Preloaded()),
    *status_functions("step-1", []),
]


@pytest.mark.parametrize("name", FUNCTION_NAMES)
def test_every_function_is_described(name):
    """docs/expressions.md names every function that is ours or Kargo's."""
    assert f"`{name}(" in page("expressions.md")


@pytest.mark.parametrize("name", [*choose.POLICIES, *git_choose.POLICIES, "NewestFromBranch"])
def test_every_policy_is_described(name):
    """docs/warehouses.md names every selection strategy."""
    assert f"| `{name}` |" in page("warehouses.md")


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_described(name):
    """docs/verification.md describes every metric provider."""
    assert f"`{name}`:" in page("verification.md")


@pytest.mark.parametrize("flow", [entry["name"] for entry in static_deployments()])
def test_every_flow_is_described(flow):
    """docs/python.md names every flow that is deployed."""
    module = flow.replace("-", "_")
    assert f"`flows.{module}.{module}`" in page("python.md")


def _slug(heading):
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_links_lead_somewhere(file):
    """Every link within the repository leads to a file, and to a heading where it names one."""
    text = FENCE.sub("", file.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", FENCE.sub("", there.read_text()), re.MULTILINE)
            assert anchor in map(_slug, headings), target


def test_every_page_can_be_found():
    """Every page of docs/ is linked from another page."""
    linked = {
        (file.parent / target.partition("#")[0]).resolve()
        for file in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text())
    }
    assert {path.name for path in (ROOT / "docs").glob("*.md") if path.resolve() not in linked} == set()
