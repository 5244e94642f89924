"""What installed packages offer by entry points of one group.

A package that cannot be used harms only what uses it. What was loaded stays for the life of the process, so a package
that was installed meanwhile is seen after a restart.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from threading import Thread
from typing import Any, Generic, TypeVar

from blocks.errors import DrayageError, Invalid, Unavailable
from flows.plugin.apart import Apart

IMPORT_SECONDS = 60.0
"""Within these the import of a package has to end."""

K = TypeVar("K")

Check = Callable[[str, Any, str], K]
"""Makes a kind of what an entry point names: `check(name, found, origin)`. Raises Invalid with what it lacks."""

Outcome = tuple[K | None, BaseException | None]
"""What an import brought, checked: an error is a value, because some errors end the loop that raises them."""


@dataclass
class Installed(Generic[K]):
    """The kinds some entry points offer; `noun` says for sentences kinds of what."""

    offers: Sequence[EntryPoint]
    noun: str
    check: Check[K]
    seconds: float = IMPORT_SECONDS
    _loaded: dict[str, tuple[K, Apart]] = field(default_factory=dict)
    _importing: dict[str, "Future[Outcome[K]]"] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The kinds on offer, usable or not."""
        return sorted({offer.name for offer in self.offers})

    async def load(self, name: str) -> tuple[K, Apart]:
        """Import and check a kind, one of `names`.

        Raises Invalid, or Unavailable for an import that does not end, naming the distribution and entry point.
        """
        if name not in self._loaded:
            offer = self._only(name)
            end = self._import(offer)
            await asyncio.wait([asyncio.wrap_future(end)], timeout=self.seconds)
            self._check(offer, end)
        return self._loaded[name]

    def load_blocking(self, name: str) -> K:
        """Do the same for who has no loop."""
        if name not in self._loaded:
            offer = self._only(name)
            end = self._import(offer)
            wait([end], self.seconds)
            self._check(offer, end)
        return self._loaded[name][0]

    def origin(self, offer: EntryPoint) -> str:
        """Where a kind comes from, for sentences."""
        return f"{self.noun} {offer.name!r} of {_named(offer)}"

    def _only(self, name: str) -> EntryPoint:
        offers = [each for each in self.offers if each.name == name]
        if len(offers) > 1:
            several = " and ".join(sorted(map(_named, offers)))
            raise Invalid(f"{self.noun} {name!r} is offered by {several}; uninstall all but one")
        return offers[0]

    def _import(self, offer: EntryPoint) -> Future[Outcome[K]]:
        """Import and check in a thread, because both may do anything: block for ever, end the process.

        Who asks at once shares one import; what failed is imported anew by who asks later.
        """
        known = self._importing.get(offer.name)
        if known and not (known.done() and known.result()[1]):
            return known
        end: Future[Outcome[K]] = Future()
        end.set_running_or_notify_cancel()

        def run() -> None:
            try:
                end.set_result((self.check(offer.name, offer.load(), self.origin(offer)), None))
            except BaseException as error:
                end.set_result((None, error))

        self._importing[offer.name] = end
        Thread(target=run, name="plugin-import", daemon=True).start()
        return end

    def _check(self, offer: EntryPoint, end: Future[Outcome[K]]) -> None:
        if not end.done():
            raise Unavailable(f"{self.origin(offer)} could not be imported within {self.seconds:g} s")
        found, error = end.result()
        if isinstance(error, DrayageError):
            raise error
        if found is None or error is not None:
            raise Invalid(f"{self.origin(offer)} could not be imported ({_told(error)}); repair or uninstall it")
        self._loaded.setdefault(offer.name, (found, Apart()))


def _told(error: BaseException | None) -> str:
    """Which module is missing is worth telling; the text of other errors may hold anything."""
    missing = error.name if isinstance(error, ImportError) else ""
    return f"{type(error).__name__}{f' of {missing}' if missing else ''}"


def _named(offer: EntryPoint) -> str:
    dist = offer.dist
    where = f"distribution {dist.name} {dist.version}" if dist else "an unknown distribution"
    return f"{where} (entry point {offer.name} = {offer.value})"
