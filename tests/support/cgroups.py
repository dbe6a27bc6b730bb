"""A memory cgroup of a test's own, of version 1 or 2, whichever this machine lets it make."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import until

ROOT = Path("/sys/fs/cgroup")
_NUMBERS = itertools.count(1)


class MemoryGroup:
    """``kind``: "v1" or "v2". Limits are in bytes."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder

    def take_in(self, pid: int) -> None:
        """From now on the process's new pages are charged here, and its children's."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    @property
    def used_bytes(self) -> int:
        name = "memory.usage_in_bytes" if self.kind == "v1" else "memory.current"
        return int((self._folder / name).read_text())

    def limit(self, limit_bytes: int) -> None:
        """Swap counts as memory."""
        if self.kind == "v2":
            swap = self._folder / "memory.swap.max"
            if swap.exists():
                swap.write_text("0")
            (self._folder / "memory.max").write_text(str(limit_bytes))
            return
        (self._folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
        with contextlib.suppress(OSError):  # a kernel that does not account for swap
            (self._folder / "memory.memsw.limit_in_bytes").write_text(str(limit_bytes))

    @property
    def oom_kills(self) -> int:
        """How many processes of it the kernel has killed for want of memory."""
        name = "memory.oom_control" if self.kind == "v1" else "memory.events"
        rows = dict(line.split() for line in (self._folder / name).read_text().splitlines())
        return int(rows["oom_kill"])

    def close(self) -> None:
        until(self._is_removed, "the cgroup to be empty")

    def _is_removed(self) -> bool:
        try:
            self._folder.rmdir()
        except OSError:
            return not self._folder.exists()
        return True


def _candidates() -> Iterator[tuple[str, Path]]:
    yield "v1", ROOT / "memory"
    for path in (ROOT, ROOT / "unified"):
        with contextlib.suppress(OSError):
            if "memory" in (path / "cgroup.subtree_control").read_text().split():
                yield "v2", path


def memory_group() -> MemoryGroup | None:
    """A new, empty group; None: this machine lets us make none. Close it when its processes have ended."""
    name = f"memscope-test-{os.getpid()}-{next(_NUMBERS)}"
    for kind, parent in _candidates():
        folder = parent / name
        try:
            folder.mkdir()
        except OSError:
            continue
        limits = "memory.limit_in_bytes" if kind == "v1" else "memory.max"
        if (folder / limits).exists() and os.access(folder / limits, os.W_OK):
            return MemoryGroup(kind, folder)
        folder.rmdir()
    return None
