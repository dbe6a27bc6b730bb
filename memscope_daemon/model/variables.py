"""Names of what blocks belong to, inferred from the source of the program."""

from __future__ import annotations

import dataclasses
import enum

from memscope_daemon.model.dictionary import FrameNames, Position


class Confidence(enum.IntEnum):
    """How far an inferred name can be relied upon. Of several steps the least sure one counts."""

    LOW = 1  # by the line alone, or over a call whose name is another
    MEDIUM = 2  # what was allocated there belongs to it, as itself or in it
    HIGH = 3  # the block is bound to it


class VariableKind(enum.StrEnum):
    NAME = "name"  # kept
    ATTRIBUTE = "attribute"  # self.kept
    ITEM = "item"  # table['key']
    ELEMENT = "element"  # rows[]: an element of what is bound to rows
    ARGUMENT = "argument"  # queue.put()
    TEMPORARY = "temporary"  # bound to nothing


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """What a block is bound to. ``name`` as it is written there, in ``function`` of ``file`` at ``line``;
    empty where ``kind`` says that it is bound to nothing."""

    name: str
    kind: VariableKind
    confidence: Confidence
    function: str
    file: str
    line: int


Frames = tuple[tuple[FrameNames, Position], ...]  # innermost first


@dataclasses.dataclass(frozen=True, slots=True)
class SitePath:
    """A way to an allocation site, and its share of what the site holds, 0 to 1."""

    share: float
    frames: Frames
