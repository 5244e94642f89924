"""Settings that may hold `{{args.name}}` where Kubernetes wants a number or a duration."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from blocks.errors import Invalid
from flows.duration import parse_duration

PLACEHOLDER = "{{"


def _count(value: Any) -> Any:
    """Read a number given as text, as Kubernetes' IntOrString; leave placeholders."""
    if not isinstance(value, str) or PLACEHOLDER in value:
        return value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is no whole number") from None


def _duration(value: Any) -> Any:
    if isinstance(value, str) and value and PLACEHOLDER not in value:
        try:
            parse_duration(value)
        except Invalid as error:
            raise ValueError(str(error)) from None
    return value


Count = Annotated[int | str, BeforeValidator(_count)]
"""A number, or text with a placeholder that will become one."""
Interval = Annotated[str, BeforeValidator(_duration)]
"""A Go duration such as `30s`, or text with a placeholder that will become one."""
