"""Points that nobody has asked for in a while: in a file without a name, so that they take no memory.

A ring of records of one length. A disk that is full loses them: a client that comes back then is told how
many it has missed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

LOG = logging.getLogger("memscope.sessions")
RECORD_BYTES = 512
_HEAD = struct.Struct("<qqH")  # time_ns, mark_count, bytes of the figures


class OldPoint(NamedTuple):
    """``figures``: a Figures message without its time."""

    number: int
    time_ns: int
    mark_count: int
    figures: bytes


class OldPoints:
    """The latest ``room`` of those that were put. Belongs to whoever holds its owner's lock."""

    def __init__(self, folder: Path, room: int) -> None:
        """The file is made with the first points, in ``folder``."""
        self._folder, self._room = folder, room
        self._file: IO[bytes] | None = None
        self._first = self._end = 0
        self._is_refused = False  # it has been said

    def put(self, points: Sequence[OldPoint]) -> None:
        """These follow one another, and those that were put before."""
        first, end = points[0].number, points[-1].number + 1
        try:
            self._write(points)
        except (OSError, struct.error) as error:
            if not self._is_refused:
                LOG.warning("points of a session that are old are lost: %s", error)
            self._is_refused = True
            self._first = self._end = end
            return
        self._is_refused = False
        self._first = max(self._first if self._end == first else first, end - self._room)
        self._end = end

    def after(self, number: int) -> list[OldPoint]:
        """Those with a higher number."""
        wanted = range(max(number + 1, self._first), self._end)
        if self._file is None or not wanted:
            return []
        found = []
        for piece in self._pieces(wanted):
            data = os.pread(self._file.fileno(), len(piece) * RECORD_BYTES, self._place(piece[0]))
            found += [self._point(each, data[at * RECORD_BYTES :]) for at, each in enumerate(piece)]
        return found

    def close(self) -> None:
        """There are none any more."""
        self._first = self._end
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _write(self, points: Sequence[OldPoint]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 (kept)
        by_number = {point.number: point for point in points[-self._room :]}
        numbers = range(points[-len(by_number)].number, points[-1].number + 1)
        for piece in self._pieces(numbers):
            data = b"".join(_record(by_number[each]) for each in piece)
            if os.pwrite(self._file.fileno(), data, self._place(piece[0])) != len(data):
                raise OSError("the disk took only a part")

    def _pieces(self, numbers: range) -> list[range]:
        """The same, cut where the ring begins again."""
        turn = numbers.start - numbers.start % self._room + self._room
        return [
            piece for piece in (numbers[: turn - numbers.start], numbers[turn - numbers.start :]) if piece
        ]

    def _place(self, number: int) -> int:
        return number % self._room * RECORD_BYTES

    @staticmethod
    def _point(number: int, data: bytes) -> OldPoint:
        time_ns, mark_count, count = _HEAD.unpack_from(data)
        return OldPoint(number, time_ns, mark_count, data[_HEAD.size : _HEAD.size + count])


def _record(point: OldPoint) -> bytes:
    if len(point.figures) > RECORD_BYTES - _HEAD.size:
        raise struct.error("a point of more than a record")
    head = _HEAD.pack(point.time_ns, point.mark_count, len(point.figures))
    return (head + point.figures).ljust(RECORD_BYTES, b"\0")
