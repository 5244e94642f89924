"""Measuring with Kayenta: it compares a canary with a baseline and gives a score, which is judged here."""

from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import Field, model_validator

from blocks.errors import DrayageError, Invalid, NotFound, Retryable, Unavailable
from blocks.metrics.address import without_login
from blocks.metrics.service import SHOWN, Service, words
from flows.model import Model
from flows.verification.measuring import Context, Measured, Underway, Verdict
from flows.verification.placeholder import Count

AGAIN = 15.0
"""Seconds between questions whether an analysis is done."""

LONGEST = timedelta(hours=6)
"""Time an analysis may take; one that is lost would be asked for without end."""

MOST_FAILURES = 4
"""Questions in a row that may fail while an analysis goes on."""

TIMEOUT = 15.0


class ScopeDetail(Model):
    """What is looked at."""

    scope: str = Field(min_length=1, description="Selects what is looked at, in the metric store's words.")
    region: str = Field(default="", description="Location.")
    step: Count = Field(description="Seconds between points.")
    start: str = Field(default="", description="When it starts, in RFC 3339.")
    end: str = Field(default="", description="When it ends, in RFC 3339.")


class Scope(Model):
    """A baseline and a canary."""

    name: str = Field(min_length=1, description="Name of the scope in the canary config.")
    control_scope: ScopeDetail = Field(description="The baseline.")
    experiment_scope: ScopeDetail = Field(description="The canary.")

    @model_validator(mode="after")
    def _both(self) -> Self:
        for field in ("start", "end"):
            if bool(getattr(self.control_scope, field)) != bool(getattr(self.experiment_scope, field)):
                raise ValueError(f"'{field}' must be given in both of controlScope and experimentScope, or in neither")
        return self


class Threshold(Model):
    """What a score means."""

    # `pass` is a word of Python, so the name is another and the alias is given.
    least: Count = Field(alias="pass", description="Scores from here on are Successful.")
    marginal: Count = Field(description="Scores from here on are Inconclusive, lower ones Failed.")


class Kayenta(Model):
    """One canary analysis."""

    address: str = Field(min_length=1, description="URL of Kayenta.")
    application: str = Field(min_length=1, description="Application of the canary config.")
    canary_config_name: str = Field(min_length=1, description="Name of the canary config.")
    metrics_account_name: str = Field(min_length=1, description="Account of the metric store.")
    configuration_account_name: str = Field(min_length=1, description="Account of the configuration store.")
    storage_account_name: str = Field(min_length=1, description="Account of the result store.")
    threshold: Threshold = Field(description="What a score means.")
    scopes: list[Scope] = Field(min_length=1, description="What is compared.")
    lookback: bool = Field(default=False, description="Look at all since the verification started.")


async def measure(settings: Kayenta, context: Context) -> Measured | Underway:
    """Start an analysis, or ask for its score. Raises NotFound without the canary config, and as `service.ask`."""
    address, headers = without_login(settings.address, "a Kayenta metric")
    account = context.account(settings.address)
    check = "check the login in the address of the metric"
    asking = _Asking(Service(context.web, f"Kayenta at {address}", check, account, TIMEOUT), address, headers, settings)
    if known := context.metadata.get("canaryExecutionId"):
        return await _go_on(asking, known, context)
    execution = await asking.start(_scopes(settings, context))
    return Underway(AGAIN, {"canaryExecutionId": execution, "since": context.now.isoformat()})


async def _go_on(asking: "_Asking", execution: str, context: Context) -> Measured | Underway:
    since = datetime.fromisoformat(context.metadata.get("since", context.now.isoformat()))
    kept = {"canaryExecutionId": execution, "since": since.isoformat()}
    if context.now - since > LONGEST:
        raise Unavailable(f"Kayenta's analysis {execution} is not done after {LONGEST}: look at it in Kayenta")
    try:
        document = await asking.execution(execution)
        if document.get("complete") is not True:
            return Underway(AGAIN, kept, _status(document))
        return _judged(asking, document, execution)
    except Retryable as error:
        failures = int(context.metadata.get("failures", "0")) + 1
        if failures > MOST_FAILURES:
            raise
        return Underway(max(AGAIN, error.retry_after or 0.0), kept | {"failures": str(failures)}, str(error))


def _judged(asking: "_Asking", document: dict[str, Any], execution: str) -> Measured:
    try:
        score = int(document["result"]["judgeResult"]["score"]["score"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _unscored(asking.service, document, execution) from None
    verdict, sentence = judge(score, int(asking.settings.threshold.least), int(asking.settings.threshold.marginal))
    return Measured(score, {"canaryExecutionId": execution}, verdict, sentence)


def _unscored(service: Service, document: dict[str, Any], execution: str) -> DrayageError:
    why = words(document.get("exception"))[:SHOWN] or _status(document) or "without a reason"
    return NotFound(f"{service.called} gave analysis {execution} no score: {why}")


def judge(score: int, least: int, marginal: int) -> tuple[Verdict, str]:
    """Judge a score by its threshold (Argo Rollouts)."""
    if score >= least:
        return "Successful", f"The score is {score}, at least {least}."
    if score >= marginal:
        return "Inconclusive", f"The score is {score}, less than {least} and at least {marginal}."
    return "Failed", f"The score is {score}, less than {marginal}."


def _status(document: dict[str, Any]) -> str:
    return str(document.get("status", ""))[:SHOWN]


def _scopes(settings: Kayenta, context: Context) -> dict[str, Any]:
    """Write the scopes as Kayenta takes them; what has no time is looked at since the start, or for one interval."""
    times_said = all(side.start for each in settings.scopes for side in (each.control_scope, each.experiment_scope))
    if not (settings.lookback or context.interval or times_said):
        raise Invalid("a Kayenta metric needs an 'interval', 'lookback: true' or 'start' in all scopes: nothing to see")
    start = context.started_at if settings.lookback else context.now - context.interval
    times = {"start": (start or context.now).isoformat(), "end": context.now.isoformat()}
    return {
        each.name: {
            "controlScope": _detail(each.control_scope, times),
            "experimentScope": _detail(each.experiment_scope, times),
        }
        for each in settings.scopes
    }


def _detail(detail: ScopeDetail, times: dict[str, str]) -> dict[str, Any]:
    return {
        "scope": detail.scope,
        "location": detail.region,
        "step": int(detail.step),
        "start": detail.start or times["start"],
        "end": detail.end or times["end"],
    }


class _Asking:
    """The requests to one Kayenta."""

    def __init__(self, service: Service, address: str, headers: dict[str, str], settings: Kayenta) -> None:
        self.service = service
        self.settings = settings
        self._address = address
        self._headers = headers

    async def start(self, scopes: dict[str, Any]) -> str:
        """Start an analysis and return its id."""
        accounts = {
            "metricsAccountName": self.settings.metrics_account_name,
            "configurationAccountName": self.settings.configuration_account_name,
            "storageAccountName": self.settings.storage_account_name,
        }
        thresholds = {"pass": int(self.settings.threshold.least), "marginal": int(self.settings.threshold.marginal)}
        answer = await self.service.ask(
            "POST",
            f"{self._address}/canary/{await self._config()}",
            params={"application": self.settings.application} | accounts,
            json={"scopes": scopes, "thresholds": thresholds},
            headers=self._headers,
            once=True,
        )
        execution = self.service.object(answer).get("canaryExecutionId")
        if not isinstance(execution, str) or not execution:
            raise self.service.odd("without a canaryExecutionId")
        return execution

    async def execution(self, execution: str) -> dict[str, Any]:
        """Read how an analysis stands."""
        answer = await self.service.ask("GET", f"{self._address}/canary/{execution}", headers=self._headers)
        return self.service.object(answer)

    async def _config(self) -> str:
        """Find the id of the canary config by its name."""
        wanted = {
            "application": self.settings.application,
            "configurationAccountName": self.settings.configuration_account_name,
        }
        answer = await self.service.ask("GET", f"{self._address}/canaryConfig", params=wanted, headers=self._headers)
        known = self.service.json(answer)
        if not isinstance(known, list) or not all(isinstance(each, dict) for each in known):
            raise self.service.odd("no list of canary configs")
        name = self.settings.canary_config_name
        found = next((str(each["id"]) for each in known if each.get("name") == name and each.get("id")), None)
        if found is None:
            raise NotFound(f"{self.service.called} has no canary config {name!r} for {self.settings.application!r}")
        return found
