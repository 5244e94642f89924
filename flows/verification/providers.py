"""The table of metric providers: what each is told, and how it measures."""

from flows.verification import custom, job, prometheus, python, web
from flows.verification.measuring import ProviderKind

PROVIDERS: dict[str, ProviderKind] = {
    "prometheus": ProviderKind(prometheus.Prometheus, prometheus.measure, "Query Prometheus.", same_for_all=True),
    "web": ProviderKind(web.WebMetric, web.measure, "Ask a web server for JSON.", same_for_all=True),
    "job": ProviderKind(job.Job, job.measure, "Run a Kubernetes Job.", shared=False, end=job.end),
    "plugin": ProviderKind(custom.Plugin, custom.measure, "Ask an installed package.", shared=False),
    "python": ProviderKind(python.PythonFunction, python.measure, "Call a Python function.", shared=False),
}
