"""A session's shared memory, seen by a third party: what the target wrote, whatever became of it since."""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

from memscope_daemon.shim import layout
from tests.support.outside import mappings
from tests.support.waiting import until

NAME = "/memfd:memscope"


def _is_ours(path: str) -> bool:
    """Not so the shim, where it was handed over as a file in memory: that has a longer name."""
    return path.removesuffix(" (deleted)") == NAME


class RingView:
    """Maps the memory of the session that process ``pid`` is in; readable when all others are gone."""

    def __init__(self, pid: int) -> None:
        (row,) = until(lambda: [row for row in mappings(pid) if _is_ours(row.path)], "the session's memory")
        with open(f"/proc/{pid}/map_files/{row.start:x}-{row.end:x}", "rb") as file:  # noqa: PTH123
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    @property
    def _head(self) -> layout.Session:
        return layout.Session.from_buffer_copy(self._map)

    @property
    def written_count(self) -> int:
        """Records in both rings since the session began."""
        head = self._head
        return int(head.events.head + head.raw.head)

    @property
    def is_drained(self) -> bool:
        """Whether a shipper has read all that was written."""
        head = self._head
        return bool(head.events.tail == head.events.head and head.raw.tail == head.raw.head)

    @property
    def heartbeat_ns(self) -> int:
        """CLOCK_MONOTONIC, when a shipper last said that somebody reads."""
        return int(self._head.control.heartbeat_ns)

    @property
    def state(self) -> layout.State:
        return layout.State(self._head.status.state)

    def is_written(self, value: float) -> bool:
        """Whether that value of the sampling stands in the control words, as a whole."""
        control = self._head.control
        return bool(control.value == value and not control.generation & layout.GENERATION_WRITING)

    def is_in_force(self, value: float) -> bool:
        """Whether the target goes by it."""
        head = self._head
        return self.is_written(value) and head.status.applied_generation == head.control.generation

    @property
    def is_paused(self) -> bool:
        """Whether the shipper has been told that nothing is to be sampled, and has passed it on."""
        return bool(self._head.control.paused)

    @property
    def losses(self) -> dict[str, int]:
        """Records by cause, as the shim counts them; lower case."""
        head = self._head
        counted = zip(layout.LOSSES, head.losses, strict=False)
        return {cause.lower(): int(counter.records) for cause, counter in counted if counter.records}

    def close(self) -> None:
        self._map.close()

    def __enter__(self) -> RingView:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def holders(of: set[int]) -> list[int]:
    """Those of these processes that have a session's memory mapped."""
    found = []
    for pid in sorted(of):
        try:
            rows = mappings(pid)
        except OSError:  # it has ended
            continue
        found += [pid for row in rows if _is_ours(row.path)]
    return found


def children(pid: int) -> set[int]:
    """Processes that ``pid`` started and that are still there."""
    found: set[int] = set()
    with contextlib.suppress(OSError):  # it, or a thread of it, has just ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def descendants(pid: int) -> set[int]:
    """Its children, theirs, and so on."""
    found = children(pid)
    return found.union(*map(descendants, found))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill_all(pids: list[int], signal: int = 9) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
