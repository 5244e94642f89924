"""Secrets of metric services, and whose budget requests with them count against."""

import pytest

from blocks.budget import Budgets, Pace
from blocks.errors import Invalid
from blocks.web import Web
from flows.verification.login import Login, login
from flows.verification.providers import PROVIDERS
from tests.flows.verification.contract import context
from tests.flows.verification.test_cloud_watch import KEYS, RATE, settings
from tests.servers.metrics.cloud_watch import cloud_watch, page, result
from tests.servers.metrics.datadog import API_KEY, APP_KEY, datadog, points
from tests.servers.recording import recording

DATADOG = {"api-key": API_KEY, "app-key": APP_KEY}


def looking(own, shared):
    """A context with Secrets of the project and shared ones."""

    async def secret(name, of_all):
        known = shared if of_all else own
        if name not in known:
            raise Invalid(f"there is no Secret {name!r}")
        return known[name]

    budgets = Budgets(Pace())
    made = context(Web(allow_plain_http_credentials=True, budgets=budgets), budgets)
    return type(made)(**{**vars(made), "secret": secret})


@pytest.mark.parametrize(
    ("own", "shared", "account"),
    [
        pytest.param({"dd": {"k": "1"}}, {}, "shop/dd", id="own"),
        pytest.param({"dd": {"k": "1"}}, {"dd": {"k": "2"}}, "shop/dd", id="own-before-shared"),
        pytest.param({}, {"dd": {"k": "2"}}, "shared/dd", id="shared"),
    ],
)
async def test_whose_secret(own, shared, account):
    """A project's own Secret comes before one of all projects; budgets are of the one that is used."""
    found = await login(looking(own, shared), "dd")
    assert (found.account, found["k"]) == (account, (own or shared)["dd"]["k"])


async def test_own_alone():
    """Who wants the project's own Secret does not get a shared one."""
    with pytest.raises(Invalid, match="no Secret 'dd'"):
        await login(looking({}, {"dd": {"k": "2"}}), "dd", own=True)


def test_values():
    """Values are taken without white space around; their text is in no repr."""
    known = Login("dd", "shop/dd", {"k": " hush \n", "empty": " "})
    assert (known["k"], known.get("none"), known.get("empty", "x")) == ("hush", "", "x")
    assert "hush" not in repr(known)
    with pytest.raises(Invalid, match="Secret 'dd' has no 'empty'"):
        known["empty"]


@pytest.mark.parametrize(
    ("provider", "answer", "wanted", "secret"),
    [
        pytest.param("datadog", datadog(v1=points(1.0)), {"query": "q"}, ("datadog", DATADOG, "address"), id="web"),
        pytest.param(
            "cloudWatch",
            cloud_watch(page(result("rate", 1.0))),
            settings(RATE),
            ("aws", KEYS, "AWS_ENDPOINT_URL"),
            id="library",
        ),
    ],
)
async def test_budgets(provider, answer, wanted, secret):
    """Each request takes its turn of the budget of its Secret at the host, whoever sends it."""
    name, values, place = secret
    kind = PROVIDERS[provider]
    with recording(answer) as server:
        around = looking({name: values | {place: server.url}}, {})
        try:
            await kind.measure(kind.settings.model_validate(wanted), around)
        finally:
            await around.web.aclose()
    states = around.budgets.states(around.now)
    assert [(state.host, state.credential) for state in states] == [(server.url[7:], f"shop/{name}")]
    if provider == "datadog":
        assert (states[0].limit, states[0].remaining) == (600, 599)
