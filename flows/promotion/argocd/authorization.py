"""Whether an Application lets a Stage change it."""

from blocks.records import Application

ANNOTATION = "kargo.akuity.io/authorized-stage"
"""A comma-separated list of `<project>:<stage>` on the Application."""


def authorized(annotation: str | None, project: str, stage: str) -> bool:
    """Whether the annotation names exactly this Stage. Blanks and empty entries do not matter.

    An entry that is no `<project>:<stage>` or has a wildcard makes the whole list worthless, so that nobody
    believes a pattern to be honoured.
    """
    entries = [_entry(entry) for entry in (annotation or "").split(",") if entry.strip()]
    return None not in entries and (project, stage) in entries


def permits(application: Application, project: str, stage: str) -> bool:
    """Whether this Application lets the Stage change it."""
    annotations = application["metadata"].get("annotations") or {}
    return authorized(annotations.get(ANNOTATION), project, stage)


def _entry(text: str) -> tuple[str, str] | None:
    project, stage = (part.strip() for part in text.partition(":")[::2])
    return (project, stage) if project and stage and "*" not in text else None
