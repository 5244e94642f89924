"""A preview as an object for programs."""

from collections.abc import Iterator
from typing import Any

from flows.freight.describe import versions
from flows.promotion.dry_run import DryStep
from flows.promotion.preview import GitLog, Preview

Json = dict[str, Any]


def preview_shape(seen: Preview) -> Json:
    """A preview in the manner of Kargo's objects; `status.passes` is what the exit code says."""
    before = seen.before
    return {
        "apiVersion": "drayage.dev/v1",
        "kind": "Preview",
        "metadata": {"namespace": seen.record.project},
        "spec": {"stage": seen.record.stage, "freight": seen.freight.name},
        "status": {
            "passes": seen.passes,
            "freightAlias": seen.freight.alias,
            "currentFreight": {"name": before.name, "alias": before.alias} if before else None,
            "gates": [{"name": each.name, "answer": each.answer, "message": each.sentence} for each in seen.gates],
            "versions": list(_versions(seen)),
            "commits": [_log(log) for log in seen.logs],
            "steps": [_step(step) for step in seen.steps],
            "message": seen.problem,
        },
    }


def _versions(seen: Preview) -> Iterator[Json]:
    now, then = map(versions, seen.contents())
    for artifact, version in then.items():
        yield {"artifact": artifact, "now": now.get(artifact), "then": version}


def _log(log: GitLog) -> Json:
    commits = [
        {"id": each.id, "author": each.author, "subject": each.subject, "committedAt": each.committed_at.isoformat()}
        for each in log.commits
    ]
    return {
        "repoURL": log.repo_url,
        "now": log.before,
        "then": log.after,
        "commits": commits,
        "count": log.count,
        "back": log.back,
        "message": log.problem,
    }


def _step(step: DryStep) -> Json:
    return {
        "as": step.alias,
        "uses": step.uses,
        "effect": step.effect,
        "verdict": step.verdict,
        "description": step.description,
        "diff": step.diff,
    }
