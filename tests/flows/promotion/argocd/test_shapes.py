"""Applications in the shapes that Argo CD's custom resource has: what is read from each, also when cut down."""

import json
from pathlib import Path

import pytest

from blocks.applications.slim import slim, tells_more
from flows.promotion.argocd.drift import drift
from flows.promotion.argocd.health import judge_health
from flows.promotion.argocd.operation import standing
from flows.promotion.argocd.wait import WaitConfig, decide_wait

SHAPES = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "shapes").glob("*.json"))}
A, B = "a" * 40, "b" * 40
CHECK = {"namespace": "argocd", "name": "web"}
WAIT = WaitConfig.model_validate({"apps": [{"name": "web"}]})

READ = [
    # shape, its health, what our promotion does about it, what argocd-wait makes of it
    pytest.param("healthy", "Healthy", "succeeded", "done", id="healthy"),
    pytest.param("progressing-after-scale", "Progressing", "succeeded", "waits", id="progressing-after-scale"),
    pytest.param("degraded", "Unhealthy", "succeeded", "waits", id="degraded"),
    pytest.param("suspended", "Progressing", "succeeded", "waits", id="suspended"),
    pytest.param("out-of-sync", "Healthy", "succeeded", "waits", id="out-of-sync"),
    pytest.param("stale", "Unknown", "succeeded", "waits", id="stale"),
    pytest.param("comparison-error", "Unhealthy", "succeeded", "fails", id="comparison-error"),
    pytest.param("shared-resource-warning", "Healthy", "succeeded", "done", id="shared-resource-warning"),
    pytest.param("syncing", "Healthy", "wait", "waits", id="syncing"),
    pytest.param("retrying", "Healthy", "wait", "waits", id="retrying"),
    pytest.param("window-closed", "Healthy", "wait", "waits", id="window-closed"),
    pytest.param("failed", "Healthy", "failed", "waits", id="failed"),
    pytest.param("several-sources", "Healthy", "succeeded", "done", id="several-sources"),
    pytest.param("never-looked-at", "Progressing", "start", "waits", id="never-looked-at"),
    pytest.param("not-yet-synced", "Unhealthy", "start", "waits", id="not-yet-synced"),
]


@pytest.mark.parametrize(("shape", "health", "standing_", "waited"), READ)
def test_read(shape, health, standing_, waited):
    """Health, operation and wait are read from the whole Application and from what a watch keeps of it alike."""
    for application in (SHAPES[shape], slim(SHAPES[shape])):
        assert judge_health([CHECK], [application]).status == health
        assert standing(application, "prod.01kf.abcdef0", []).action == standing_
        decision = decide_wait(WAIT, [application], {})
        assert ("fails" if decision.error else "waits" if decision.waiting_for else "done") == waited


def test_every_shape_is_read():
    """No shape is left out of the table above."""
    assert {each.values[0] for each in READ} == set(SHAPES)


@pytest.mark.parametrize(
    ("shape", "desired", "status"),
    [
        pytest.param("healthy", [A], "Healthy", id="there"),
        pytest.param("healthy", [B], "Unhealthy", id="elsewhere"),
        pytest.param("retrying", [A], "Unknown", id="under-way"),
        pytest.param("several-sources", ["", B], "Healthy", id="one-of-two"),
        pytest.param("several-sources", ["2.3.0", B], "Unhealthy", id="another-chart"),
        pytest.param("several-sources", [B], "Unknown", id="too-few"),
    ],
)
def test_desired_revisions(shape, desired, status):
    """Demanded revisions are compared with those observed, source by source."""
    for application in (SHAPES[shape], slim(SHAPES[shape])):
        assert judge_health([CHECK | {"desiredRevisions": desired}], [application]).status == status


@pytest.mark.parametrize(
    ("shape", "desired", "image", "said"),
    [
        pytest.param("healthy", [A], {"repoURL": "ghcr.io/acme/web", "tag": "1.4.0"}, [], id="as-promoted"),
        pytest.param("progressing-after-scale", [A], {}, [], id="an-autoscaler-is-no-drift"),
        pytest.param("healthy", [B], {}, [f"is at revision {A!r}, while {B!r} was promoted"], id="revision"),
        pytest.param("out-of-sync", [], {}, ["is OutOfSync: what runs is not what Git says"], id="out-of-sync"),
        pytest.param(
            "healthy",
            [],
            {"repoURL": "ghcr.io/acme/web", "tag": "1.3.0"},
            ["image ghcr.io/acme/web runs as 1.4.0, while 1.3.0 was promoted"],
            id="image",
        ),
        pytest.param("healthy", [], {"repoURL": "ghcr.io/acme/api", "tag": "9"}, [], id="an-image-that-runs-elsewhere"),
        pytest.param(
            "healthy",
            [],
            {"repoURL": "docker.io/library/redis", "tag": "7.0", "digest": "sha256:" + "1" * 64},
            ["image docker.io/library/redis runs as 7.2, while 7.0 was promoted"],
            id="digest",
        ),
        pytest.param(
            "healthy",
            [],
            {"repoURL": "docker.io/library/redis", "tag": "other", "digest": "sha256:" + "0" * 64},
            [],
            id="the-digest-counts",
        ),
        pytest.param(
            "healthy",
            [],
            {"repoURL": "redis", "tag": "7.0"},
            ["image redis runs as 7.2, while 7.0 was promoted"],
            id="another-spelling-of-the-same-image",
        ),
        pytest.param("never-looked-at", [A], {"repoURL": "x", "tag": "1"}, [], id="nothing-known"),
    ],
)
def test_drift(shape, desired, image, said):
    """What runs and was not promoted is said, each thing once; what is not known is no drift."""
    application = slim(SHAPES[shape])
    found = drift([CHECK | {"desiredRevisions": desired}], [application], [image] if image else [])
    assert [each.removeprefix("Argo CD Application 'web' in namespace 'argocd' ") for each in found] == said


def test_a_watch_keeps_little():
    """Of a large Application only what is judged is kept, and each shape differs from the healthy one."""
    healthy = slim(SHAPES["healthy"])
    assert len(json.dumps(healthy)) < len(json.dumps(SHAPES["healthy"])) / 2
    alike = {name for name, shape in SHAPES.items() if not tells_more(healthy, slim(shape))}
    assert alike == {"healthy"}
