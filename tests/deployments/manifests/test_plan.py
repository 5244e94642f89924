"""A plan says what becomes of every definition before anything is written."""

from blocks.ledger.records import Definition
from deployments.manifests.plan import plan
from tests.deployments.manifests.report import PROJECT, WAREHOUSE, loaded


def _definition(kind, project, name, **spec):
    return Definition(kind, project, name, {"spec": spec})


OLD = [
    _definition("Stage", "demo", "same"),
    _definition("Stage", "demo", "gone"),
    _definition("Stage", "demo", "other", shard="a"),
    _definition("Stage", "elsewhere", "kept"),
    _definition("Project", "", "demo"),
    _definition("ClusterPromotionTask", "", "kept"),
]
WANTED = [
    _definition("Stage", "demo", "same"),
    _definition("Stage", "demo", "other", shard="b"),
    _definition("Stage", "demo", "new"),
]


def _actions(plan):
    return [(change.name, change.action) for change in plan.changes]


def test_plan():
    """New, changed and equal definitions are told apart; nothing is deleted unasked."""
    assert _actions(plan(WANTED, OLD, ["demo"])) == [("same", "unchanged"), ("other", "changed"), ("new", "created")]


def test_prune_stays_within_the_named_projects():
    """Other projects, Projects themselves and what belongs to no project are left alone."""
    pruned = plan(WANTED, OLD, ["demo"], prune=True)
    assert [change.name for change in pruned.with_action("deleted")] == ["gone"]
    assert pruned.changes[-1].before == OLD[1]


def test_applying_again_changes_nothing():
    """What was applied compares equal, also after Kubernetes wrote its own metadata and status into it."""
    first = loaded(PROJECT + WAREHOUSE).definitions
    again = (PROJECT + WAREHOUSE).replace("{name: demo}", "{name: demo, uid: x, resourceVersion: '5'}\nstatus: {a: b}")
    assert _actions(loaded(again, first).plan) == [("demo", "unchanged"), ("main", "unchanged")]


def test_an_empty_field_is_a_field_left_out():
    """As in Kubernetes, null means not given, except in a step's settings."""
    text = PROJECT + WAREHOUSE + "  shard:\n"
    assert "shard" not in loaded(text).definitions[1].spec


def test_definitions_hold_the_manifest():
    """Kind, project, labels and spec as written."""
    _, warehouse = loaded(PROJECT + WAREHOUSE).definitions
    assert (warehouse.kind, warehouse.project, warehouse.name) == ("Warehouse", "demo", "main")
    assert warehouse.manifest == {
        "apiVersion": "kargo.akuity.io/v1alpha1",
        "kind": "Warehouse",
        "metadata": {"name": "main", "namespace": "demo"},
        "spec": {"subscriptions": [{"image": {"repoURL": "ghcr.io/acme/app", "constraint": "^1.0.0"}}]},
    }
