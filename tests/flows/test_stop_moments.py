"""A stop may come at any moment: it cancels a flow's own work, never Prefect's engine around it, which would crash."""

import asyncio

import pytest

from blocks.errors import Refused
from flows.stop import STOP, Stop, stoppable


@pytest.fixture
def stop():
    """As the worker gives it to each run."""
    token = STOP.set(given := Stop())
    yield given
    STOP.reset(token)


def strike(stop: Stop) -> None:
    """Ask this task to leave, as the worker does."""
    stop.reason = "cancel"
    task = asyncio.current_task()
    assert task
    stop.strike(task)


async def engine_goes_on() -> None:
    """What is left of a cancellation would strike here."""
    await asyncio.sleep(0)


async def test_before_the_flow_began(stop):
    """Nothing strikes the engine, and the flow does nothing."""
    done = []

    @stoppable
    async def work():
        done.append("something")

    strike(stop)
    await engine_goes_on()
    with pytest.raises(asyncio.CancelledError):
        await work()
    assert not done


async def test_in_its_midst(stop):
    """The work is cancelled."""

    @stoppable
    async def work():
        strike(stop)
        await asyncio.sleep(0)
        pytest.fail("went on")

    with pytest.raises(asyncio.CancelledError):
        await work()


async def test_as_it_ends(stop):
    """How it ended counts."""

    @stoppable
    async def work():
        strike(stop)
        return "promoted"

    assert await work() == "promoted"
    await engine_goes_on()


async def test_as_it_fails(stop):
    """Why it failed counts."""

    @stoppable
    async def work():
        strike(stop)
        raise Refused("not today")

    with pytest.raises(RuntimeError):  # there is no run to write a log of
        await work()
    await engine_goes_on()


async def test_as_a_flow_in_it_ends(stop):
    """The outer flow's work is not over, so it is cancelled."""

    @stoppable
    async def inner():
        strike(stop)
        return "ran"

    @stoppable
    async def outer():
        await inner()
        await asyncio.sleep(0)
        pytest.fail("went on")

    with pytest.raises(asyncio.CancelledError):
        await outer()


async def test_after_it_ended(stop):
    """Nothing strikes the engine."""

    @stoppable
    async def work():
        return "promoted"

    assert await work() == "promoted"
    strike(stop)
    await engine_goes_on()
