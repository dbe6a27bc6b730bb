"""What a look at a host or a process found: one thing, whether it is as memscope needs it, and what to do."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` False: an attach will be refused, with ``code``; ``next_step``: what to do about it."""

    topic: str
    ok: bool
    text: str
    code: str = ""
    next_step: str = ""
