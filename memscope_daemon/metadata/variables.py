"""What the blocks of a stack are bound to: from frame to frame, as far as the value is handed on."""

from __future__ import annotations

from collections.abc import Callable

from memscope_daemon.metadata.flow import Bound, Flow, Value
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.variables import Confidence, Frames, Variable

#: Functions that a value is followed through. Few hand one on further; a stack may be deep.
HOPS_MAX = 16


def infer(frames: Frames, flow_of: Callable[[str], Flow | None]) -> Variable | None:
    """The variable of what is allocated in the first of the frames; None: nobody can tell. ``flow_of``: of
    the file of a frame; None: it cannot be read."""
    value, least = Value(), Confidence.HIGH
    for names, position in frames[:HOPS_MAX]:
        flow = flow_of(names.file) if position.line else None
        found = flow.follow(position, value) if flow else None
        if found is None:
            return None
        outcome, confidence = found
        least = min(least, confidence)
        if isinstance(outcome, Bound):
            line = outcome.line or names.line
            return Variable(outcome.name, outcome.kind, least, names.function, names.file, line)
        value = Value(outcome.arrival, outcome.inside, names.function)
    return None


def frames_of(tables: Tables, stack_id: int) -> Frames:
    """The frames of a stack, innermost first, as far as a value may be followed."""
    stack = tables.stacks.get(stack_id)
    ids = stack.frame_ids[:HOPS_MAX] if stack else ()
    return tuple((tables.frame(each), tables.position(each)) for each in ids)
