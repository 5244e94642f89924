"""Whether the steps of a template or task can run: kinds, aliases, settings that hold no expressions."""

import difflib
import json
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from blocks.errors import DrayageError
from deployments.manifests.problem import path_text
from deployments.manifests.sentences import sentences
from flows.promotion.inflate import admit_steps
from flows.promotion.kinds import config_of, offered
from flows.promotion.model import Step

# fmt: off
KARGO_STEPS = frozenset((
    "argocd-update", "argocd-wait", "compose-output", "copy", "delete", "fail", "file-write", "get-user-input",
    "gh-create-issue", "gh-issue-add-comment", "gh-issue-delete-comment", "gh-issue-update-comment",
    "gh-search-issues", "gh-update-issue", "gh-wait-for-issue-state", "gha-dispatch-workflow",
    "gha-wait-for-workflow", "git-clear", "git-clone", "git-commit", "git-merge-pr", "git-open-pr", "git-push",
    "git-tag", "git-wait-for-pr", "github-push", "hcl-update", "helm-template", "helm-update-chart", "http",
    "http-download", "jfrog-evidence", "jira", "json-parse", "json-update", "kustomize-build", "kustomize-set-image",
    "oci-download", "oci-push", "record-audit-event", "send-message", "set-freight-alias", "set-metadata",
    "snow-create", "snow-delete", "snow-query-for-records", "snow-update", "snow-wait-for-condition", "tar",
    "tf-apply", "tf-output", "tf-plan", "toml-parse", "toml-update", "untar", "wait-for-approval", "yaml-merge",
    "yaml-parse", "yaml-update",
))
# fmt: on
"""Every step kind Kargo has in any edition."""

Found = Iterator[tuple[str, str]]


def step_problems(steps: Sequence[Step], in_task: bool) -> Found:
    """Find everything wrong with steps, as paths below the list's owner and sentences."""
    yield from admit_steps(steps, in_task)
    for index, step in enumerate(steps):
        if step.uses:
            for path, message in _kind_problems(step, step.uses):
                yield f"steps[{index}].{path}", message


def _kind_problems(step: Step, uses: str) -> Found:
    if uses in offered():
        yield from _config_problems(step, uses)
    elif uses in KARGO_STEPS:
        yield "uses", f"step kind '{uses}' is not available yet, expected one of {_available()}, use one of these"
    else:
        close = difflib.get_close_matches(uses, offered(), 1)
        advice = f"did you mean '{close[0]}'?" if close else "use one of these"
        yield "uses", f"step kind '{uses}' is unknown, expected one of {_available()}, {advice}"


def _config_problems(step: Step, uses: str) -> Found:
    """Validate settings that are final; those with expressions are validated when they are evaluated."""
    config = step.config or {}
    text = json.dumps(config)
    try:
        model = config_of(uses)
        if "${{" not in text and "${%" not in text:
            model.model_validate(config)
    except ValidationError as error:
        for path, message in sentences(model, error):
            yield path_text(("config", *path)), message
    except DrayageError as error:
        yield "uses", str(error)
    except Exception as error:  # a model that others wrote may raise anything
        yield "config", f"could not be read by step kind {uses!r} ({type(error).__name__}), report it to its authors"


def _available() -> str:
    return ", ".join(offered())
