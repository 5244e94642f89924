"""Kinds of steps that others write: what they are given, what they may return, whose fault what goes wrong is."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, Field, field_validator

from blocks.errors import DrayageError, Invalid, RateLimited, Unavailable
from flows.plugin.installed import Installed
from flows.promotion.attempt import attempt
from flows.promotion.custom import GIVEN, LARGEST, Context, Freight, custom_step
from flows.promotion.kinds import GROUP, NOUN, clashes, config_of, kinds_for, offered
from flows.promotion.result import Failed, Form, Skipped, Succeeded, Waiting
from tests.flows.promotion.workspace import START, step_context
from tests.packages import entry_point

ORIGIN = "step kind 'note' of distribution note-step 1.0 (entry point note = note_step)"


class Config(BaseModel):
    """A config as packages have it."""

    text: str = "hello"
    times: int = Field(default=1, ge=1)


async def does(tmp_path, function, config=None, **fields):
    """What comes of one attempt of a step whose kind is this function."""
    kinds = {"note": custom_step("note", SimpleNamespace(Config=Config, run=function), ORIGIN)}
    return await attempt({"uses": "note"}, config or {}, step_context(tmp_path, **fields), kinds)


async def test_it_is_given_what_it_names(tmp_path):
    """And nothing else; in a thread that is not ours."""
    seen = {}

    async def credentials(cred_type, repo_url):
        return f"{cred_type} of {repo_url}"

    async def run(config, *, work_dir, path, credentials, freight, context, previous, started_at):
        seen.update(locals(), thread=threading.current_thread())
        seen["found"] = await credentials("git", "https://x")
        return Succeeded({"text": config.text})

    images = [{"repoURL": "a", "tag": "1", "origin": "main"}]
    found = await does(
        tmp_path, run, {"text": "x"}, credentials=credentials, images=images, previous={"made": 1}, alias="n"
    )
    assert found == Succeeded({"text": "x"})
    assert seen["freight"] == Freight(images, [], [])
    assert seen["context"] == Context("shop", "test", "test.01jx.abc1234", "n", "admin")
    assert (seen["previous"], seen["started_at"], seen["work_dir"]) == ({"made": 1}, START, tmp_path)
    assert seen["found"] == "git of https://x"
    assert seen["thread"] is not threading.main_thread()
    with pytest.raises(Invalid, match="leads outside"):
        seen["path"]("../out")


async def test_http_goes_the_guarded_way(tmp_path):
    """Through the request function that the step's context has."""
    asked = []

    async def ask(method, url, **options):
        asked.append((method, url, options))
        return SimpleNamespace(text="yes")

    async def run(config, *, http):
        return Succeeded({"said": (await http.get("https://x", params={"a": "b"})).text})

    assert await does(tmp_path, run, ask=ask) == Succeeded({"said": "yes"})
    assert asked == [("GET", "https://x", {"params": {"a": "b"}})]


async def noted(config: Config, *, previous):
    """A kind that is a function alone."""
    return Succeeded({"text": config.text, **previous})


async def test_a_function_is_a_kind(tmp_path):
    """Its config is the model its first parameter is annotated with."""
    kinds = {"note": custom_step("note", noted, ORIGIN)}
    found = await attempt({"uses": "note"}, {"text": "x"}, step_context(tmp_path, previous={"a": 1}), kinds)
    assert found == Succeeded({"text": "x", "a": 1})


RESULTS = [Succeeded({"a": [1]}, "done"), Skipped("nothing"), Waiting("soon", 5.0, {"id": 1}), Failed("no")]


@pytest.mark.parametrize("result", RESULTS, ids=lambda each: type(each).__name__)
async def test_results(tmp_path, result):
    """What a built-in step may return; nothing is Succeeded."""
    assert await does(tmp_path, lambda config: result) == result
    assert await does(tmp_path, lambda config: None) == Succeeded()


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        pytest.param("yes", "returned a value of type str, not Succeeded", id="no-result"),
        pytest.param(Succeeded({"a": object()}), "outputs that are no JSON object", id="no-json"),
        pytest.param(Succeeded({"a": float("nan")}), "outputs that are no JSON object", id="nan"),
        pytest.param(Succeeded([1]), "outputs that are no JSON object", id="no-object"),
        pytest.param(Succeeded({"a": "\0"}), "outputs that are no JSON object", id="null-character"),
        pytest.param(Succeeded({"a": "x" * LARGEST}), f"the most is {LARGEST}", id="large"),
        pytest.param(Waiting("w", form=Form({})), "which only built-in steps may", id="form"),
        pytest.param(Waiting("w", wake_when={"kind": "x"}), "which only built-in steps may", id="wake"),
    ],
)
async def test_what_is_no_result(tmp_path, returned, said):
    """The sentence names the package."""
    with pytest.raises(Invalid) as error:
        await does(tmp_path, lambda config: returned)
    assert str(error.value).startswith(ORIGIN)
    assert said in str(error.value)


async def test_a_wrong_config_fails_for_good(tmp_path):
    """As it does for built-in steps, without quoting a value."""
    found = await does(tmp_path, lambda config: None, {"times": 0, "text": ["planted-secret-31"]})
    assert isinstance(found, Failed)
    assert "config.times: Input should be greater than or equal to 1" in found.message
    assert "planted" not in found.message


def raising(error):
    """A function that raises."""

    def run(config):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        pytest.param(ValueError("planted-secret-32"), Invalid, "failed: ValueError in", id="unexpected"),
        pytest.param(SystemExit(3), Invalid, "failed: SystemExit in", id="exit"),
        pytest.param(KeyboardInterrupt(), Invalid, "failed: KeyboardInterrupt in", id="interrupt"),
        pytest.param(Unavailable("the ticket system is down"), Unavailable, "is down", id="outage"),
        pytest.param(RateLimited("slow down", 30.0), RateLimited, "slow down", id="limit"),
    ],
)
async def test_what_goes_wrong(tmp_path, error, kind, said):
    """Only our own errors keep their words, and only they are tried again."""
    with pytest.raises(kind) as caught:
        await does(tmp_path, raising(error))
    assert str(caught.value).startswith(ORIGIN)
    assert said in str(caught.value)
    assert "planted" not in str(caught.value)


async def test_who_blocks_holds_up_nobody_else(tmp_path):
    """Our loop goes on while a function sleeps, and a hanging validator harms nobody either."""

    class Slow(BaseModel):
        text: str = "x"

        @field_validator("text")
        @classmethod
        def _slow(cls, text):
            time.sleep(0.3)
            return text

    kinds = {"note": custom_step("note", SimpleNamespace(Config=Slow, run=lambda config: time.sleep(0.2)), ORIGIN)}
    step = asyncio.create_task(attempt({"uses": "note"}, {"text": "y"}, step_context(tmp_path), kinds))
    turns = 0
    while not step.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 20


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(SimpleNamespace(run=noted), "no config that is a Pydantic model", id="no-config"),
        pytest.param(lambda config: None, "no config that is a Pydantic model", id="no-annotation"),
        pytest.param(SimpleNamespace(Config=Config), "has no function 'run(config, *, …)'", id="no-run"),
        pytest.param(SimpleNamespace(Config=Config, run=lambda: None), "as its first parameter", id="no-parameter"),
        pytest.param(
            SimpleNamespace(Config=Config, run=lambda config, ledger: None),
            f"the parameter 'ledger'; it may have: {', '.join(GIVEN)}",
            id="unknown-parameter",
        ),
        pytest.param(
            SimpleNamespace(Config=Config, run=lambda config, http: None), "must be an 'async def'", id="not-async"
        ),
        pytest.param(SimpleNamespace(Config=Config, run=noted, OUTWARD="no"), "an OUTWARD that is no", id="outward"),
        pytest.param(SimpleNamespace(Config=Config, run=noted, TIMEOUT=-1), "a TIMEOUT that is no", id="timeout"),
        pytest.param(type("Kind", (), {"__init__": lambda self, a: None}), "cannot be made without", id="class"),
    ],
)
def test_what_is_no_kind(found, said):
    """With what it lacks."""
    with pytest.raises(Invalid) as error:
        custom_step("note", found, ORIGIN)
    assert str(error.value).startswith(ORIGIN)
    assert said in str(error.value)


GOOD = """
from pydantic import BaseModel
from flows.promotion.result import Succeeded

class Config(BaseModel):
    text: str = "hello"

OUTWARD = False
TIMEOUT = 7

def run(config):
    return Succeeded({"text": config.text})
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Kinds installed from code, by name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def offer(**kinds):
        points = [entry_point(tmp_path, GROUP, f"{name}-step", name, code) for name, code in kinds.items()]
        return Installed(points, NOUN, custom_step, seconds=0.5)

    return offer


async def test_installed_kinds_come_behind_our_own(packages, tmp_path):
    """Only those that are used are loaded; a name of ours stays ours, and that is said."""
    others = packages(note=GOOD, copy=GOOD, bad="raise ValueError('planted')")
    steps = [{"uses": "note"}, {"uses": "copy"}, {"uses": "nothing"}]
    kinds = await kinds_for(steps, others)
    assert (kinds["note"].OUTWARD, kinds["note"].TIMEOUT) == (False, 7)
    assert kinds["copy"].__name__ == "flows.promotion.steps.file_copy"
    assert not {"bad", "nothing"} & kinds.keys()
    [said] = clashes(steps, others)
    assert said.startswith("step kind 'copy' of distribution copy-step 1.0 (entry point copy = ")
    assert said.endswith("is not used, because a built-in step has that name")
    assert {"note", "bad", "git-push"} <= set(offered(others))
    assert config_of("note", others).model_fields.keys() == {"text"}
    found = await attempt({"uses": "note"}, {"text": "x"}, step_context(tmp_path), kinds)
    assert found == Succeeded({"text": "x"})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("import nothing_like_this", "(ModuleNotFoundError of nothing_like_this)", id="missing"),
        pytest.param("import sys; sys.exit(1)", "could not be imported (SystemExit)", id="exits"),
        pytest.param("import time; time.sleep(3)", "could not be imported within 0.5 s", id="hangs"),
        pytest.param("", "no config that is a Pydantic model", id="empty"),
    ],
)
async def test_a_broken_package_breaks_only_who_uses_it(packages, tmp_path, code, said):
    """Its steps say why; others work."""
    kinds = await kinds_for([{"uses": "bad"}, {"uses": "note"}], packages(note=GOOD, bad=code))
    with pytest.raises(DrayageError) as error:
        await attempt({"uses": "bad"}, {"any": "thing"}, step_context(tmp_path), kinds)
    assert str(error.value).startswith("step kind 'bad' of distribution bad-step 1.0 (entry point bad = bad_step_")
    assert said in str(error.value)
    assert await attempt({"uses": "note"}, {}, step_context(tmp_path), kinds) == Succeeded({"text": "hello"})
