"""How often hosts are asked: fairly for all who ask, no faster than they bear, and not while they want peace.

Every request takes its turn from the budget of its host and credential, for limits are per account. A host that
fails several askers in a row is down for all credentials, and asked by one request at a time until it answers.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from blocks.pacing.asker import ASKING_FOR, asking_for, note
from blocks.pacing.budget import Budget, Pace
from blocks.pacing.host import Host
from blocks.records import BudgetState, Credentials

__all__ = ["ASKING_FOR", "Budget", "Budgets", "Pace", "account", "asking_for"]

MAX_BUDGETS = 1_000
"""Budgets remembered while nobody uses them."""


def account(credentials: Credentials | None) -> str:
    """Name the account that credentials are of: two projects may each have a Secret of the same name."""
    if credentials is None:
        return ""
    return f"{credentials.owner}/{credentials.name}" if credentials.owner else credentials.name


class Budgets:
    """The budgets of one process and event loop, by host (`ghcr.io`, with a port where the URL has one) and credential.

    Ask for one each time: it may be another after a while of rest.
    """

    def __init__(self, pace: Pace | None = None, kind: str = "http") -> None:
        """Give every budget the same pace; `kind` tells them from others of the same hosts."""
        self.kind = kind
        self._pace = pace or Pace()
        self._budgets: OrderedDict[tuple[str, str], Budget] = OrderedDict()
        self._hosts: WeakValueDictionary[str, Host] = WeakValueDictionary()
        self._recalled: dict[tuple[str, str], BudgetState] = {}

    def of(self, host: str, credential: str = "") -> Budget:
        """Return the budget of a credential, by its `account`, at a host; without one, of all who show none."""
        key = (host, credential)
        note(self.kind, host, credential)
        if key in self._budgets:
            self._budgets.move_to_end(key)
            return self._budgets[key]
        return self._make(key)

    def states(self, now: datetime) -> list[BudgetState]:
        """Say where every budget stands."""
        return [budget.state(self.kind, now) for budget in self._budgets.values()]

    def recall(self, states: Iterable[BudgetState]) -> None:
        """Remember what an earlier process wrote down, so that who wanted peace has it after a restart too."""
        self._recalled = {
            (state.host, state.credential): state
            for state in states
            if state.kind == self.kind and (state.backing_off_until or state.resets_at)
        }

    def _make(self, key: tuple[str, str]) -> Budget:
        host = self._hosts.get(key[0]) or Host(key[0], self._changed)
        self._hosts[key[0]] = host
        budget = self._budgets[key] = Budget(host, key[1], self._pace)
        if key in self._recalled:
            budget.recall(self._recalled.pop(key), datetime.now(UTC))
        if len(self._budgets) > MAX_BUDGETS:
            del self._budgets[next(key for key, each in self._budgets.items() if each.idle)]  # the new one is
        return budget

    def _changed(self, host: Host) -> None:
        for budget in list(self._budgets.values()):
            if budget.host is host:
                budget.pump()
