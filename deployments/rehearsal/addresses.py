"""Where the addresses of manifests lead in a world of its own; the manifests keep them as they are."""

from collections.abc import Iterator

from blocks.code_hosts.address import Address, read_address
from blocks.errors import Invalid
from blocks.redirect import Redirects
from blocks.registry.reference import repository
from deployments.rehearsal.scenario import Scenario
from deployments.sandbox.server import Sandbox

CLOUDS = {
    "github.com": ("https://api.github.com", "/api/v3"),
    "bitbucket.org": ("https://api.bitbucket.org", ""),
    "dev.azure.com": ("https://dev.azure.com", ""),
}
"""Code hosts whose API is elsewhere: its address, and where the sandbox has it."""

APIS = ("/api", "/rest")
"""Below which paths the other code hosts have theirs."""


def repository_name(url: str) -> str:
    """Name the sandbox's repository for a Git URL. Raises Invalid."""
    return "/".join(part.replace(" ", "-") for part in read_address(url).path if part not in ("git", "_git", "scm"))


def image_path(url: str) -> str:
    """The path of an image repository in any registry's API. Raises Invalid."""
    return repository(url).path


def chart_name(url: str) -> str:
    """Name the sandbox's chart repository for a URL. Raises Invalid."""
    if "://" not in url:
        raise Invalid(f"{url!r} is no address of a chart repository; write it like 'https://charts.example.com'")
    return "-".join(part for part in url.partition("://")[2].replace(":", "-").split("/") if part)


def redirects(scenario: Scenario, sandbox: Sandbox) -> Redirects:
    """Say where everything leads that the scenario names. Raises Invalid where two would be the same."""
    _check_distinct({url.removesuffix(".git"): repository_name(url) for url in scenario.repositories})
    _check_distinct({url: image_path(url) for url in scenario.images})
    _check_distinct({url: chart_name(url) for url in scenario.charts})
    return Redirects(dict(_targets(scenario, sandbox.url)))


def _check_distinct(names: dict[str, str]) -> None:
    for url, name in names.items():
        if twin := next((each for each, other in names.items() if other == name and each != url), None):
            raise Invalid(f"{url} and {twin} would both be {name!r} in the sandbox: give one of them another path")


def _targets(scenario: Scenario, world: str) -> Iterator[tuple[str, str]]:
    for url in scenario.repositories:
        yield url.removesuffix(".git"), f"{world}/git/{repository_name(url)}"
        yield from _code_host(read_address(url), world)
    for url in scenario.images:
        yield repository(url).base, f"{world}/v2/{image_path(url)}"
    for url in scenario.charts:
        yield url.rstrip("/"), f"{world}/charts/{chart_name(url)}"
    for url in scenario.prometheus:
        yield url.rstrip("/"), f"{world}/prometheus"


def _code_host(address: Address, world: str) -> Iterator[tuple[str, str]]:
    """Where the API of a repository's code host leads."""
    if address.host.removeprefix("ssh.") in CLOUDS:
        api, path = CLOUDS[address.host.removeprefix("ssh.")]
        yield api, world + path
    for path in APIS:
        yield address.web + path, world + path
