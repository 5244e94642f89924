"""The Kubernetes API, driven by the official Python client."""

import asyncio
import json
import threading
from datetime import UTC, datetime

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.kubernetes_api import kubeconfig
from deployments.sandbox.server import Sandbox
from tests.deployments.sandbox.conftest import application

AT = {"group": "argoproj.io", "version": "v1alpha1", "plural": "applications"}
IN = {**AT, "namespace": "argocd"}


@pytest.fixture
async def sandbox(tmp_path):
    """A sandbox whose controller keeps still after its first look, so that versions are the tests' own."""
    async with Sandbox(tmp_path / "world", timing=Timing(poll=60)) as running:
        await _still(running)
        yield running


async def _still(running):
    """Stop the controller; this module is about the API alone."""
    running._work[0].cancel()
    await asyncio.gather(running._work[0], return_exceptions=True)


@pytest.fixture
async def api(sandbox):
    """The official client; its calls block, so they run in a thread."""
    with config.new_client_from_config_dict(kubeconfig(sandbox.url)) as connection:
        yield Threaded(client.CustomObjectsApi(connection))


class Threaded:
    """Runs every call of a blocking client in a thread."""

    def __init__(self, blocking):
        self.blocking = blocking

    def __getattr__(self, name):
        return lambda *args, **kwargs: asyncio.to_thread(getattr(self.blocking, name), *args, **kwargs)


async def refused(call) -> tuple[int, str]:
    with pytest.raises(ApiException) as caught:
        await call
    status = json.loads(caught.value.body)
    assert (status["kind"], status["code"]) == ("Status", caught.value.status)
    return caught.value.status, status["reason"]


async def test_discovery(sandbox):
    """Client libraries find the group and its resource."""
    with config.new_client_from_config_dict(kubeconfig(sandbox.url)) as connection:
        assert (await asyncio.to_thread(client.VersionApi(connection).get_code)).major == "1"
        groups = await asyncio.to_thread(client.ApisApi(connection).get_api_versions)
        assert [group.name for group in groups.groups] == ["argoproj.io"]
        listed = await Threaded(client.CustomObjectsApi(connection)).get_api_resources("argoproj.io", "v1alpha1")
        assert [resource.kind for resource in listed.resources] == ["Application"]


async def test_create_and_read(api):
    """A new object gets what the server gives, and is not made twice."""
    made = await api.create_namespaced_custom_object(**IN, body=application())
    assert made["metadata"].keys() >= {"uid", "resourceVersion", "creationTimestamp"}
    assert made["metadata"]["generation"] == 1
    assert await api.get_namespaced_custom_object(**IN, name="guestbook") == made
    again = api.create_namespaced_custom_object(**IN, body=application())
    assert await refused(again) == (409, "AlreadyExists")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"spec": {}}, 422, id="spec-without-project"),
        pytest.param({"spec": {"project": "a", "destination": "here"}}, 422, id="destination-not-an-object"),
        pytest.param({"operation": "sync"}, 422, id="operation-not-an-object"),
        pytest.param({"kind": "AppProject"}, 400, id="other-kind"),
        pytest.param({"metadata": {"name": "Bad_Name"}}, 422, id="bad-name"),
        pytest.param({"metadata": {"name": "a", "namespace": "other"}}, 400, id="other-namespace"),
        pytest.param({"metadata": {"name": "a", "labels": {"a": 1}}}, 400, id="label-not-a-string"),
    ],
)
async def test_invalid_objects_are_refused(api, change, status):
    """What the real server refuses is refused here."""
    assert (await refused(api.create_namespaced_custom_object(**IN, body=application() | change)))[0] == status


async def test_merge_patch(api):
    """Null deletes, objects merge; only changes outside metadata count as a new generation."""
    made = await api.create_namespaced_custom_object(**IN, body=application(labels={"a": "1", "b": "2"}))
    change = {"metadata": {"labels": {"a": None, "c": "3"}, "uid": "mine"}}
    labelled = await api.patch_namespaced_custom_object(**IN, name="guestbook", body=change)
    assert labelled["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert (labelled["metadata"]["generation"], labelled["metadata"]["uid"]) == (1, made["metadata"]["uid"])
    change = {"operation": {"sync": {}}, "spec": {"source": {"targetRevision": "v2"}}}
    changed = await api.patch_namespaced_custom_object(**IN, name="guestbook", body=change)
    assert (changed["spec"]["source"]["path"], changed["metadata"]["generation"]) == ("env/test", 2)
    same = await api.patch_namespaced_custom_object(**IN, name="guestbook", body=change)
    assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"project": "x"}}
    assert await refused(api.patch_namespaced_custom_object(**IN, name="guestbook", body=stale)) == (409, "Conflict")


async def test_json_patch(api, http):
    """A list of operations applies as a whole or not at all; other kinds of patches are refused."""
    await api.create_namespaced_custom_object(**IN, body=application())
    kind = {"_content_type": "application/json-patch+json"}
    change = [{"op": "replace", "path": "/spec/project", "value": "other"}]
    assert (await api.patch_namespaced_custom_object(**IN, name="guestbook", body=change, **kind))["spec"][
        "project"
    ] == "other"
    failing = [{"op": "remove", "path": "/spec/source"}, {"op": "test", "path": "/spec/project", "value": "no"}]
    refusal = api.patch_namespaced_custom_object(**IN, name="guestbook", body=failing, **kind)
    assert await refused(refusal) == (422, "Invalid")
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/guestbook"
    strategic = await http.patch(path, json={}, headers={"content-type": "application/strategic-merge-patch+json"})
    assert strategic.status_code == 415


async def test_replace(api):
    """PUT needs the current version: a stale one is a conflict, none is invalid."""
    made = await api.create_namespaced_custom_object(**IN, body=application())
    new = await api.replace_namespaced_custom_object(**IN, name="guestbook", body=made | {"status": {"health": {}}})
    assert (new["status"], new["metadata"]["generation"]) == ({"health": {}}, 2)
    assert await refused(api.replace_namespaced_custom_object(**IN, name="guestbook", body=made)) == (409, "Conflict")
    bare = application()
    assert await refused(api.replace_namespaced_custom_object(**IN, name="guestbook", body=bare)) == (422, "Invalid")


async def test_delete(api):
    """A deleted object is gone; finalizers hold it until the last one is taken off."""
    await api.create_namespaced_custom_object(**IN, body=application())
    assert (await api.delete_namespaced_custom_object(**IN, name="guestbook"))["status"] == "Success"
    assert await refused(api.get_namespaced_custom_object(**IN, name="guestbook")) == (404, "NotFound")
    assert await refused(api.delete_namespaced_custom_object(**IN, name="guestbook")) == (404, "NotFound")
    await api.create_namespaced_custom_object(**IN, body=application(finalizers=["held"]))
    assert "deletionTimestamp" in (await api.delete_namespaced_custom_object(**IN, name="guestbook"))["metadata"]
    await api.patch_namespaced_custom_object(**IN, name="guestbook", body={"metadata": {"finalizers": None}})
    assert await refused(api.get_namespaced_custom_object(**IN, name="guestbook")) == (404, "NotFound")


@pytest.fixture
async def three(api):
    """Three Applications in two namespaces."""
    labels = {"a": {"env": "test", "team": "x"}, "b": {"env": "prod"}, "c": {"env": "uat", "team": "y"}}
    for name, found in labels.items():
        await api.create_namespaced_custom_object(**IN, body=application(name, labels=found))
    other = application("d")
    other["metadata"]["namespace"] = "other"
    await api.create_namespaced_custom_object(**AT, namespace="other", body=other)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        pytest.param("", ["a", "b", "c", "d"], id="all"),
        pytest.param("env=test", ["a"], id="equal"),
        pytest.param("env==test,team=x", ["a"], id="both"),
        pytest.param("env!=test", ["b", "c", "d"], id="not-equal-or-absent"),
        pytest.param("env in (test, prod)", ["a", "b"], id="in"),
        pytest.param("env notin (test,prod)", ["c", "d"], id="notin-or-absent"),
        pytest.param("team", ["a", "c"], id="exists"),
        pytest.param("!team", ["b", "d"], id="absent"),
        pytest.param("env in (test,uat),!other,team=y", ["c"], id="mixed"),
    ],
)
async def test_label_selectors(api, three, selector, names):
    """Lists over the whole cluster hold what the selector means."""
    listed = await api.list_cluster_custom_object(**AT, label_selector=selector)
    assert [item["metadata"]["name"] for item in listed["items"]] == names


async def test_bad_selector_is_refused(api):
    """A selector that cannot be read is a 400, not an empty list."""
    assert await refused(api.list_cluster_custom_object(**AT, label_selector="a=b=c")) == (400, "BadRequest")


async def test_namespaced_list_and_field_selector(api, three):
    """A namespaced list leaves out the others, a field selector all but one."""
    assert len((await api.list_namespaced_custom_object(**IN))["items"]) == 3
    one = await api.list_namespaced_custom_object(**IN, field_selector="metadata.name=b")
    assert [item["metadata"]["name"] for item in one["items"]] == ["b"]


async def test_pages(api, three):
    """`limit` and `continue` walk over everything once."""
    first = await api.list_cluster_custom_object(**AT, limit=3)
    assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (3, 1)
    rest = await api.list_cluster_custom_object(**AT, limit=3, _continue=first["metadata"]["continue"])
    assert [item["metadata"]["name"] for item in rest["items"]] == ["d"]
    assert "continue" not in rest["metadata"]


async def test_watch_from_a_version(api, three):
    """A watch tells what happened since a list, in order, in terms of its selector."""
    listed = await api.list_namespaced_custom_object(**IN)
    await api.patch_namespaced_custom_object(**IN, name="a", body={"metadata": {"labels": {"team": "z"}}})
    await api.patch_namespaced_custom_object(**IN, name="b", body={"metadata": {"labels": {"team": "x"}}})
    await api.delete_namespaced_custom_object(**IN, name="c")
    since = listed["metadata"]["resourceVersion"]
    everything = await events(api, resource_version=since)
    assert everything == [("MODIFIED", "a"), ("MODIFIED", "b"), ("DELETED", "c")]
    chosen = await events(api, resource_version=since, label_selector="team=x")
    assert chosen == [("DELETED", "a"), ("ADDED", "b")]
    assert await events(api) == [("ADDED", "a"), ("ADDED", "b")]


async def events(api, **options):
    """Collect a watch's events until its timeout."""

    def collect():
        stream = watch.Watch().stream(
            api.blocking.list_namespaced_custom_object, **IN, timeout_seconds=1, _request_timeout=10, **options
        )
        seen = []
        for event in stream:
            seen.append((event["type"], event["object"]["metadata"]["name"]))
            if len(seen) == 20:
                break
        return seen

    return await asyncio.to_thread(collect)


async def test_watch_hears_at_once(sandbox, api):
    """An event arrives while the watch is open, not at its end."""
    heard = asyncio.Event()
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def follow():
        stream = watch.Watch()
        for event in stream.stream(api.blocking.list_namespaced_custom_object, **IN, timeout_seconds=20):
            if event["object"]["metadata"]["name"] == "later":
                loop.call_soon_threadsafe(heard.set)
                stream.stop()
        stop.set()

    following = asyncio.create_task(asyncio.to_thread(follow))
    await asyncio.sleep(0.2)
    await api.create_namespaced_custom_object(**IN, body=application("later"))
    async with asyncio.timeout(3):
        await heard.wait()
        await following
    assert stop.is_set()


@pytest.mark.parametrize("since", [pytest.param("1", id="too-old"), pytest.param("999999", id="from-the-future")])
async def test_watch_of_a_forgotten_version_is_410(sandbox, api, since):
    """Who asks for changes that are no longer known lists again."""
    for number in range(1002):
        sandbox.world.applications.create("argocd", application(f"app-{number}"), datetime.now(UTC))
    with pytest.raises(ApiException) as caught:
        await events(api, resource_version=since)
    assert caught.value.status == 410


async def test_token(tmp_path):
    """With a token, nothing is told without it."""
    async with Sandbox(tmp_path / "world", token="s3cret") as sandbox:
        for token, expected in ((None, (403, "Forbidden")), ("wrong", (401, "Unauthorized")), ("s3cret", None)):
            with config.new_client_from_config_dict(kubeconfig(sandbox.url, token)) as connection:
                call = Threaded(client.CustomObjectsApi(connection)).list_namespaced_custom_object(**IN)
                if expected:
                    assert await refused(call) == expected
                else:
                    assert (await call)["items"] == []


async def test_unknown_paths_are_status_objects(http):
    """What this server does not offer is a Kubernetes 404."""
    answer = await http.get("/apis/apps/v1/deployments")
    assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")
