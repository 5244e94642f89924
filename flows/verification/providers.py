"""The table of metric providers: what each is told, and how it measures."""

from flows.verification import (
    cloud_watch,
    custom,
    datadog,
    graphite,
    influxdb,
    job,
    kayenta,
    new_relic,
    prometheus,
    python,
    skywalking,
    wavefront,
    web,
)
from flows.verification.measuring import ProviderKind

PROVIDERS: dict[str, ProviderKind] = {
    "prometheus": ProviderKind(prometheus.Prometheus, prometheus.measure, "Query Prometheus.", same_for_all=True),
    "web": ProviderKind(web.WebMetric, web.measure, "Ask a web server for JSON.", same_for_all=True),
    "job": ProviderKind(job.Job, job.measure, "Run a Kubernetes Job.", shared=False, end=job.end),
    "datadog": ProviderKind(datadog.Datadog, datadog.measure, "Query Datadog."),
    "cloudWatch": ProviderKind(cloud_watch.CloudWatch, cloud_watch.measure, "Query Amazon CloudWatch."),
    "newRelic": ProviderKind(new_relic.NewRelic, new_relic.measure, "Query New Relic."),
    "graphite": ProviderKind(graphite.Graphite, graphite.measure, "Query Graphite.", same_for_all=True),
    "influxdb": ProviderKind(influxdb.Influxdb, influxdb.measure, "Query InfluxDB."),
    "wavefront": ProviderKind(wavefront.Wavefront, wavefront.measure, "Query Wavefront."),
    "skywalking": ProviderKind(skywalking.Skywalking, skywalking.measure, "Query SkyWalking.", same_for_all=True),
    "kayenta": ProviderKind(kayenta.Kayenta, kayenta.measure, "Have Kayenta judge a canary.", shared=False),
    "plugin": ProviderKind(custom.Plugin, custom.measure, "Ask an installed package.", shared=False),
    "python": ProviderKind(python.PythonFunction, python.measure, "Call a Python function.", shared=False),
}
