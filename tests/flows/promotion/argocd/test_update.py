"""What Kargo's cases leave open: attaching to what an earlier attempt began, and the patch itself."""

import pytest

from flows.promotion.argocd.authorization import authorized
from flows.promotion.argocd.update import Promoting, UpdateConfig, decide_update

WHO = Promoting("shop", "prod", "p1")
OURS = {"sync": {}, "info": [{"name": "kargo.akuity.io/promotion", "value": "p1"}]}
FOREIGN = {"sync": {}, "info": [{"name": "kargo.akuity.io/promotion", "value": "p0"}]}


def application(**fields):
    annotations = {"kargo.akuity.io/authorized-stage": "shop:prod"}
    metadata = {"namespace": "argocd", "name": "web", "annotations": annotations, "resourceVersion": "7"}
    return {"metadata": metadata, "spec": {"source": {"repoURL": "https://git/deploy"}}} | fields


def decide(found, **app):
    return decide_update(UpdateConfig.model_validate({"apps": [{"name": "web"} | app]}), [found], WHO)


@pytest.mark.parametrize(
    ("annotation", "allowed"),
    [
        pytest.param(" shop : prod , , other:test ,", True, id="blanks-and-empty-entries"),
        pytest.param("shop:prod,nonsense", False, id="nonsense-spoils-the-list"),
        pytest.param("shop:prod:eu", False, id="the-rest-is-the-stage"),
        pytest.param(",", False, id="nothing-named"),
    ],
)
def test_authorized(annotation, allowed):
    """Spelling is forgiven, patterns and nonsense are not."""
    assert authorized(annotation, "shop", "prod") is allowed


@pytest.mark.parametrize(
    ("state", "operation", "started"),
    [
        pytest.param(None, OURS, 0, id="ours-is-asked-for"),
        pytest.param({"phase": "Succeeded", "operation": FOREIGN, "syncResult": {}}, OURS, 0, id="ours-comes-next"),
        pytest.param({"phase": "Succeeded", "operation": OURS}, None, 1, id="ours-ended-without-result"),
        pytest.param(None, FOREIGN, 1, id="another-one-is-asked-for"),
    ],
)
def test_an_operation_that_was_asked_for(state, operation, started):
    """Between the patch and Argo CD taking it up, another attempt must not patch again."""
    found = application(status={"operationState": state} if state else {})
    decision = decide(found | ({"operation": operation} if operation else {}))
    assert len(decision.syncs) == started
    assert decision.waiting_for


def test_the_patch():
    """One merge patch, tied to the version judged, leaves exactly our operation and clears the old outcome."""
    old = {"retry": {"limit": 5}, "sync": {"revision": "x", "syncOptions": ["A=b"]}, "initiatedBy": {"username": "ana"}}
    policy = {"retry": {"limit": 2}, "syncOptions": ["Prune=true"]}
    source = {"repoURL": "https://git/deploy"}
    found = application(operation=old, status={"operationState": {"phase": "Succeeded"}})
    found["spec"]["syncPolicy"] = policy
    [sync] = decide(found).syncs
    assert sync.patch == {
        "metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}, "resourceVersion": "7"},
        "spec": {"source": source},
        "operation": {
            "initiatedBy": {"username": "kargo-controller", "automated": True},
            "info": [
                {"name": "Reason", "value": "A promotion asked for this sync."},
                {"name": "kargo.akuity.io/promotion", "value": "p1"},
            ],
            "sync": {"revision": None, "syncOptions": ["Prune=true"]},
            "retry": {"limit": 2},
        },
        "status": {"operationState": None},
    }


def test_a_new_application_has_no_status_to_clear():
    """An Application Argo CD has not seen yet gets no status from us."""
    [sync] = decide(application()).syncs
    assert "status" not in sync.patch


def test_helm_parameters_keep_their_order():
    """Known parameters change in place and stay texts where they must be, new ones come last, others stay."""
    found = application()
    old = [{"name": "a", "value": "1"}, {"name": "b", "value": "2", "forceString": True}]
    found["spec"]["source"]["helm"] = {"parameters": old}
    images = [{"key": "c", "value": "3"}, {"key": "b", "value": "9"}]
    [sync] = decide(found, sources=[{"repoURL": "https://git/deploy", "helm": {"images": images}}]).syncs
    assert sync.patch["spec"]["source"]["helm"]["parameters"] == [
        {"name": "a", "value": "1"},
        {"name": "b", "value": "9", "forceString": True},
        {"name": "c", "value": "3"},
    ]


def test_the_application_is_not_changed():
    """Deciding leaves what was read as it was."""
    found = application()
    decide(found, sources=[{"repoURL": "https://git/deploy", "kustomize": {"images": [{"repoURL": "a", "tag": "1"}]}}])
    assert found == application()


@pytest.mark.parametrize(
    ("image", "written"),
    [
        pytest.param({"tag": "1"}, "nginx:1", id="tag"),
        pytest.param({"digest": "sha256:a"}, "nginx@sha256:a", id="digest"),
        pytest.param({"tag": "1", "newName": "mirror/nginx"}, "nginx=mirror/nginx:1", id="new-name"),
        pytest.param({"newName": "mirror/nginx"}, "nginx=mirror/nginx", id="only-a-new-name"),
    ],
)
def test_kustomize_images(image, written):
    """An image override is written as Argo CD reads it."""
    kustomize = {"images": [{"repoURL": "nginx"} | image]}
    [sync] = decide(application(), sources=[{"repoURL": "https://git/deploy", "kustomize": kustomize}]).syncs
    assert sync.patch["spec"]["source"]["kustomize"]["images"] == [written]


ELSEWHERE = [{"repoURL": "https://git/other", "desiredRevision": "abc"}]
RUNNING = {"phase": "Running", "operation": FOREIGN}


@pytest.mark.parametrize(
    ("state", "waits", "said"),
    [
        pytest.param(None, False, "has no source", id="to-be-started"),
        pytest.param(RUNNING, True, "", id="another-one-runs"),
        pytest.param({"phase": "Running", "operation": OURS}, True, "", id="ours-runs"),
        pytest.param({"phase": "Succeeded", "operation": OURS, "syncResult": {}}, False, "", id="ours-is-done"),
    ],
)
def test_sources_matter_to_one_application_when_it_is_synced(state, waits, said):
    """Sources that fit none stop the sync of a single Application (Kargo), not the wait for an operation."""
    decision = decide(application(status={"operationState": state} if state else {}), sources=ELSEWHERE)
    assert bool(decision.waiting_for) is waits
    assert said in str(decision.error or "")
    assert bool(decision.error) is bool(said)
    assert decision.syncs == []


def test_sources_must_fit_all_of_several():
    """With several, one that does not fit is found before any is touched, even while it would only be waited for."""
    fits = application()
    other = application(status={"operationState": RUNNING}) | {"spec": {"source": {"repoURL": "https://git/other"}}}
    other["metadata"] = fits["metadata"] | {"name": "api"}
    apps = [{"selector": {"matchExpressions": [{"key": "no", "operator": "DoesNotExist"}]}, "sources": ELSEWHERE}]
    decision = decide_update(UpdateConfig.model_validate({"apps": apps}), [other, fits], WHO)
    assert "'web'" in str(decision.error)
    assert (decision.syncs, decision.health_checks) == ([], [])


@pytest.mark.parametrize(
    ("state", "said"),
    [
        pytest.param({"phase": "Error", "syncResult": {"revision": ""}}, "was not synced to 'abc': no such", id="none"),
        pytest.param({"phase": "Succeeded", "syncResult": {"revision": "x"}}, "to 'x', not to 'abc'", id="another"),
        pytest.param({"phase": "Error"}, "without a sync result: no such", id="no-result"),
    ],
)
def test_why_it_is_synced_again(state, said):
    """A sync of ours that is repeated says why, in Argo CD's words where it failed."""
    found = application(status={"operationState": state | {"operation": OURS, "message": "no such"}})
    sources = [{"repoURL": "https://git/deploy", "desiredRevision": "abc"}]
    decision = decide(found, sources=sources)
    assert (len(decision.syncs), decision.again) == (1, True)
    assert said in decision.waiting_for[0]
