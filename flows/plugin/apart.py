"""Running what others wrote in threads of its own, so that a call which blocks or never ends holds up nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from ctypes import c_ulong, py_object, pythonapi
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

GRACE = 5.0
"""Seconds a call that was told to end has to do so, before it is interrupted wherever it is."""

AT_ONCE = 8
"""Calls of one kind at the same time; a ninth waits for its turn."""

Ask = Callable[..., Awaitable[Any]]


class StillBusy(Exception):
    """The call did not end in time."""


class Interrupted(BaseException):
    """Raised in the middle of a call that went on after it was told to end."""


class Raised(Exception):
    """The call raised `error`, whatever that is: also what would end a process."""

    def __init__(self, error: BaseException) -> None:
        """Keep the error."""
        super().__init__(type(error).__name__)
        self.error = error


class Apart:
    """The threads of one kind. A thread that did not end when told to keeps further calls from being made."""

    def __init__(self) -> None:
        """Start with no threads."""
        self._abandoned: list[Thread] = []
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def run(self, make: Callable[[], Coroutine[Any, Any, Any]], seconds: float) -> Any:
        """Run a coroutine in a loop and a thread of its own. Raises StillBusy after `seconds`, and Raised."""
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
            self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
            if self._abandoned:
                raise StillBusy("has not ended yet what it began before")
            call = _Call(make)
            try:
                async with asyncio.timeout(seconds):
                    return await call.outcome()
            except TimeoutError:
                raise StillBusy(f"did not answer within {seconds:g} s") from None
            finally:
                if call.abandon():
                    self._abandoned.append(call.thread)
                    asyncio.get_running_loop().call_later(GRACE, interrupt, call.thread)


def bridged(ask: Ask, loop: asyncio.AbstractEventLoop) -> Ask:
    """Make a call that runs in `loop` one that the loop of another thread may await."""

    async def asked(*arguments: Any, **options: Any) -> Any:
        async def run() -> Any:
            return await ask(*arguments, **options)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), loop))

    return asked


def interrupt(thread: Thread) -> None:
    """Raise Interrupted in a thread that still runs, at its next step in Python; one that waits outside it goes on."""
    if thread.ident is not None and thread.is_alive():
        pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread.ident), py_object(Interrupted))


class _Call:
    """One coroutine in one thread. The thread keeps no process from ending."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._make = make
        self._end: Future[tuple[Any, BaseException | None]] = Future()
        self._end.set_running_or_notify_cancel()
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        # With the caller's context, by which budgets know for whom is asked.
        self.thread = Thread(target=copy_context().run, args=(self._run,), name="plugin", daemon=True)
        self.thread.start()

    async def outcome(self) -> Any:
        """Wait for the end: the error is handed over as a value, because some errors end the loop that raises them."""
        value, error = await asyncio.wrap_future(self._end)
        if error is not None:
            raise Raised(error)
        return value

    def abandon(self) -> bool:
        """Tell the call to end, unless it has. Returns whether it has not."""
        if self._end.done():
            return False
        if self._task:
            loop, task = self._task
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # it ends right now
                return False
        return True

    def _run(self) -> None:
        try:
            self._end.set_result((asyncio.run(self._remembered()), None))
        except BaseException as error:
            self._end.set_result((None, error))

    async def _remembered(self) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._task = (asyncio.get_running_loop(), task)
        return await self._make()
