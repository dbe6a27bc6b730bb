"""How a command is quick to do its work: most of the time until then goes into loading what it needs."""

from __future__ import annotations

import gc


def begin() -> None:
    """What is loaded now stays: to search it for garbage again and again takes 20 ms."""
    gc.disable()


def done() -> None:
    """Nearly all is loaded: from now on garbage is looked for, but not in there."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
