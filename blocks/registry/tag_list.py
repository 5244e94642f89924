"""Listing the tags of one repository, page by page."""

import httpx

from blocks.errors import BadAnswer, Invalid, NotFound
from blocks.registry.reference import TAG
from blocks.registry.session import Session, json_object

MAX_PAGES = 1_000
MAX_TAGS = 100_000
PAGE = 1_000
"""Tags asked for at once."""


async def read_tags(session: Session) -> list[str]:
    """Return all tags once, in the registry's order; names that cannot be a tag's are left out.

    Raises NotFound when there is no such repository, Invalid when it has more than MAX_TAGS tags.
    """
    path: str | None = f"/tags/list?n={PAGE}"
    found: list[str] = []
    for _ in range(MAX_PAGES):
        answer = await session.ask(path) if path else None
        if answer is None:
            raise NotFound(
                f"repository {session.where} does not exist, or these credentials may not see it: check its repoURL"
            )
        found += _tags_in(answer)
        path = _next_page(answer)
        if path is None:
            return list(dict.fromkeys(found))
        if len(found) > MAX_TAGS:
            break
    raise Invalid(f"repository {session.where} has more than {MAX_TAGS} tags or {MAX_PAGES} pages of them, the limit")


def _tags_in(answer: httpx.Response) -> list[str]:
    tags = json_object(answer).get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str | None) for tag in tags):
        raise BadAnswer(f"GET {answer.request.url} answered something that is no list of tags")
    return [tag for tag in tags if tag and TAG.fullmatch(tag)]


def _next_page(answer: httpx.Response) -> str | None:
    """Where the list goes on, which must be on the same server, for our credentials go there."""
    link = answer.links.get("next", {}).get("url")
    if not link:
        return None
    asked = answer.request.url
    following = asked.join(link)
    if (following.scheme, following.netloc) != (asked.scheme, asked.netloc) or following == asked:
        raise BadAnswer(f"GET {asked} says that the list goes on at {following}, which cannot be")
    return str(following)
