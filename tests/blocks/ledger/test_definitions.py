"""Manifests as applied: generations, history, deletion."""

from blocks.ledger.records import Definition
from tests.blocks.ledger.samples import at


def stage(name, spec, project="p", **metadata):
    return Definition("Stage", project, name, {"kind": "Stage", "metadata": metadata, "spec": spec})


async def apply(ledger, upserts=(), deletes=(), minutes=0):
    return await ledger.definitions.apply(list(upserts), list(deletes), "ann", at(minutes))


async def test_only_a_changed_spec_is_a_new_generation(ledger):
    """Labels change the manifest and its history, not its generation; the same again changes nothing."""
    await apply(ledger, [stage("test", {"a": 1})], minutes=0)
    assert await apply(ledger, [stage("test", {"a": 1})], minutes=1) == []
    await apply(ledger, [stage("test", {"a": 1}, labels={"x": "y"})], minutes=2)
    assert (await ledger.definitions.get("Stage", "p", "test")).generation == 1

    await apply(ledger, [stage("test", {"a": 2}, labels={"x": "y"})], minutes=3)

    stored = await ledger.definitions.get("Stage", "p", "test")
    assert (stored.generation, stored.created_at, stored.updated_at) == (2, at(0), at(3))
    assert (stored.spec, stored.labels) == ({"a": 2}, {"x": "y"})
    history = await ledger.definitions.history("Stage", "p", "test", 10)
    assert [(c.generation, c.at, c.deleted) for c in history] == [
        (2, at(3), False),
        (1, at(2), False),
        (1, at(0), False),
    ]
    assert len(await ledger.definitions.history("Stage", "p", "test", 1)) == 1


async def test_a_deleted_one_comes_back_as_a_later_generation(ledger):
    """History stays; nobody takes the new one for the old one."""
    await apply(ledger, [stage("test", {})])
    changes = await apply(ledger, deletes=[("Stage", "p", "test"), ("Stage", "p", "never")])
    assert [(c.name, c.deleted) for c in changes] == [("test", True)]
    assert await ledger.definitions.get("Stage", "p", "test") is None

    await apply(ledger, [stage("test", {})])

    assert (await ledger.definitions.get("Stage", "p", "test")).generation == 2
    assert [e.type for e in await ledger.audit.list("p")] == ["StageCreated", "StageDeleted", "StageCreated"]


async def test_lists_by_kind_and_project(ledger):
    """In order of project and name, with a limit."""
    await apply(ledger, [stage("b", {}), stage("a", {}), stage("z", {}, project="a")])
    await apply(ledger, [Definition("Project", "", "p", {"kind": "Project"})])

    assert [(d.project, d.name) for d in await ledger.definitions.list("Stage")] == [("a", "z"), ("p", "a"), ("p", "b")]
    assert [d.name for d in await ledger.definitions.list("Stage", "p", limit=1)] == ["a"]
    assert [d.name for d in await ledger.definitions.list("Project")] == ["p"]
