"""What this host allows, before any process is looked at. Imports nothing that only Linux has."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
import sys
from pathlib import Path

from memscope_daemon.errors import AttachRefused
from memscope_daemon.model.diagnosis import Finding

MACHINES = frozenset({"x86_64", "AMD64", "amd64"})
OLDEST_KERNEL = (4, 17)  # memfd, process_vm_*, PTRACE_SEIZE; older ones were never tried
REHEARSAL_TIMEOUT_S = 20.0
#: The library for the target, as it was built with this package.
SHIM_PATH = Path(__file__).resolve().parents[1] / "shim" / "memscope_shim.so"
CAP_SYS_PTRACE = 19
_ROOT = str(Path(__file__).resolve().parents[2])
_REHEARSE = (
    f"import sys; sys.path.insert(0, {_ROOT!r})\n"
    "from memscope_daemon.attach.rehearsal import rehearse\nprint(rehearse())"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """``yama_scope`` None: no such module in this kernel. ``rehearsed``: rounds of stopping and letting go a
    process of our own, None = not tried."""

    system: str
    machine: str
    kernel: str = ""
    euid: int = 0
    may_ptrace_anyone: bool = False
    yama_scope: int | None = None
    shim_bytes: int = 0
    rehearsed: int | None = None

    @property
    def kernel_version(self) -> tuple[int, ...]:
        numbers = self.kernel.split("-")[0].split(".")[:2]
        return tuple(int(number) for number in numbers if number.isdigit())


def require_supported(host: Host | None = None) -> None:
    """:raises AttachRefused: nothing can be attached to on this kind of machine."""
    found = _platform(host or Host(platform.system(), platform.machine()))
    if not found.ok:
        raise AttachRefused(found.code, found.text, found.next_step)


def collect_host(shim: Path) -> Host:
    """Looks around, and has a process of our own stopped and let go."""
    system, machine = platform.system(), platform.machine()
    if system != "Linux":
        return Host(system, machine, platform.release())
    return Host(
        system,
        machine,
        platform.release(),
        os.geteuid(),
        _has_capability(),
        _yama_scope(),
        shim.stat().st_size if shim.is_file() else 0,
        _rehearse(),
    )


def judge(host: Host) -> tuple[Finding, ...]:
    """Pure: what each fact means. On another kind of machine the first finding is the only one."""
    first = _platform(host)
    if not first.ok:
        return (first,)
    return (first, _kernel(host), _whom(host), _tracing(host), _shim(host))


def _platform(host: Host) -> Finding:
    if host.system == "Linux" and host.machine in MACHINES:
        return Finding("system", True, f"{host.system} on {host.machine}")
    step = {
        "Darwin": "run memscope where the program's Linux container or virtual machine runs",
        "Windows": "run memscope inside WSL 2, beside the program",
    }.get(host.system, "run the program on Linux on x86-64")
    what = f"{host.system or 'this system'} on {host.machine or 'an unknown machine'}"
    return Finding(
        "system", False, f"memscope attaches on Linux on x86-64, not on {what}", "attach.platform", step
    )


def _kernel(host: Host) -> Finding:
    if host.kernel_version >= OLDEST_KERNEL:
        return Finding("kernel", True, f"kernel {host.kernel}")
    oldest = ".".join(map(str, OLDEST_KERNEL))
    text = f"kernel {host.kernel} is older than {oldest}, which was never tried"
    return Finding("kernel", False, text, "attach.kernel", f"use kernel {oldest} or newer")


def _whom(host: Host) -> Finding:
    if host.yama_scope == 3:
        text = "nobody may trace: kernel.yama.ptrace_scope is 3"
        return Finding("rights", False, text, "attach.ptrace-scope", "it cannot be lowered without a reboot")
    if host.may_ptrace_anyone:
        return Finding("rights", True, "any user's processes (CAP_SYS_PTRACE)")
    if host.yama_scope:
        text = f"no running process: kernel.yama.ptrace_scope is {host.yama_scope}"
        step = "run memscope as root, or: sysctl kernel.yama.ptrace_scope=0"
        return Finding("rights", False, text, "attach.ptrace-scope", step)
    return Finding("rights", True, f"processes of user {host.euid} alone (root sees those of all)")


def _tracing(host: Host) -> Finding:
    if host.rehearsed:
        return Finding(
            "tracing", True, f"a process of memscope's own was stopped and let go {host.rehearsed} times"
        )
    text = "a process of memscope's own could not be stopped by ptrace"
    step = "containers: --cap-add SYS_PTRACE, and a seccomp profile that allows ptrace and process_vm_writev"
    return Finding("tracing", False, text, "attach.not-permitted", step)


def _shim(host: Host) -> Finding:
    if host.shim_bytes:
        return Finding("shim", True, f"the library for the target is there ({host.shim_bytes >> 10} KiB)")
    step = "install memscope anew; from source it needs a C compiler"
    return Finding("shim", False, "the library for the target was not built", "attach.shim-unreadable", step)


def _has_capability() -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_PTRACE & 1)
    return False


def _yama_scope() -> int | None:
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return None


def _rehearse() -> int:
    """In a process of its own: it forks, and uses alarms."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _REHEARSE],
            capture_output=True,
            text=True,
            timeout=REHEARSAL_TIMEOUT_S,
            check=False,
        )
        return int(done.stdout or "0")
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
