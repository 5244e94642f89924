"""The table of metric providers: what each is told, and how it measures."""

from flows.verification import prometheus
from flows.verification.measuring import ProviderKind

PROVIDERS: dict[str, ProviderKind] = {
    "prometheus": ProviderKind(prometheus.Prometheus, prometheus.measure, "Query Prometheus.", same_for_all=True),
}
