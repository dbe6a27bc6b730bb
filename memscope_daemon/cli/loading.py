"""How a command is quick to do its work: most of the time until then goes into loading what it needs."""

from __future__ import annotations

import gc


def done() -> None:
    """Nearly all is loaded, and stays: from now on garbage is looked for, but not in there."""
    gc.freeze()
    gc.enable()
