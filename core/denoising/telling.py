"""What the user is told of a run, each thing once."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.denoising.context import RunContext
from core.protocol.denoise import Notice


@dataclass
class Told:
    """Passes notices on and keeps them for the result."""

    context: RunContext
    notices: list[Notice] = field(default_factory=list)

    def tell(self, *notices: Notice) -> None:
        """Tell what has not been told yet."""
        for notice in notices:
            if notice not in self.notices:
                self.notices.append(notice)
                self.context.notice(notice)
