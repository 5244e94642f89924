"""What a template may say but Drayage cannot do yet, found before anything runs."""

from flows.verification.custom import Plugin, missing
from flows.verification.field_path import refused
from flows.verification.model import AnalysisTemplateSpec


def unsupported(spec: AnalysisTemplateSpec) -> list[tuple[str, str]]:
    """Return what a template needs in vain, as paths in its spec, each with a sentence."""
    found = [
        (f"metrics[{index}].provider.plugin", said)
        for index, metric in enumerate(spec.metrics)
        if isinstance(metric.provider.settings, Plugin) and (said := missing(metric.provider.settings))
    ]
    for index, argument in enumerate(spec.args):
        field = argument.value_from.field_ref if argument.value_from else None
        if field and (said := refused(field.field_path)):
            found.append((f"args[{index}].valueFrom.fieldRef", said))
    return found
