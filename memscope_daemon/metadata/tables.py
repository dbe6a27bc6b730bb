"""The tables that events of one session refer to: strings, frames, stacks, threads, sampling settings."""

from __future__ import annotations

from memscope_daemon.model.dictionary import (
    NO_FRAME,
    NOWHERE,
    DictionaryRows,
    FrameNames,
    FrameRow,
    Position,
    SettingRow,
    StackRow,
    ThreadRow,
)
from memscope_daemon.model.sampling import SamplingMode


class Tables:
    """Rows by number. Belongs to the thread of its recording."""

    def __init__(self, first_mode: SamplingMode = SamplingMode.BYTES) -> None:
        """``first_mode``: how events are sampled that name no setting."""
        self.first_mode = first_mode
        self.strings: dict[int, str] = {}
        self.frames: dict[int, FrameRow] = {}
        self.stacks: dict[int, StackRow] = {}
        self.threads: dict[int, ThreadRow] = {}
        self.settings: dict[int, SettingRow] = {}
        self.held_bytes = 0  # roughly, threads not counted
        self.stack_limit = 1
        self.thread_limit = 1

    def add(self, rows: DictionaryRows) -> None:
        """Takes rows that have been checked."""
        self.held_bytes += rows.held_bytes
        self.strings.update(rows.strings)
        self.frames.update(rows.frames)
        self.stacks.update(rows.stacks)
        self.threads.update(rows.threads)
        self.settings.update(rows.settings)
        self.stack_limit = max(self.stack_limit, max(rows.stacks, default=0) + 1)
        self.thread_limit = max(self.thread_limit, max(rows.threads, default=0) + 1)

    def frame(self, frame_id: int) -> FrameNames:
        """The texts of a frame."""
        row = self.frames.get(frame_id)
        if row is None:
            return NO_FRAME
        function = self.strings.get(row.function_string_id, "")
        return FrameNames(function, self.strings.get(row.file_string_id, ""), row.line)

    def position(self, frame_id: int) -> Position:
        """What the frame's instruction stands for in its source."""
        row = self.frames.get(frame_id)
        return row.position if row else NOWHERE

    def site(self, stack_id: int) -> FrameNames:
        """The innermost frame of a stack; NO_FRAME where there is none."""
        stack = self.stacks.get(stack_id)
        return self.frame(stack.frame_ids[0]) if stack and stack.frame_ids else NO_FRAME

    def outermost_first(self, stack_id: int) -> tuple[FrameNames, ...]:
        """All frames of a stack."""
        stack = self.stacks.get(stack_id)
        return tuple(self.frame(frame_id) for frame_id in reversed(stack.frame_ids)) if stack else ()

    def thread_name(self, thread_id: int) -> str:
        """As the shipper knew it; "" when not."""
        row = self.threads.get(thread_id)
        return self.strings.get(row.name_string_id, "") if row else ""

    def by_bytes(self, sampling_id: int) -> bool:
        """Whether that setting samples in bytes mode."""
        row = self.settings.get(sampling_id)
        return (row.mode if row else self.first_mode) is SamplingMode.BYTES
