"""What a scenario expects of the world: files, commits, pull requests, Applications, as the sandbox has them."""

from collections.abc import Iterator
from typing import Any

import yaml

from blocks.errors import NotFound
from deployments.rehearsal.addresses import repository_name
from deployments.rehearsal.report import Check
from deployments.rehearsal.scenario import ExpectedApplication, ExpectedCommit, ExpectedFile, ExpectedPullRequest
from deployments.sandbox.git_command import run
from deployments.sandbox.world import World

MISSING = "nothing"


async def check_file(world: World, wanted: ExpectedFile) -> list[Check]:
    """Compare one file of a branch."""
    about, text = f"{wanted.branch}:{wanted.path}", await _text(world, wanted)
    if not wanted.exists:
        return [Check(about, text is None, "no such file", MISSING if text is None else "a file")]
    if text is None:
        return [Check(about, False, "a file", await _instead(world, wanted))]
    return list(_in_text(about, wanted, text)) or [Check(about, True, "a file", "a file")]


def _in_text(about: str, wanted: ExpectedFile, text: str) -> Iterator[Check]:
    if wanted.equals is not None:
        yield Check(about, text.rstrip("\n") == wanted.equals.rstrip("\n"), wanted.equals, text)
    for part in wanted.contains:
        yield Check(about, part in text, f"contains {part!r}", _found(part in text, text))
    for part in wanted.lacks:
        yield Check(about, part not in text, f"lacks {part!r}", _found(part not in text, text))
    for key, value in wanted.yaml.items():
        there = _at(text, key)
        yield Check(f"{about} {key}", there == value, _shown(value), _shown(there))


def _found(fulfilled: bool, text: str) -> str:
    return "as expected" if fulfilled else text


def _at(text: str, key: str) -> Any:
    """The value under a key as yaml-update writes it; a word for what is not there."""
    try:
        value = next(iter(yaml.safe_load_all(text)), None)
    except yaml.YAMLError:
        return "something that is not YAML"
    for part in key.replace("\\.", "\0").split("."):
        name = part.replace("\0", ".")
        if isinstance(value, list) and name.lstrip("-").isdigit() and -len(value) <= int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return MISSING
    return value


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("\n...\n").strip()


async def check_commit(world: World, wanted: ExpectedCommit) -> list[Check]:
    """Compare the newest commit of a branch."""
    about, commit = f"{wanted.branch} newest commit", await _tip(world, wanted.repository, wanted.branch)
    if commit is None:
        return [Check(about, wanted.count == 0, "a commit" if wanted.count != 0 else "no branch", "no such branch")]
    path = world.git.path(repository_name(wanted.repository))
    author, _, message = (await run(path, "log", "-1", "--format=%an <%ae>%n%B", commit)).decode().partition("\n")
    checks = [_words(about, wanted.message, message)] if wanted.message else []
    checks += [_words(f"{about}'s author", wanted.author, author)] if wanted.author else []
    for name, value in wanted.trailers.items():
        format = f"--format=%(trailers:key={name},valueonly)"
        checks.append(_words(f"{about}'s {name}", value, (await run(path, "log", "-1", format, commit)).decode()))
    if wanted.count is not None:
        count = (await run(path, "rev-list", "--count", commit)).decode().strip()
        checks.append(Check(f"{wanted.branch} commits", count == str(wanted.count), str(wanted.count), count))
    return checks or [Check(about, True, "a commit", message.partition("\n")[0])]


async def check_pull_request(world: World, wanted: ExpectedPullRequest) -> list[Check]:
    """Compare the newest pull request of a repository."""
    about = "pull request" + (f" into {wanted.into}" if wanted.into else "")
    found = await world.pulls.select(repository_name(wanted.repository))
    fitting = [each for each in found if wanted.into in ("", each.base)]
    state = fitting[0].state if fitting else "none"
    checks = [Check(about, state == wanted.state, wanted.state, state)]
    if wanted.title and fitting:
        checks.append(_words(f"{about}'s title", wanted.title, fitting[0].title))
    return checks


def check_application(world: World, name: str, wanted: ExpectedApplication) -> list[Check]:
    """Compare one Application."""
    found = next((each for each in world.applications.items() if each["metadata"]["name"] == name), None)
    about = f"Application {name}"
    if found is None:
        known = ", ".join(each["metadata"]["name"] for each in world.applications.items()) or "none"
        return [Check(about, False, "an Application", f"none of that name; there are: {known}")]
    status = found.get("status") or {}
    health = str((status.get("health") or {}).get("status", "unknown"))
    sync = str((status.get("sync") or {}).get("status", "unknown"))
    running = (status.get("summary") or {}).get("images") or []
    checks = [Check(f"{about}'s health", health == wanted.health, wanted.health, health)] if wanted.health else []
    checks += [Check(f"{about}'s sync", sync == wanted.sync, wanted.sync, sync)] if wanted.sync else []
    checks += [Check(f"{about} runs", image in running, image, ", ".join(running)) for image in wanted.images]
    return checks or [Check(about, True, "an Application", "an Application")]


def _words(about: str, wanted: str, found: str) -> Check:
    return Check(about, wanted in found, wanted, found.strip())


async def _tip(world: World, url: str, branch: str) -> str | None:
    try:
        return (await world.git.refs(repository_name(url))).get(f"refs/heads/{branch}")
    except NotFound:
        return None


async def _text(world: World, wanted: ExpectedFile) -> str | None:
    if (commit := await _tip(world, wanted.repository, wanted.branch)) is None:
        return None
    content = (await world.git.tree(repository_name(wanted.repository), commit)).get(wanted.path)
    return None if content is None else content.decode(errors="replace")


async def _instead(world: World, wanted: ExpectedFile) -> str:
    """What there is where a file was expected."""
    if (commit := await _tip(world, wanted.repository, wanted.branch)) is None:
        return f"no branch {wanted.branch!r} in {wanted.repository}"
    names = sorted(await world.git.tree(repository_name(wanted.repository), commit))
    return f"no such file; there are: {', '.join(names) or 'none'}"
