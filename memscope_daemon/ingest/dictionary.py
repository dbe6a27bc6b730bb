"""Dictionary rows off the wire, checked against what is known already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from memscope_daemon.errors import MemoryOperationError
from memscope_daemon.metadata.tables import Tables
from memscope_daemon.model.dictionary import (
    GAP_MAX,
    DictionaryRows,
    FrameRow,
    SettingRow,
    StackRow,
    ThreadRow,
)
from memscope_daemon.model.sampling import DEPTH_MAX, SamplingMode

ROWS_MAX = 1 << 22
SMALL_ROWS_MAX = 1 << 16  # of threads and settings
TEXT_CHARACTERS_MAX = 1 << 16
#: What the tables of one session may hold, in our memory.
TABLES_BYTES_MAX = 512 << 20

Row = TypeVar("Row")


def decode(message: Any, known: Tables) -> DictionaryRows:
    """The rows of a ``Dictionary`` message that are new.

    A row that is known already, and the same, is left out (a batch may come twice). Threads replace.

    :raises MemoryOperationError: code ``ingest.bad-dictionary``: a number out of range, a reference to a row
        that was never sent, or a row that changed.
    """
    strings = _rows("string", message.strings, lambda row: (row.string_id, row.text), known.strings)
    frames = _rows("frame", message.frames, _frame, known.frames)
    stacks = _rows("stack", message.stacks, _stack, known.stacks)
    threads = dict(_numbered("thread", message.threads, _thread, SMALL_ROWS_MAX))
    settings = _rows("sampling", message.sampling_settings, _setting, known.settings, SMALL_ROWS_MAX)
    rows = DictionaryRows(strings, frames, stacks, threads, settings)
    _check_references(rows, known)
    if known.held_bytes + rows.held_bytes > TABLES_BYTES_MAX:
        raise bad_dictionary(f"names and stacks of more than {TABLES_BYTES_MAX >> 20} MiB in one session")
    return rows


def bad_dictionary(reason: str) -> MemoryOperationError:
    return MemoryOperationError(
        "ingest",
        "ingest.bad-dictionary",
        f"a batch was refused: {reason}",
        "use a shipper of the same version",
    )


def _numbered(
    what: str, messages: Iterable[Any], read: Callable[[Any], tuple[int, Row]], end: int
) -> Iterable[tuple[int, Row]]:
    for message in messages:
        number, row = read(message)
        if not 0 < number < end:
            raise bad_dictionary(f"{what} number {number} is out of range")
        yield number, row


def _rows(
    what: str,
    messages: Sequence[Any],
    read: Callable[[Any], tuple[int, Row]],
    known: Mapping[int, Row],
    rows_max: int = ROWS_MAX,
) -> dict[int, Row]:
    new: dict[int, Row] = {}
    end = min(rows_max, len(known) + len(messages) + GAP_MAX)
    for number, row in _numbered(what, messages, read, end):
        before = known.get(number, new.get(number))
        if before is None:
            new[number] = row
        elif before != row:
            raise bad_dictionary(f"{what} {number} was sent before, and was another one")
    return new


def _frame(row: Any) -> tuple[int, FrameRow]:
    return row.frame_id, FrameRow(
        row.function_string_id,
        row.file_string_id,
        row.line,
        row.first_line,
        row.end_line,
        row.start_column,
        row.end_column,
    )


def _stack(row: Any) -> tuple[int, StackRow]:
    if len(row.frame_ids) > DEPTH_MAX:
        raise bad_dictionary(f"stack {row.stack_id} has {len(row.frame_ids)} frames")
    return row.stack_id, StackRow(tuple(row.frame_ids), row.truncated)


def _thread(row: Any) -> tuple[int, ThreadRow]:
    return row.thread_id, ThreadRow(row.native_id, row.python_id, row.name_string_id, row.first_seen_ns)


def _setting(row: Any) -> tuple[int, SettingRow]:
    try:
        mode = SamplingMode(row.mode)
    except ValueError:
        raise bad_dictionary(f"sampling mode {row.mode} is not known") from None
    sensible = 1.0 <= row.value < 2.0**62 if mode is SamplingMode.BYTES else 0.0 < row.value <= 1.0
    if not sensible:
        raise bad_dictionary(f"a sampling value of {row.value} makes no sense in mode {mode.name.lower()}")
    return row.sampling_id, SettingRow(mode, row.value, row.depth, row.stacks, row.seed, row.since_ns)


def _check_references(rows: DictionaryRows, known: Tables) -> None:
    for number, text in rows.strings.items():
        if len(text) > TEXT_CHARACTERS_MAX:
            raise bad_dictionary(f"string {number} has {len(text)} characters")
    for number, frame in rows.frames.items():
        _refer(
            f"frame {number}",
            "string",
            (frame.function_string_id, frame.file_string_id),
            rows.strings,
            known.strings,
        )
    for number, stack in rows.stacks.items():
        _refer(f"stack {number}", "frame", stack.frame_ids, rows.frames, known.frames)
    for number, thread in rows.threads.items():
        _refer(f"thread {number}", "string", (thread.name_string_id,), rows.strings, known.strings)


def _refer(
    who: str, what: str, numbers: Iterable[int], new: Mapping[int, Any], known: Mapping[int, Any]
) -> None:
    for number in numbers:
        if number and number not in new and number not in known:
            raise bad_dictionary(f"{who} refers to {what} {number}, which was never sent")
