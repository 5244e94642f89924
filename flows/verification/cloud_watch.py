"""Measuring with Amazon CloudWatch."""

from typing import Any, Self

from pydantic import Field, model_validator

from flows.duration import parse_duration
from flows.model import Model
from flows.verification.authentication import check_ambient
from flows.verification.datadog import SecretReference
from flows.verification.login import login
from flows.verification.measuring import Context, Measured
from flows.verification.placeholder import Count, Interval

KEYS = {
    "accessKeyID": "AWS_ACCESS_KEY_ID",
    "secretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "sessionToken": "AWS_SESSION_TOKEN",
}
"""The keys of a Secret, and their other names, which Amazon's own programs use."""


class Dimension(Model):
    """One dimension of a metric."""

    name: str = Field(min_length=1, description="Name of the dimension.")
    value: str = Field(min_length=1, description="Its value.")


class StatisticMetric(Model):
    """Which metric."""

    namespace: str = Field(default="", description="Its namespace, such as AWS/ApplicationELB.")
    metric_name: str = Field(min_length=1, description="Its name.")
    dimensions: list[Dimension] = Field(default_factory=list, description="Its dimensions; all of them must be named.")


class MetricStat(Model):
    """A statistic of one metric."""

    metric: StatisticMetric = Field(description="Which metric.")
    period: Count = Field(description="Seconds that become one number.")
    stat: str = Field(min_length=1, description="Statistic, such as Sum, Average or p99.")
    unit: str = Field(default="", description="Only numbers of this unit.")


class MetricDataQuery(Model):
    """One query: a statistic of a metric, or an expression over other queries."""

    id: str = Field(min_length=1, description="Name for expressions and results; begins with a small letter.")
    expression: str = Field(default="", description="Metric math over ids, SEARCH, or a SQL query.")
    label: str = Field(default="", description="What people read.")
    metric_stat: MetricStat | None = Field(default=None, description="A statistic of one metric.")
    period: Count | None = Field(default=None, description="Seconds that become one number, for an expression.")
    return_data: bool | None = Field(default=None, description="Whether it is among the results; true when unset.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.expression) == (self.metric_stat is not None):
            raise ValueError("exactly one of 'expression' and 'metricStat' is needed")
        return self


class CloudWatch(Model):
    """Queries that are answered together."""

    interval: Interval = Field(default="5m", description="Length of the time window that ends now.")
    metric_data_queries: list[MetricDataQuery] = Field(
        min_length=1, max_length=500, description="The queries, as GetMetricData takes them."
    )
    region: str = Field(default="", description="Amazon region; else AWS_REGION of the Secret, or of the worker.")
    role_arn: str = Field(default="", description="Role to assume.")
    secret_ref: SecretReference = Field(
        default_factory=SecretReference,
        description="Secret with accessKeyID and secretAccessKey; else what the worker is for AWS.",
    )

    @model_validator(mode="after")
    def _some_result(self) -> Self:
        ids = [each.id for each in self.metric_data_queries]
        if len(set(ids)) < len(ids):
            raise ValueError("two of 'metricDataQueries' have the same 'id'")
        if all(each.return_data is False for each in self.metric_data_queries):
            raise ValueError("none of 'metricDataQueries' returns data, so that there is no result")
        return self


async def measure(settings: CloudWatch, context: Context) -> Measured:
    """Return the results as CloudWatch's API names them: `Id`, `Label`, `Values`, newest first, `Timestamps` …

    Raises what `blocks.metrics.cloud_watch` raises.
    """
    from blocks.metrics import cloud_watch

    site = await _site(settings, context)
    queries = [_query(each) for each in settings.metric_data_queries]
    start = context.now - parse_duration(settings.interval)
    results, messages = await cloud_watch.get_metric_data(site, queries, start, context.now, context.budgets)
    said = "; ".join(f"{each.get('Code', '')}: {each.get('Value', '')}" for each in messages)
    values = [each["Values"] for each in results]
    shown = values[0] if len(values) == 1 else values
    return Measured(results, {"messages": said} if said else {}, shown=shown)


async def _site(settings: CloudWatch, context: Context) -> Any:
    from blocks.metrics.cloud_watch import Site

    reference = settings.secret_ref
    if not reference.name:
        check_ambient(context)
        return Site(settings.region, role_arn=settings.role_arn)
    known = await login(context, reference.name, own=reference.namespaced)
    keys = tuple((name, known.get(name) or known.get(other)) for name, other in KEYS.items())
    return Site(
        settings.region or known.get("AWS_REGION"),
        known.get("AWS_ENDPOINT_URL"),
        keys,
        settings.role_arn,
        known.account,
        f"check accessKeyID and secretAccessKey of Secret {known.name!r}, "
        "and that they may call cloudwatch:GetMetricData",
    )


def _query(wanted: MetricDataQuery) -> dict[str, Any]:
    """Write a query as Amazon's library takes it; what is unset is left out."""
    stat = wanted.metric_stat
    return _filled(
        Id=wanted.id,
        Expression=wanted.expression,
        Label=wanted.label,
        MetricStat=_stat(stat) if stat else None,
        Period=None if wanted.period is None else int(wanted.period),
        ReturnData=wanted.return_data,
    )


def _stat(stat: MetricStat) -> dict[str, Any]:
    dimensions = [{"Name": each.name, "Value": each.value} for each in stat.metric.dimensions]
    metric = _filled(Namespace=stat.metric.namespace, MetricName=stat.metric.metric_name, Dimensions=dimensions)
    return _filled(Metric=metric, Period=int(stat.period), Stat=stat.stat, Unit=stat.unit)


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
