"""Are the hooks still called? Seen from outside, because a hook that was taken out says nothing.

CPython keeps its allocators in tables that anybody may set. A tool that was there before us puts back, when
it goes, what it found when it came: our hooks are gone, without a word. One that came after us goes by us.

The tables have no name that could be looked up. They lie in the interpreter's writable data and hold our
functions' addresses from the moment the hooks are in: the words found there then are watched. When one has
changed, and no writable word of the program or its libraries holds our function any more, nobody calls it.
A tool may note it down elsewhere: a record of that domain that comes later proves it, and the word is taken
back. Where there is any doubt, nothing is watched and nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from memscope_daemon.shim.shipper.images import Span, read_memory, writable_data

SHIM_NAME = "memscope_shim"
TABLE_BYTES = 40  # PyMemAllocatorEx: ctx and four functions
IMAGE_BYTES_MAX = 512 << 20  # of writable data that is searched; numerical libraries bring 100 MiB of .bss
CALLED_AFTER_ALL = -1
_PIECE_BYTES = 4 << 20
_LATER_NS = 500_000_000  # a record that was under way when the hooks went is not proof

Words = npt.NDArray[np.uint64]


class HookWatch:
    """Watches the hooks of process ``pid``. ``image``: an address in the interpreter's data; ``hooks``: our
    function in each domain's table. Zeros: nothing is watched."""

    def __init__(self, pid: int, image: int, hooks: Sequence[int]) -> None:
        self._pid, self._hooks = pid, tuple(hooks)
        self._tables: tuple[int, ...] = ()
        self._seen: tuple[int, ...] = ()
        self._missing: tuple[int, ...] = ()  # domains, as of the last look
        self._in_place_ns = 0
        self._cut_ns = 0
        if image and all(hooks):
            self._tables = self._find(image)

    def look(self, now_ns: int, latest_ns: Sequence[int]) -> int:
        """0: the hooks are in, or nobody knows; else CLOCK_MONOTONIC when they were last seen in place, or
        :data:`CALLED_AFTER_ALL`. ``latest_ns``: of the newest record of each domain."""
        if self._cut_ns == CALLED_AFTER_ALL or not self._tables:
            return self._cut_ns
        if self._cut_ns:
            if any(latest_ns[domain] > self._cut_ns + _LATER_NS for domain in self._missing):
                self._cut_ns = CALLED_AFTER_ALL
            return self._cut_ns
        missing = self._look()
        if missing and missing == self._missing:  # twice: it is not a detach under way
            self._cut_ns = max(self._in_place_ns, *(latest_ns[domain] for domain in missing))
        elif not missing:
            self._in_place_ns = now_ns
        self._missing = missing
        return self._cut_ns

    def _look(self) -> tuple[int, ...]:
        """The domains whose hook nobody holds any more."""
        words = tuple(self._word(table) for table in self._tables)
        if words == self._seen:
            return self._missing
        self._seen = words
        changed = [domain for domain, word in enumerate(words) if word not in (self._hooks[domain], -1)]
        return tuple(domain for domain in changed if not self._is_noted(self._hooks[domain]))

    def _word(self, address: int) -> int:
        """-1: it cannot be read."""
        data = read_memory(self._pid, address, 8)
        return int.from_bytes(data, "little") if len(data) == 8 else -1

    def _find(self, image: int) -> tuple[int, ...]:
        """The address of the word in each domain's table; empty: not certain which they are."""
        spans = self._spans()
        file = next((span.file for span in spans if span.start <= image < span.end), "")
        mine = [span for span in spans if file and span.file == file]
        places = [sorted(self._places(mine, hook)) for hook in self._hooks]
        if all(len(found) == 1 for found in places):
            return tuple(found[0] for found in places)
        # Another tool's note of us from an earlier time lies there too. CPython has the three side by side.
        rows = [
            raw for raw in places[0] if raw + TABLE_BYTES in places[1] and raw + 2 * TABLE_BYTES in places[2]
        ]
        return (rows[0], rows[0] + TABLE_BYTES, rows[0] + 2 * TABLE_BYTES) if len(rows) == 1 else ()

    def _is_noted(self, hook: int) -> bool:
        """Whether any writable word of a file's data holds our function."""
        spans = self._spans()
        if sum(span.end - span.start for span in spans) > IMAGE_BYTES_MAX:
            return True  # not searched: in doubt it is called
        return next(self._places(spans, hook), None) is not None

    def _places(self, spans: Sequence[Span], word: int) -> Iterator[int]:
        for span in spans:
            for at in range(span.start, span.end, _PIECE_BYTES):
                data = read_memory(self._pid, at, min(_PIECE_BYTES, span.end - at))
                words: Words = np.frombuffer(data[: len(data) // 8 * 8], "<u8")
                yield from (at + 8 * int(index) for index in np.flatnonzero(words == np.uint64(word)))

    def _spans(self) -> list[Span]:
        """Of all files but the shim."""
        return [span for span in writable_data(self._pid) if SHIM_NAME not in span.file.rpartition("/")[2]]
