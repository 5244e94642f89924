"""`drayage test`: what failed is retried, aborted and taken back in a scenario as in the product."""

from pathlib import Path

import yaml

from tests.deployments.test_rehearse import DEPLOY, MANIFESTS, PIPELINES, WEB, failed, played, scenario

PROMETHEUS = "https://prometheus.acme.example"
POLICIES = {
    "promotionPolicies": [
        {
            "stageSelector": {"name": "test"},
            "autoPromotionEnabled": True,
            "autoRollback": {"onPromotion": ["Errored", "Failed"], "onVerification": ["Failed"]},
        }
    ]
}
ERRORS = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AnalysisTemplate",
    "metadata": {"name": "errors", "namespace": "shop"},
    "spec": {
        "metrics": [
            {
                "name": "errors",
                "successCondition": "result[0] < 0.5",
                "provider": {"prometheus": {"address": PROMETHEUS, "query": "errors"}},
            }
        ]
    },
}


def pipeline(folder: Path, steps=None, **stage) -> list[str]:
    """The image updater with other steps, or more, in its Stage `test`, which goes back by itself."""
    documents = list(yaml.safe_load_all((PIPELINES / "image-updater" / "pipeline.yaml").read_text()))
    documents[0]["spec"] = POLICIES
    test = documents[2]["spec"]
    test |= stage
    if steps is not None:
        test["promotionTemplate"]["spec"]["steps"] = steps
    file = folder / "pipeline.yaml"
    file.write_text(yaml.safe_dump_all([*documents, ERRORS]))
    return [MANIFESTS[0], str(file)]


def image(tag: str) -> dict:
    """A file that shows a tag."""
    text = f"image: {WEB}:{tag}"
    return {"repository": DEPLOY, "path": "env/test/deployment.yaml", "contains": [text]}


def push(tag: str) -> list[dict]:
    """A new tag."""
    return [{"image": WEB, "tag": tag}]


async def test_a_bad_verification_is_taken_back(tmp_path):
    """A Stage with `autoRollback` goes back to what was verified there, in Git too, and nothing newer follows."""
    back = {"phase": "Succeeded", "freight": "1.0.0", "rollback": True}
    file = scenario(
        tmp_path,
        {
            "metrics": {"errors": 0.1},
            "push": push("1.0.0"),
            "expect": {"verifications": {"test": "Successful"}, "stages": {"test": "1.0.0"}},
        },
        {
            "metrics": {"errors": 0.9},
            "push": push("1.1.0"),
            "expect": {
                "promotions": {"test": back},
                "verifications": {"test": "Failed"},
                "stages": {"test": "1.0.0"},
                "files": [image("1.0.0")],
                "commits": [{"repository": DEPLOY, "count": 4}],
                "gates": {"test": {"freight": "1.1.0", "because": "a rollback brought"}},
            },
        },
        {
            "metrics": {"errors": 0.1},
            "promote": [{"stage": "test", "freight": "1.1.0"}],
            "expect": {"stages": {"test": "1.1.0"}, "promotions": {"test": {"rollback": False}}},
        },
        {"rollback": [{"stage": "test"}], "expect": {"stages": {"test": "1.0.0"}, "promotions": {"test": back}}},
        {"rollback": [{"stage": "prod", "refused": "runs no Freight"}]},
        prometheus=[PROMETHEUS],
        images={WEB: []},
    )
    [report] = await played(
        file, manifests=pipeline(tmp_path, verification={"analysisTemplates": [{"name": "errors"}]})
    )
    assert (report.broken, failed(report)) == ("", [])


async def test_a_failed_promotion_is_taken_back(tmp_path):
    """A promotion that fails is answered by one to what was verified before, once, and fails no further."""
    steps = [
        {"task": {"name": "update-image"}},
        {"uses": "fail", "if": "${{ imageFrom('ghcr.io/acme/web').Tag == '1.1.0' }}", "config": {"message": "no"}},
    ]
    file = scenario(
        tmp_path,
        {"expect": {"stages": {"test": "1.0.0"}, "verified": {"test": "1.0.0"}}},
        {
            "push": push("1.1.0"),
            "expect": {
                "promotions": {"test": {"phase": "Succeeded", "freight": "1.0.0", "rollback": True}},
                "files": [image("1.0.0")],
                "commits": [{"repository": DEPLOY, "count": 4}],
            },
        },
        {"retry": [{"stage": "test", "refused": "only one that Failed or Errored can be retried"}]},
    )
    [report] = await played(file, manifests=pipeline(tmp_path, steps))
    assert (report.broken, failed(report)) == ("", [])


async def test_a_failed_promotion_is_retried(tmp_path):
    """What failed goes on at the failed step, with the outputs and the working directory of those before."""
    file, written = "./src/env/test/deployment.yaml", f"image: {WEB}:${{{{ outputs.once.tag }}}}"
    ready = {"repoURL": "https://github.com/acme/other.git", "checkout": [{"branch": "ready", "path": "./other"}]}
    steps = [
        {"uses": "git-clone", "config": {"repoURL": DEPLOY, "checkout": [{"branch": "main", "path": "./src"}]}},
        {"uses": "compose-output", "as": "once", "config": {"tag": "${{ imageFrom('ghcr.io/acme/web').Tag }}"}},
        {"uses": "file-write", "config": {"path": file, "contents": written, "overwrite": True}},
        {"uses": "git-commit", "config": {"path": "./src", "message": "test runs ${{ outputs.once.tag }}"}},
        {"uses": "git-clone", "as": "other", "config": ready},
        {"uses": "git-push", "config": {"path": "./src"}},
    ]
    other = "https://github.com/acme/other.git"
    file = scenario(
        tmp_path,
        {"expect": {"promotions": {"test": {"phase": "Errored", "message": "ready"}}, "stages": {"test": None}}},
        {"retry": [{"stage": "test"}], "expect": {"promotions": {"test": "Errored"}}},
        {
            "push": [{"repository": other, "branch": "ready", "files": {"a": "b"}}],
            "retry": [{"stage": "test"}, {"stage": "prod", "refused": "nothing was ever promoted"}],
            "expect": {
                "promotions": {"test": "Succeeded"},
                "files": [image("1.0.0")],
                "commits": [{"repository": DEPLOY, "count": 2, "message": "test runs 1.0.0"}],
            },
        },
        repositories={DEPLOY: {"files": {"env/test/deployment.yaml": "x"}}, other: {"files": {"a": "a"}}},
    )
    [report] = await played(file, manifests=pipeline(tmp_path, steps))
    assert (report.broken, failed(report)) == ("", [])


async def test_an_aborted_promotion_cleans_up(tmp_path):
    """An abort ends what waits, its steps marked `onAbort` run and no other; what has ended cannot be aborted."""
    steps = [
        {"uses": "wait-for-approval", "as": "go", "config": {"minApprovals": 1}},
        {"task": {"name": "update-image"}},
        {
            "uses": "set-freight-alias",
            "as": "sweep",
            "onAbort": True,
            "config": {"name": "${{ ctx.targetFreight.name }}", "alias": "swept"},
        },
    ]
    file = scenario(
        tmp_path,
        {"expect": {"promotions": {"test": {"phase": "Running", "message": "waits for approval"}}}},
        {
            "abort": [{"stage": "test"}, {"stage": "test", "refused": "is Aborted, so there is nothing to abort"}],
            "expect": {"promotions": {"test": {"phase": "Aborted", "message": "aborted by"}}, "stages": {"test": None}},
        },
        {
            "retry": [{"stage": "test", "refused": "is Aborted"}],
            "expect": {"commits": [{"repository": DEPLOY, "count": 1}]},
        },
    )
    [report] = await played(file, manifests=pipeline(tmp_path, steps))
    assert (report.broken, failed(report)) == ("", [])
