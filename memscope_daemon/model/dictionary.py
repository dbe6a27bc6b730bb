"""Rows of the tables that events refer to by number. Number 0 of every table is "not set"."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from memscope_daemon.model.sampling import SamplingMode

#: Numbers are dense, but rows may have been lost on the way: a number is no further than this beyond the rows
#: sent before it. Sums are indexed by number: a far one would take memory for all those before it.
GAP_MAX = 1 << 16
ROW_BYTES = 256  # of one row in our memory, roughly: an object, its fields, its place in a dict


class Position(NamedTuple):
    """What an instruction stands for in its source: from ``line``, ``start_column`` up to, not including,
    ``end_line``, ``end_column``. Lines and columns count from 1, columns in bytes of UTF-8; 0 = not known
    (columns before CPython 3.11, or under ``-X no_debug_ranges``)."""

    line: int = 0
    end_line: int = 0
    start_column: int = 0
    end_column: int = 0


NOWHERE = Position()


@dataclasses.dataclass(frozen=True, slots=True)
class FrameNames:
    """A frame with its texts; "" and 0 are "not known"."""

    function: str
    file: str
    line: int


NO_FRAME = FrameNames("", "", 0)


@dataclasses.dataclass(frozen=True, slots=True)
class FrameRow:
    """``line`` of the instruction that allocated or called, 0 = not known; ``first_line`` of the function;
    the rest as in :class:`Position`."""

    function_string_id: int
    file_string_id: int
    line: int
    first_line: int
    end_line: int = 0
    start_column: int = 0
    end_column: int = 0

    @property
    def position(self) -> Position:
        return Position(self.line, self.end_line, self.start_column, self.end_column)


@dataclasses.dataclass(frozen=True, slots=True)
class StackRow:
    """``frame_ids`` innermost first; ``truncated``: there were more frames than the depth asked for."""

    frame_ids: tuple[int, ...]
    truncated: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ThreadRow:
    """``native_id``: gettid() in the target's PID namespace; ``python_id``: threading.get_ident()."""

    native_id: int
    python_id: int
    name_string_id: int
    first_seen_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting of the sampler, in force from session time ``since_ns`` on."""

    mode: SamplingMode
    value: float
    depth: int
    stacks: bool
    seed: int
    since_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class DictionaryRows:
    """What one batch adds to the tables, by number."""

    strings: dict[int, str] = dataclasses.field(default_factory=dict)
    frames: dict[int, FrameRow] = dataclasses.field(default_factory=dict)
    stacks: dict[int, StackRow] = dataclasses.field(default_factory=dict)
    threads: dict[int, ThreadRow] = dataclasses.field(default_factory=dict)
    settings: dict[int, SettingRow] = dataclasses.field(default_factory=dict)

    @property
    def held_bytes(self) -> int:
        """What the rows take in memory, roughly. Without threads: their rows replace one another."""
        rows = len(self.strings) + len(self.frames) + len(self.stacks) + len(self.settings)
        characters = sum(map(len, self.strings.values()))
        return ROW_BYTES * rows + characters + 8 * sum(len(row.frame_ids) for row in self.stacks.values())

    @property
    def is_empty(self) -> bool:
        return not (self.strings or self.frames or self.stacks or self.threads or self.settings)


@dataclasses.dataclass(frozen=True, slots=True)
class LossRow:
    """Losses of one cause since the session began; the weighted figures are what the records stood for."""

    cause: str
    record_count: int
    weighted_count: float
    weighted_bytes: float
