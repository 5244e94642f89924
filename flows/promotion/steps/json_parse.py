"""json-parse: take outputs from a JSON file."""

from flows.promotion.document import ParseConfig, parsed, read_json
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

Config = ParseConfig


def run(config: ParseConfig, ctx: StepContext) -> Succeeded:
    """Evaluate each output over the file's content."""
    return parsed(config, ctx, read_json)
