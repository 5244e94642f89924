"""yaml-parse: take outputs from a YAML file."""

from flows.promotion.document import ParseConfig, parsed, read_yaml
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

Config = ParseConfig


def run(config: ParseConfig, ctx: StepContext) -> Succeeded:
    """Evaluate each output over the file's content."""
    return parsed(config, ctx, read_yaml)
