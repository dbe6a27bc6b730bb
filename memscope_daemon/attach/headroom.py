"""How much memory a process may still take before the kernel kills somebody in its cgroup for want of it.

The groups of both versions are asked, from the process's own up to the top; the tightest counts. Cached
files that nobody has looked at lately do not count as used: the kernel drops them before it kills anybody.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclasses.dataclass(frozen=True, slots=True)
class _Names:
    """What the files of one version are called."""

    limit: str
    used: str
    reclaimable: str  # a row of memory.stat


_V1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Names("memory.max", "memory.current", "inactive_file")


def headroom_bytes(pid: int, root: Path = ROOT, proc: Path = Path("/proc")) -> int | None:
    """Bytes left in the tightest memory cgroup above the process, None = no limit known."""
    left: list[int] = []
    with contextlib.suppress(OSError):
        for line in (proc / str(pid) / "cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                left += _left(root, group, _V2)
            elif "memory" in controllers.split(","):
                left += _left(root / "memory", group, _V1)
    return min(left) if left else None


def _left(root: Path, group: str, names: _Names) -> list[int]:
    """Bytes left in the group and in each above it that has a limit."""
    folder = root / group.lstrip("/")
    found = (_left_in(each, names) for each in (folder, *folder.parents) if each.is_relative_to(root))
    return [each for each in found if each is not None]


def _left_in(folder: Path, names: _Names) -> int | None:
    try:
        limit_bytes = int((folder / names.limit).read_text())
        used_bytes = int((folder / names.used).read_text())
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit_bytes - used_bytes + int(rows.get(names.reclaimable, 0))
    except (OSError, ValueError):  # not there, or "max"
        return None
