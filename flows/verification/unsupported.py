"""What a template may say but Drayage cannot do yet, found before anything runs."""

from flows.verification.custom import Plugin, missing
from flows.verification.model import AnalysisTemplateSpec


def unsupported(spec: AnalysisTemplateSpec) -> list[tuple[str, str]]:
    """Return what a template needs in vain, as paths in its spec, each with a sentence."""
    found = [
        (f"metrics[{index}].provider.plugin", said)
        for index, metric in enumerate(spec.metrics)
        if isinstance(metric.provider.settings, Plugin) and (said := missing(metric.provider.settings))
    ]
    for index, argument in enumerate(spec.args):
        if argument.value_from and argument.value_from.field_ref:
            said = "fieldRef needs a Rollout, and there is none: give the value in the Stage's verification.args"
            found.append((f"args[{index}].valueFrom.fieldRef", said))
    return found
