"""Rows of the tables that events refer to by number. Number 0 of every table is "not set"."""

from __future__ import annotations

import dataclasses

from memscope_daemon.model.sampling import SamplingMode


@dataclasses.dataclass(frozen=True, slots=True)
class FrameRow:
    """``line`` of the instruction that allocated or called, 0 = not known; ``first_line`` of the function."""

    function_string_id: int
    file_string_id: int
    line: int
    first_line: int


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
    def is_empty(self) -> bool:
        return not (self.strings or self.frames or self.stacks or self.threads or self.settings)


@dataclasses.dataclass(frozen=True, slots=True)
class LossRow:
    """Losses of one cause since the session began; the weighted figures are what the records stood for."""

    cause: str
    record_count: int
    weighted_count: float
    weighted_bytes: float
