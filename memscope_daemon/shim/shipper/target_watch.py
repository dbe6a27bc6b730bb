"""Is the target still there, is it still the same program, and how did it end?

By pidfd and /proc only: nothing here touches the target.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
from pathlib import Path

# ioctl PIDFD_GET_INFO (include/uapi/linux/pidfd.h), Linux 6.13+; the exit code since 6.15
_PIDFD_GET_INFO = (3 << 30) | (64 << 16) | (0xFF << 8) | 11
_PIDFD_INFO_EXIT = 1 << 3
_PIDFD_INFO_BYTES = 64
_EXIT_CODE_OFFSET = 60

UNKNOWN_EXIT = "exit status not known"


class TargetWatch:
    """Watches one process. ``start_time_ticks`` 0 = not known, so a reused pid is not noticed."""

    def __init__(self, pid: int, start_time_ticks: int) -> None:
        self._pid = pid
        self._pidfd = -1
        with contextlib.suppress(OSError):
            self._pidfd = os.pidfd_open(pid)
        fields = _stat(pid)
        if fields and start_time_ticks and _start_time(fields) != start_time_ticks:
            self._close()  # somebody else's pid by now
        self._image = _image(fields)

    def fileno(self) -> int:
        """Readable once the target has ended; -1 = it was gone before we came."""
        return self._pidfd

    @property
    def ended(self) -> bool:
        """Whether every thread of the target is dead (a zombie is)."""
        return self._pidfd < 0 or bool(select.select([self._pidfd], [], [], 0)[0])

    @property
    def replaced(self) -> bool:
        """Whether the process runs another program now (exec), so that our mapping is gone.

        Told by where the program's code and stack begin, which a reader without rights sees as 0.
        """
        image = _image(_stat(self._pid))
        return bool(self._image and image and image != self._image)

    def how_it_ended(self) -> str:
        """For a human, e.g. "killed by SIGKILL". Ask soon: a parent that waits takes the answer with it,
        except on Linux 6.15 and later."""
        if self._pidfd < 0:
            return UNKNOWN_EXIT
        status = _zombie_status(self._pid)
        if status is None:
            status = _reaped_status(self._pidfd)
        return UNKNOWN_EXIT if status is None else describe_exit(status)

    def _close(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


def describe_exit(status: int) -> str:
    """A wait status in words."""
    number = status & 0x7F
    if not number:
        return f"exited with status {(status >> 8) & 0xFF}"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"killed by {name}" + (" (core dumped)" if status & 0x80 else "")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, from the state (field 3) on; empty = no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _start_time(fields: list[str]) -> int:
    return int(fields[22 - 3])


def _image(fields: list[str]) -> tuple[str, ...]:
    """startcode, endcode, startstack, start_data, start_brk: they change with an exec only."""
    chosen = tuple(fields[number - 3] for number in (26, 27, 28, 45, 47) if number - 3 < len(fields))
    return chosen if any(value not in ("0", "1") for value in chosen) else ()


def _zombie_status(pid: int) -> int | None:
    fields = _stat(pid)
    if len(fields) >= 50 and fields[0] in "ZX":
        return int(fields[52 - 3])
    return None


def _reaped_status(pidfd: int) -> int | None:
    info = bytearray(struct.pack("<Q", _PIDFD_INFO_EXIT).ljust(_PIDFD_INFO_BYTES, b"\0"))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    (mask,) = struct.unpack_from("<Q", info)
    if not mask & _PIDFD_INFO_EXIT:
        return None
    (status,) = struct.unpack_from("<i", info, _EXIT_CODE_OFFSET)
    return int(status)
