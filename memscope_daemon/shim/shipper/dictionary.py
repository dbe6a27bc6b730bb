"""From the shim's metadata to the rows of the wire's dictionary.

The shim numbers code objects, stacks and threads; stacks, threads and sampling settings keep their numbers
on the wire. A frame of the wire is (function, file, line), so frames and strings get numbers of their own,
here. A row is handed out once, in an order in which nothing refers forward.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from memscope_daemon._pb import dictionary_pb2 as pb
from memscope_daemon.model.dictionary import GAP_MAX, NOWHERE, Position
from memscope_daemon.shim import layout
from memscope_daemon.shim.job import Resume
from memscope_daemon.shim.shipper import metadata
from memscope_daemon.shim.shipper.line_tables import LineTable
from memscope_daemon.shim.shipper.shared import Sampling

CODE_BYTES_MAX = 32 << 20
DICTIONARY_BYTES_MAX = 1 << 20
_ROW_BYTES = 24  # of a short row on the wire, roughly
_CODE_BYTES = 400  # of a code's entry in our memory besides its line table, roughly


class Known:
    """The ids that have a row, as a growing array of flags. Id 0 ("not set") is known from the start."""

    def __init__(self) -> None:
        self._flags: npt.NDArray[np.bool_] = np.zeros(1024, np.bool_)
        self._flags[0] = True

    def __contains__(self, number: int) -> bool:
        return number < len(self._flags) and bool(self._flags[number])

    def add(self, number: int) -> None:
        if number >= len(self._flags):
            grown = np.zeros(max(number + 1, 2 * len(self._flags)), np.bool_)
            grown[: len(self._flags)] = self._flags
            self._flags = grown
        self._flags[number] = True

    def contains(self, numbers: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.bool_]:
        """Per number, whether it has a row."""
        inside = numbers < len(self._flags)
        return inside & self._flags[np.where(inside, numbers, 0)]


class CodeTable:
    """What is known of code objects, the longest unused forgotten first beyond a bound of memory."""

    def __init__(self, bytes_max: int = CODE_BYTES_MAX) -> None:
        self._codes: OrderedDict[int, metadata.Code] = OrderedDict()
        self._bytes = 0
        self._bytes_max = bytes_max

    def add(self, code: metadata.Code) -> None:
        self._forget(self._codes.pop(code.code, None))
        self._codes[code.code] = code
        self._bytes += _CODE_BYTES + len(code.line_table)
        while self._bytes > self._bytes_max:
            self._forget(self._codes.popitem(last=False)[1])

    def get(self, number: int) -> metadata.Code | None:
        code = self._codes.get(number)
        if code is not None:
            self._codes.move_to_end(number)
        return code

    def _forget(self, code: metadata.Code | None) -> None:
        if code is not None:
            self._bytes -= _CODE_BYTES + len(code.line_table)


class DictionaryWriter:
    """Takes metadata entries, hands out dictionary rows.

    ``line_table`` reads the target's line tables; None: only first lines are known. ``commanded`` finds
    the setting as it was commanded for (mode, value, depth), since the shim repeats only these.
    """

    def __init__(
        self, start_ns: int, commanded: Callable[[metadata.SamplingInForce], Sampling | None]
    ) -> None:
        self.line_table: LineTable | None = None
        self.stacks = Known()
        self.threads = Known()
        self.samplings = Known()
        self.stray_count = 0  # rows that were sent before, or whose number is out of all order
        self._stack_count = 0  # taken here; the ingest may have others of a shipper before
        self._start_ns = start_ns
        self._commanded = commanded
        self._codes = CodeTable()
        self._strings: dict[str, int] = {"": 0}
        self._string_count = self._frame_count = 0
        self._frames: dict[tuple[int, int, Position, int], int] = {}
        self._sites: dict[tuple[int, int], int] = {}  # (code, offset) to frame number
        self._open = pb.Dictionary()
        self._open_bytes = 0
        self._closed: list[pb.Dictionary] = []

    def go_on(self, resume: Resume) -> None:
        """Numbers go on behind those that the ingest has; what it has is not sent again."""
        self._string_count, self._frame_count = resume.string_count, resume.frame_count
        for known, count in (
            (self.stacks, resume.stack_count),
            (self.threads, resume.thread_count),
            (self.samplings, resume.setting_count),
        ):
            for number in range(1, count + 1):
                known.add(number)

    def learn(self, entry: metadata.Entry) -> None:
        """Takes in an entry that an earlier shipper has read: its row may be there already."""
        match entry:
            case metadata.Stack(stack=number):
                is_known = number in self.stacks
            case metadata.Thread(thread=number):
                is_known = number in self.threads
            case metadata.SamplingInForce(sampling=number):
                is_known = number in self.samplings
            case _:
                is_known = False
        if not is_known:
            self.take(entry)

    def take(self, entry: metadata.Entry) -> None:
        """Takes in one entry."""
        match entry:
            case metadata.Code():
                self._codes.add(entry)
            case metadata.Stack():
                self._take_stack(entry)
            case metadata.Thread():
                self._take_thread(entry)
            case metadata.SamplingInForce():
                self._take_sampling(entry)
        if self._open_bytes > DICTIONARY_BYTES_MAX:
            self._closed.append(self._open)
            self._open, self._open_bytes = pb.Dictionary(), 0

    @property
    def pending(self) -> bool:
        """Whether rows wait to be sent."""
        return bool(self._closed) or self._open_bytes > 0

    def rows(self) -> list[pb.Dictionary]:
        """All rows not handed out yet, in pieces that fit a batch."""
        pieces = [*self._closed, self._open] if self._open_bytes else self._closed
        self._closed, self._open, self._open_bytes = [], pb.Dictionary(), 0
        return pieces

    def _take_stack(self, stack: metadata.Stack) -> None:
        if stack.stack in self.stacks or stack.stack > self._stack_count + GAP_MAX:
            self.stray_count += 1  # a row never changes; and the ingest would refuse the whole batch
            return
        self._stack_count += 1
        frames = [self._frame(code, offset) for code, offset in stack.frames.tolist()]
        self._open.stacks.add(stack_id=stack.stack, frame_ids=frames, truncated=stack.truncated)
        self._open_bytes += _ROW_BYTES + 4 * len(frames)
        self.stacks.add(stack.stack)

    def _take_thread(self, thread: metadata.Thread) -> None:
        self._open.threads.add(
            thread_id=thread.thread,
            native_id=thread.native_id,
            python_id=thread.python_id,
            first_seen_ns=self._session_ns(thread.time_ns),
        )
        self._open_bytes += _ROW_BYTES
        self.threads.add(thread.thread)

    def _take_sampling(self, sampling: metadata.SamplingInForce) -> None:
        if sampling.sampling in self.samplings:
            self.stray_count += 1
            return
        commanded = self._commanded(sampling)
        self._open.sampling_settings.add(
            sampling_id=sampling.sampling,
            mode=sampling.mode,
            value=sampling.value,
            depth=sampling.depth,
            stacks=commanded.stacks if commanded else False,
            seed=commanded.seed if commanded else 0,
            since_ns=self._session_ns(sampling.time_ns),
        )
        self._open_bytes += 2 * _ROW_BYTES
        self.samplings.add(sampling.sampling)

    def _frame(self, code_number: int, offset: int) -> int:
        site = (code_number, offset)
        number = self._sites.get(site)
        if number is None:
            number = self._sites[site] = self._new_site(code_number, offset)
        return number

    def _new_site(self, code_number: int, offset: int) -> int:
        code = self._codes.get(code_number)
        if code is None:  # unresolved: a frame of which nothing is known
            return self._frame_row((0, 0, NOWHERE, 0))
        position = Position(code.first_line)
        if offset != layout.NOT_STARTED and self.line_table and code.line_table:
            position = self.line_table(code.line_table, code.first_line, offset)
        return self._frame_row((self._string(code.name), self._string(code.file), position, code.first_line))

    def _frame_row(self, row: tuple[int, int, Position, int]) -> int:
        number = self._frames.get(row)
        if number is None:
            number = self._frames[row] = self._frame_count = self._frame_count + 1
            function, file, position, first_line = row
            self._open.frames.add(
                frame_id=number,
                function_string_id=function,
                file_string_id=file,
                first_line=first_line,
                **position._asdict(),
            )
            self._open_bytes += 2 * _ROW_BYTES
        return number

    def _string(self, text: str) -> int:
        number = self._strings.get(text)
        if number is None:
            number = self._strings[text] = self._string_count = self._string_count + 1
            self._open.strings.add(string_id=number, text=text)
            self._open_bytes += _ROW_BYTES + 4 * len(text)
        return number

    def _session_ns(self, time_ns: int) -> int:
        return min(max(0, time_ns - self._start_ns), (1 << 62))
