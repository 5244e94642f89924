"""Freight in words: what it holds, and what would change, as Markdown tables."""

from typing import Any

Json = dict[str, Any]


def versions(content: Json) -> dict[str, str]:
    """Each artifact's repository with the version people know it by: tag, short commit id, chart version."""
    found: dict[str, str] = {}
    for image in content.get("images") or []:
        found[image["repoURL"]] = image.get("tag") or image.get("digest", "")[:19]
    for commit in content.get("commits") or []:
        found[commit["repoURL"]] = commit.get("tag") or commit.get("id", "")[:8]
    for chart in content.get("charts") or []:
        where = "/".join(filter(None, (chart["repoURL"].rstrip("/"), chart.get("name"))))
        found[where] = chart.get("version", "")
    for other in content.get("artifacts") or []:
        found[other.get("subscriptionName", "")] = other.get("version", "")
    return found


def one_line(content: Json) -> str:
    """All versions in one line, repositories by their last part."""
    return ", ".join(f"{repo.rpartition('/')[2]}:{version}" for repo, version in versions(content).items())


def change_table(before: Json, after: Json) -> str:
    """A Markdown table of what a promotion would change: artifact, now, then."""
    now, then = versions(before), versions(after)
    rows = [
        f"| {cell(repo)} | {cell(now.get(repo, '—'))} | {cell(version)} | {_change(now.get(repo), version)} |"
        for repo, version in then.items()
    ]
    return "\n".join(["| Artifact | Now | Then | |", "| --- | --- | --- | --- |", *rows])


def _change(now: str | None, then: str) -> str:
    return "" if now == then else "new" if now is None else "changes"


def cell(text: str) -> str:
    """Text that stays within its table cell and means nothing to Markdown or HTML."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
