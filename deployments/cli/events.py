"""What `drayage get events` can be narrowed to; the options go with no other kind."""

from dataclasses import dataclass
from typing import Annotated

import typer

FreightFilter = Annotated[str, typer.Option("--freight", help="Only events about this Freight, by name or alias.")]
PromotionFilter = Annotated[str, typer.Option("--promotion", help="Only events about this Promotion.")]
TypeFilter = Annotated[str, typer.Option("--type", help="Only events of this type, such as GateDecided.")]
Since = Annotated[str, typer.Option("--since", help="Only events since then: 12h, 30d, or a time.")]


@dataclass(frozen=True)
class Narrowed:
    """What events are wanted, as typed; empty means all."""

    stage: str = ""
    freight: str = ""
    promotion: str = ""
    type: str = ""
    since: str = ""

    def check(self, kind: str) -> None:
        """End with 2 where options were given that only events know."""
        given = [f"--{name}" for name in ("freight", "promotion", "type", "since") if getattr(self, name)]
        if given and kind != "Event":
            raise typer.BadParameter(f"{' and '.join(given)} go with events only")
