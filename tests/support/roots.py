"""Roots with interpreters that this system does not have: ``scripts/roots`` makes them.

A target is started in one through ``chroot`` within a mount namespace of its own, so that /proc, /tmp and the
folders it is shown are gone with it. ``isolated`` targets are as in a container: PID, network, IPC and host
names of their own too.
"""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

SUITE = "forky"
MADE = "made-by-memscope"
#: $1: the root. $2: user or "". $3: "proc" or "". Then the folders to show, "--", the command.
ENTER = """
root=$1 user=$2 proc=$3
shift 3
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 125
while [ "$1" != -- ]; do
    mkdir -p "$root$1" && mount --bind "$1" "$root$1" || exit 125
    shift
done
shift
if [ "$proc" ]; then mount -t proc proc "$root/proc" || exit 125; fi
exec chroot ${user:+--userspec="$user:$user"} "$root" "$@"
"""


def folder() -> Path:
    """Where roots are looked for."""
    if named := os.environ.get("MEMSCOPE_ROOTS"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memscope" / "roots"


def why_not() -> str:
    """Why there is no root to start a target in; "" where there is one."""
    if os.geteuid() != 0:
        return "only root can start a target in a root of its own"
    if not (folder() / SUITE / MADE).exists():
        return f"no root with newer interpreters at {folder()} (scripts/roots makes it)"
    return _refused()


@functools.cache
def _refused() -> str:
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    return f"no namespaces here: {done.stderr.strip()}" if done.returncode else ""


def root() -> Path | None:
    return None if why_not() else folder() / SUITE


def entering(
    where: Path,
    command: Iterable[str],
    *,
    shows: Iterable[Path] = (),
    isolated: bool = False,
    user: int | None = None,
    proc: bool = True,
) -> list[str]:
    """``command`` in the root ``where``, by names as seen in there. ``shows``: folders of the host that are
    visible under their own names."""
    unshare = ["unshare", "--mount"]
    if isolated:
        unshare += ["--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    options = [str(where), "" if user is None else str(user), "proc" if proc else ""]
    return [*unshare, "sh", "-c", ENTER, "sh", *options, *map(str, shows), "--", *command]


def pid_inside(process: subprocess.Popen[bytes], isolated: bool) -> int:
    """The target's number, as the host counts. Of an isolated one that has answered already: what was started
    only waits for it."""
    if not isolated:
        return process.pid
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
