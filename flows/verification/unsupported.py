"""What a template may say but Drayage cannot do yet, found before anything runs."""

from flows.verification.model import AnalysisTemplateSpec, Metric
from flows.verification.providers import PROVIDERS


def unsupported(spec: AnalysisTemplateSpec) -> list[tuple[str, str]]:
    """Return what a template needs in vain, as paths in its spec, each with a sentence."""
    found = [
        (f"metrics[{index}].{path}", said) for index, metric in enumerate(spec.metrics) for path, said in _in(metric)
    ]
    if spec.templates:
        said = "nested templates are not available yet: name them in the Stage's verification.analysisTemplates"
        found.append(("templates", said))
    for index, argument in enumerate(spec.args):
        if argument.value_from and argument.value_from.field_ref:
            said = "fieldRef needs a Rollout, and there is none: give the value in the Stage's verification.args"
            found.append((f"args[{index}].valueFrom.fieldRef", said))
    return found


def _in(metric: Metric) -> list[tuple[str, str]]:
    kind = metric.provider.kind
    if kind not in PROVIDERS:
        return [(f"provider.{kind}", f"provider {kind!r} is not available yet; available are: {', '.join(PROVIDERS)}")]
    prometheus = metric.provider.prometheus
    if prometheus and prometheus.authentication.sigv4:
        said = "sigv4 is not available yet: put a signing proxy in front, or use headers or oauth2"
        return [("provider.prometheus.authentication.sigv4", said)]
    if prometheus and not prometheus.address:
        return [("provider.prometheus.address", "there is no default Prometheus: say its address")]
    return []
