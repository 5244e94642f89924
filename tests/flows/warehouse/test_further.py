"""What a kind of subscription must be, what it is given, and whose fault what it does wrong is."""

import asyncio
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from blocks.budget import ASKING_FOR, asking_for
from blocks.errors import DrayageError, Invalid, RateLimited, Unavailable
from flows.plugin import apart as apart_module
from flows.plugin.apart import Apart
from flows.plugin.http import MOST_REQUESTS, Http
from flows.plugin.installed import Installed
from flows.warehouse.asking import Asking, Hint, Sources
from flows.warehouse.discover_further import discover_installed
from flows.warehouse.further import LONGEST, MOST_METADATA, Artifact, further_kind, references
from flows.warehouse.model import FurtherSubscription, Subscription
from flows.warehouse.subscriptions import GROUP, kind_of
from tests.flows.warehouse.asked import NOW
from tests.packages import entry_point

ORIGIN = "subscription kind 'npm' of distribution npm-kind 1.0 (entry point npm = npm_kind)"


class Config(BaseModel):
    """A config as packages have it."""

    package: str = "left-pad"
    steps: int = Field(default=1, ge=1)


def kind(discover, config=Config):
    """A kind with this `discover`."""
    return further_kind("npm", SimpleNamespace(Config=config, discover=discover), ORIGIN)


def asking(**known):
    """An Asking through nothing but a memory."""
    cache = known.pop("cache", None)
    return Asking(Sources(None, None, cache, known.pop("credentials", None), web=known.pop("web", None)), NOW, **known)


async def found(discover, seconds=5.0, apart=None, config=None, limit=20, **known):
    """What comes of asking a kind that was installed."""
    subscription = FurtherSubscription(config=config, discovery_limit=limit)
    asked = asking(**{"name": "web", **known})
    entry = await discover_installed(kind(discover), apart or Apart(), subscription, asked, seconds)
    return entry["artifactReferences"]


async def listed(config: Config) -> list[Artifact]:
    """Two versions, the better first."""
    return [Artifact("2.0.0", {"of": config.package}, "application/npm"), Artifact("1.0.0")]


async def test_what_comes_of_a_kind():
    """Its artifacts in Kargo's shape, of its own type where it names none."""
    assert await found(listed, config={"package": "react"}) == [
        {
            "artifactType": "application/npm",
            "subscriptionName": "web",
            "version": "2.0.0",
            "metadata": {"of": "react"},
        },
        {"artifactType": "npm", "subscriptionName": "web", "version": "1.0.0"},
    ]


async def test_a_class_is_a_kind():
    """It is made without arguments."""

    class Npm:
        Config = Config

        async def discover(self, config, limit):
            return [Artifact(f"{number}.0.0") for number in range(limit)]

    made = further_kind("npm", Npm, ORIGIN)
    entry = await discover_installed(made, Apart(), FurtherSubscription(discovery_limit=2), asking(name="web"))
    assert [each["version"] for each in entry["artifactReferences"]] == ["0.0.0", "1.0.0"]


async def test_it_is_given_what_it_names():
    """And what it knows from before, in its own words."""
    seen = {}

    async def discover(config, *, previous, hint, limit, name, now, thorough):
        seen.update(locals())
        return previous

    before = {"artifactReferences": [{"artifactType": "npm", "subscriptionName": "web", "version": "1.0.0"}]}
    hint = Hint(tag="1.0.0")
    assert await found(discover, limit=3, before=before, hint=hint, thorough=True) == before["artifactReferences"]
    seen.pop("seen", None)
    seen.pop("config")
    assert seen == {
        "previous": [Artifact("1.0.0", {}, "npm")],
        "hint": hint,
        "limit": 3,
        "name": "web",
        "now": NOW,
        "thorough": True,
    }


async def test_it_runs_apart_and_asks_through_us():
    """Its code runs in another thread; what it asks for runs in ours, with our own connections."""
    here, seen = threading.current_thread(), {}

    async def request(method, url, **options):
        seen["asked in"] = threading.current_thread()
        return f"{method} {url} {options}"

    async def credentials(cred_type, repo_url):
        return f"{cred_type} {repo_url}"

    class Memory(dict):
        async def get(self, scope, keys):
            return {key: self[scope, key] for key in keys if (scope, key) in self}

        async def put(self, scope, values):
            self.update({(scope, key): value for key, value in values.items()})

    async def discover(config, *, http, credentials, cache):
        seen["runs in"] = threading.current_thread()
        await cache.put({"a": 1})
        seen["cache"] = await cache.get(["a", "b"])
        seen["http"] = await http.get("https://x", params={"q": 1})
        seen["credentials"] = await credentials("git", "https://x")
        return []

    web, memory = SimpleNamespace(request=request), Memory()
    assert await found(discover, web=web, credentials=credentials, cache=memory) == []
    assert (seen["asked in"], seen["runs in"] is here) == (here, False)
    assert seen["cache"] == {"a": 1}
    assert list(memory) == [("subscription:npm", "a")]
    assert seen["http"] == "GET https://x {'params': {'q': 1}}"
    assert seen["credentials"] == "git https://x"


async def test_its_requests_are_its_warehouses():
    """Though they begin in another thread, they count as those of the Warehouse that is looked at."""
    seen = []

    async def request(method, url):
        seen.append(ASKING_FOR.get())

    async def discover(config, http):
        await asyncio.gather(*(http.get("https://x") for _ in range(3)))
        return []

    with asking_for("shop/main"):
        await found(discover, web=SimpleNamespace(request=request))
    assert seen == ["shop/main"] * 3


async def test_requests_have_an_end():
    """A kind that asks for ever is stopped."""

    async def request(method, url):
        return None

    http = Http(request, "one discovery")
    for _ in range(MOST_REQUESTS):
        await http.get("https://x")
    with pytest.raises(DrayageError, match=f"may ask {MOST_REQUESTS} times"):
        await http.get("https://x")


async def fails(config):
    raise KeyError("planted-secret-92ab")


async def exits(config):
    sys.exit(3)


async def interrupts(config):
    raise KeyboardInterrupt


async def cancels(config):
    raise asyncio.CancelledError


async def stops(config):
    raise StopAsyncIteration


async def words(config):
    raise Invalid("there is no package 'left-pad'; correct it")


async def limited(config):
    raise RateLimited("too many requests", 90.0)


class Own(RateLimited):
    """An error as a package may have it."""

    def __init__(self):
        super().__init__("slower", 90.0)


async def own(config):
    raise Own


async def nothing(config):
    return None


async def text(config):
    return "1.0.0"


async def garbage(config):
    return [{"version": "1.0.0"}]


async def raw(config):
    return [Artifact(None)]


@pytest.mark.parametrize(
    ("discover", "said"),
    [
        pytest.param(fails, " failed: KeyError in warehouse/test_further.py line ", id="raises"),
        pytest.param(exits, " failed: SystemExit in ", id="exits"),
        pytest.param(interrupts, " failed: KeyboardInterrupt in ", id="interrupts"),
        pytest.param(cancels, " failed: CancelledError in ", id="cancels"),
        pytest.param(stops, " failed: StopAsyncIteration in ", id="stops"),
        pytest.param(words, ": there is no package 'left-pad'; correct it", id="words"),
        pytest.param(limited, ": too many requests", id="limited"),
        pytest.param(own, ": slower", id="own"),
        pytest.param(nothing, " returned nothing, not a list of Artifact", id="none"),
        pytest.param(text, " returned a value of type str, not a list of Artifact", id="text"),
        pytest.param(garbage, " returned a value of type dict as an artifact", id="dicts"),
        pytest.param(raw, " returned a version that is no text of 1 to 256 printable characters", id="no-text"),
    ],
)
async def test_what_it_does_wrong_is_told(discover, said):
    """The sentence names the distribution and the entry point, and nothing its errors may hold."""
    with pytest.raises(DrayageError) as error:
        await found(discover)
    assert str(error.value).startswith(f"{ORIGIN}{said}")
    assert "planted" not in str(error.value)
    assert getattr(error.value, "retry_after", None) == (90.0 if discover in (limited, own) else None)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param({"steps": 0}, "its config.steps cannot be read by", id="wrong"),
        pytest.param({"package": ["planted-secret"]}, "its config.package cannot be read by", id="type"),
    ],
)
async def test_a_config_it_does_not_take(config, said):
    """The place is named, not what stands there."""
    with pytest.raises(Invalid, match=said) as error:
        await found(listed, config=config)
    assert "planted" not in str(error.value)


async def test_one_that_blocks_holds_up_nobody():
    """The loop goes on meanwhile; until the blocking ends, further looks say so at once, and then it works again."""
    free = threading.Event()

    async def discover(config):
        free.wait(20)
        return []

    apart, beats = Apart(), 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    with pytest.raises(Unavailable, match=r"did not answer within 0\.5 s; report it to its authors"):
        await found(discover, 0.5, apart)
    assert beats > 10
    began = time.monotonic()
    with pytest.raises(Unavailable, match="has not ended yet what it began before"):
        await found(discover, 5, apart)
    assert time.monotonic() - began < 1
    free.set()
    await asyncio.sleep(0.2)
    assert await found(listed, 5, apart) != []
    beating.cancel()


async def test_one_that_will_not_end_is_interrupted(monkeypatch):
    """Who neither waits nor listens is stopped wherever it is; then the kind works again."""
    monkeypatch.setattr(apart_module, "GRACE", 0.1)
    ended = threading.Event()

    async def discover(config):
        try:
            while True:
                pass
        finally:
            ended.set()

    apart = Apart()
    with pytest.raises(Unavailable, match="did not answer within"):
        await found(discover, 0.3, apart)
    assert await asyncio.to_thread(ended.wait, 20)
    await asyncio.sleep(0.2)
    assert await found(listed, 5, apart) != []


async def test_one_that_waits_for_ever_is_cancelled():
    """What can be cancelled leaves nothing behind."""
    ended = threading.Event()

    async def discover(config):
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    apart = Apart()
    with pytest.raises(Unavailable, match="did not answer within"):
        await found(discover, 0.3, apart)
    assert await asyncio.to_thread(ended.wait, 5)
    await asyncio.sleep(0.1)
    assert await found(listed, 5, apart) != []


async def test_a_look_that_is_cancelled_cancels_it():
    """When the sensor is stopped, so is the kind."""
    begun, ended = threading.Event(), threading.Event()

    async def discover(config):
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    looking = asyncio.create_task(found(discover))
    assert await asyncio.to_thread(begun.wait, 5)
    looking.cancel()
    assert await asyncio.to_thread(ended.wait, 5)
    with pytest.raises(asyncio.CancelledError):
        await looking


async def no_config(config):
    return []


async def with_more(config, *, database):
    return []


async def with_rest(config, **rest):
    return []


def in_step(config):
    return []


async def without():
    return []


class Needy:
    """A class that wants arguments."""

    def __init__(self, url):
        self.url = url


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        pytest.param(42, "has no Config that is a Pydantic model", id="number"),
        pytest.param(SimpleNamespace(Config=dict, discover=no_config), "has no Config that is", id="no-model"),
        pytest.param(SimpleNamespace(Config=Config), "has no 'async def discover(config, *, …)'", id="no-discover"),
        pytest.param(SimpleNamespace(Config=Config, discover=in_step), "has no 'async def discover", id="not-async"),
        pytest.param(SimpleNamespace(Config=Config, discover=without), "does not take the config", id="no-parameter"),
        pytest.param(SimpleNamespace(Config=Config, discover=with_more), "the parameter 'database'; it may", id="more"),
        pytest.param(SimpleNamespace(Config=Config, discover=with_rest), "the parameter 'rest'", id="rest"),
        pytest.param(Needy, "cannot be made without arguments (TypeError)", id="needy"),
    ],
)
def test_what_is_no_kind(offered, said):
    """It is refused when it is loaded, with what it lacks."""
    with pytest.raises(Invalid) as error:
        further_kind("npm", offered, ORIGIN)
    assert str(error.value).startswith(ORIGIN)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        pytest.param([], "no JSON object", id="list"),
        pytest.param({"a": float("nan")}, "no JSON object", id="nan"),
        pytest.param({"a": {1, 2}}, "no JSON object", id="set"),
        pytest.param({"a": "\ud800"}, "no JSON object", id="surrogate"),
        pytest.param({"a": "\0"}, "no JSON object", id="nul"),
        pytest.param({"a": "x" * MOST_METADATA}, f"the most is {MOST_METADATA}", id="large"),
        pytest.param({("a", "b"): 1}, "no JSON object", id="key"),
    ],
)
def test_metadata_that_cannot_be_kept(metadata, said):
    """Nothing of such an answer is taken."""
    with pytest.raises(Invalid, match=said):
        references(kind(listed), "web", 20, [Artifact("1.0.0"), Artifact("2.0.0", metadata)])


def test_a_version_comes_once_and_no_more_than_asked_for():
    """Of a version that comes twice the first counts."""
    many = [Artifact("1", {"first": True}), Artifact("1"), *(Artifact(str(number)) for number in range(200))]
    kept = references(kind(listed), "web", 10, many)
    assert [each["version"] for each in kept] == ["1", "0", *map(str, range(2, 10))]
    assert kept[0]["metadata"] == {"first": True}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.builds(Artifact, ANYTHING, ANYTHING, ANYTHING) | ANYTHING, max_size=3) | ANYTHING)
def test_any_answer_is_kept_or_refused(answer):
    """Whatever a kind returns, it is refused by a sentence or can be kept."""
    try:
        kept = references(kind(listed), "web", 5, answer)
    except Invalid as error:
        assert str(error).startswith(ORIGIN)
        return
    assert all(len(each["version"]) <= LONGEST for each in kept)


GOOD = """
from pydantic import BaseModel
from flows.warehouse.further import Artifact

class Config(BaseModel):
    pass

async def discover(config):
    return [Artifact("1.0.0")]
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A place that packages can be installed to."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda *entry, name="npm": entry_point(tmp_path, GROUP, entry[0], name, entry[1])


def subscription(name="npm"):
    """A subscription of a kind."""
    return Subscription.model_validate({"name": "web", name: {}})


async def ask(installed, name="npm"):
    """Ask a subscription of a kind that is installed."""
    entry = await kind_of(subscription(name), installed).discover(subscription(name).wanted, asking(name="web"))
    return [each["version"] for each in entry["artifactReferences"]]


async def test_an_installed_package(packages):
    """Its kind works, and is imported once."""
    installed = Installed([packages("npm-kind", GOOD)], "subscription kind", further_kind)
    assert await asyncio.gather(*(ask(installed) for _ in range(5))) == [["1.0.0"]] * 5
    assert installed.load_blocking("npm") is (await installed.load("npm"))[0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param(
            "import nothing_like_this", "could not be imported (ModuleNotFoundError of nothing_like_this)", id="missing"
        ),
        pytest.param("raise ValueError('planted-secret-11')", "could not be imported (ValueError)", id="raises"),
        pytest.param("import sys; sys.exit(1)", "could not be imported (SystemExit)", id="exits"),
        pytest.param("def broken(:", "could not be imported (SyntaxError)", id="no-python"),
        pytest.param("", "has no Config that is a Pydantic model", id="empty"),
        pytest.param("def __getattr__(name): raise OSError", "could not be imported (OSError)", id="odd-module"),
        pytest.param("import time; time.sleep(3)", "could not be imported within 0.3 s", id="hangs"),
    ],
)
async def test_a_broken_package_harms_who_uses_it_alone(packages, code, said):
    """Who uses it is told where it comes from; who uses another works."""
    installed = Installed(
        [packages("bad-kind", code), packages("npm-kind", GOOD, name="good")],
        "subscription kind",
        further_kind,
        seconds=0.3,
    )
    with pytest.raises(DrayageError) as error:
        await ask(installed)
    assert "subscription kind 'npm' of distribution bad-kind 1.0 (entry point npm = bad_kind_" in str(error.value)
    assert said in str(error.value)
    assert "planted" not in str(error.value)
    assert await ask(installed, "good") == ["1.0.0"]


async def test_two_packages_of_one_name(packages):
    """Neither is used, and the sentence names both."""
    installed = Installed([packages("npm-kind", GOOD), packages("other-kind", GOOD)], "subscription kind", further_kind)
    with pytest.raises(Invalid) as error:
        await ask(installed)
    said = str(error.value)
    assert said.startswith("subscription kind 'npm' is offered by distribution npm-kind 1.0 (entry point npm = ")
    assert said.endswith("uninstall all but one")
    assert "and distribution other-kind 1.0" in said


async def test_a_package_cannot_take_a_name_of_ours(packages):
    """Kargo's kinds and those that come with Drayage stay what they are."""
    installed = Installed(
        [packages("npm-kind", GOOD, name=name) for name in ("git", "github-release")], "subscription kind", further_kind
    )
    with pytest.raises(Invalid, match=r"its config\.repoURL cannot be read"):
        await ask(installed, "github-release")
    assert kind_of(Subscription.model_validate({"git": {"repoURL": "https://x"}}), installed).field == "git"


async def test_an_unknown_kind(packages):
    """The sentence names the kinds there are, those of packages too."""
    installed = Installed([packages("npm-kind", GOOD)], "subscription kind", further_kind)
    with pytest.raises(Invalid) as error:
        await ask(installed, "npn")
    assert str(error.value) == (
        "'npn' is no kind of subscription, expected one of chart, git, github-release, image, npm, did you mean 'npm'?"
    )
