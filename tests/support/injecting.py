"""Injects a counting stub in place of the shim, without daemon, shipper or session."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from memscope_daemon.attach import injection, plan, target
from memscope_daemon.shim.layout import Operation

ROOT = Path(__file__).resolve().parents[2]
SHARED_BYTES = 1 << 20
FLAGS = [
    "-std=gnu11",
    "-O2",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-fno-plt",
    "-fno-jump-tables",
    "-fcf-protection=none",
    "-nostartfiles",
    "-Wall",
    "-Wextra",
    "-Werror",
]
#: A tracer that kills itself before (even) or after (odd) its n-th step in the target.
BOMB = """
import os
from memscope_daemon.attach import ptrace
from memscope_daemon.attach.tracer import main
steps = [0]
def bombed(step):
    def run(*arguments):
        steps[0] += 1
        if steps[0] == {at} and not {after}:
            os.kill(os.getpid(), 9)
        result = step(*arguments)
        if steps[0] == {at}:
            os.kill(os.getpid(), 9)
        return result
    return run
ptrace.request, ptrace.write_from = bombed(ptrace.request), bombed(ptrace.write_from)
"""


def build_stub(folder: Path) -> Path:
    """The loader of the real shim with the stub's entry."""
    path = folder / "memscope_shim_stub.so"
    source = ROOT / "memscope_daemon/shim/target"
    sources = [str(Path(__file__).with_name("stub_shim.c")), str(source / "loader/loader.c")]
    subprocess.run(["gcc", *FLAGS, f"-I{source}/include", *sources, "-o", str(path)], check=True)
    path.chmod(0o755)
    return path


def size(descriptor: int) -> None:
    """What the shipper does, as far as the stub needs it."""
    os.ftruncate(descriptor, SHARED_BYTES)


def inject(
    pid: int,
    shim: Path,
    *,
    operation: Operation = Operation.ENTER,
    on_shared: Callable[[int], None] = size,
    on_progress: Callable[[str], None] = print,
    on_started: Callable[[injection.Injection], None] = lambda _: None,
) -> injection.InjectionResult:
    """One whole injection of ``shim``; refuses and fails as an attach does."""
    facts = target.collect(pid, shim)
    checked = plan.check(facts)
    tracer = injection.TracerProcess()
    try:
        shared_bytes = SHARED_BYTES if operation is Operation.ENTER else 0
        job = injection.build_job(facts, checked, operation, shim, shared_bytes)
        one = injection.Injection(tracer, job, on_shared, on_progress)
        on_started(one)
        return one.run()
    finally:
        tracer.close()


def leftovers(pid: int) -> list[str]:
    """Mappings that an injection makes and must take out again."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    ours = [line for line in lines if "memfd:memscope" in line and "memfd:memscope_shim" not in line]
    code = [line for line in lines if "r-xp 00000000 00:00 0" in line and "[" not in line]
    return ours + code
