"""Refusals, each had for real: a process of that kind, looked at, left as it was."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memscope_daemon.attach import plan, target
from memscope_daemon.errors import AttachRefused, ExitCode
from tests.support import roots
from tests.support.injecting import ROOT, build_stub
from tests.support.interpreters import (
    rooted_interpreters,
    supported_interpreters,
    unsupported_interpreters,
)
from tests.support.waiting import until

PYTHON = str(supported_interpreters()[-1].path)
SLEEP = "print('ready', flush=True); import time; time.sleep(100)"


def refusal(pid: int, shim: Path) -> AttachRefused:
    with pytest.raises(AttachRefused) as caught:
        plan.check(target.collect(pid, shim))
    assert caught.value.next_step
    assert caught.value.exit_code == ExitCode.REFUSED
    return caught.value


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_stub(tmp_path_factory.mktemp("refused"))


@pytest.fixture
def start() -> Iterator[object]:
    processes: list[subprocess.Popen[bytes]] = []

    def run(*command: str, ready: bool = True, **options: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
        processes.append(process)
        assert not ready or process.stdout.readline() == b"ready\n"
        return process

    yield run
    for process in reversed(processes):  # a tracer before the one it traces, which ends only then
        process.kill()
        process.wait()


def assemble(folder: Path, name: str, source: str, *flags: str) -> str:
    """A hand-made program without any library."""
    if shutil.which("gcc") is None:
        pytest.skip("no compiler")
    path = folder / name
    command = ["gcc", "-nostdlib", "-static", *flags, "-x", "assembler", "-", "-o", str(path)]
    if subprocess.run(command, input=source.encode(), capture_output=True).returncode:
        pytest.skip(f"the compiler cannot build with {flags}")
    return str(path)


def test_no_such_process(shim: Path) -> None:
    assert refusal(2**22 + 1, shim).code == "attach.no-such-process"


def test_a_thread_is_not_a_process(shim: Path, start) -> None:
    process = start(
        PYTHON,
        "-c",
        f"import threading, time; threading.Thread(target=time.sleep, args=(99,)).start(); {SLEEP}",
    )
    tid = max(target.procfs.tids(process.pid))
    assert refusal(tid, shim).code == "attach.thread-id"


def test_memscope_does_not_attach_to_itself(shim: Path) -> None:
    assert refusal(os.getpid(), shim).code == "attach.self"


def test_a_program_that_is_not_python(shim: Path, start) -> None:
    assert refusal(start("/bin/sleep", "100", ready=False).pid, shim).code == "attach.not-python"


def test_a_zombie_is_refused_with_a_next_step(shim: Path) -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    until(lambda: target.procfs.status(pid)["State"].startswith("Z"), "a zombie")
    try:
        assert refusal(pid, shim).code == "attach.zombie"
    finally:
        os.waitpid(pid, 0)


def test_a_stopped_process_stays_stopped(shim: Path, start) -> None:
    process = start(PYTHON, "-c", SLEEP)
    process.send_signal(signal.SIGSTOP)
    until(lambda: target.procfs.status(process.pid)["State"].startswith("T"), "the stop")
    assert refusal(process.pid, shim).code == "attach.stopped"
    assert target.procfs.status(process.pid)["State"].startswith("T")


def test_a_process_under_another_tracer(shim: Path, start) -> None:
    process = start(PYTHON, "-c", SLEEP)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from memscope_daemon.attach import ptrace"
    code += f"; ptrace.seize({process.pid}); {SLEEP}"
    tracer = start(sys.executable, "-c", code)
    found = refusal(process.pid, shim)
    assert found.code == "attach.already-traced"
    assert str(tracer.pid) in found.message


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_another_users_process_seen_without_rights(shim: Path, start) -> None:
    process = start(PYTHON, "-c", SLEEP)
    code = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\n"
        "from memscope_daemon.attach import plan, target\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"try: plan.check(target.collect({process.pid}, Path({str(shim)!r})))\n"
        "except Exception as error: print(error.code, error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "attach.other-user 3\n", done.stderr


@pytest.mark.skipif(bool(roots.why_not()), reason=roots.why_not() or "there is a root")
def test_a_target_that_sees_neither_the_shim_nor_itself_in_proc(shim: Path, start) -> None:
    interpreter = rooted_interpreters()[-1]
    inside = ["/" + str(interpreter.path.relative_to(interpreter.root)), "-c", SLEEP]
    process = start(*roots.entering(interpreter.root, inside, proc=False))
    assert refusal(process.pid, shim).code == "attach.shim-unreadable"


def test_a_target_whose_clocks_are_shifted(shim: Path, start) -> None:
    shifted = ("unshare", "--time", "--monotonic", "1009", "--fork", "--kill-child")
    if subprocess.run([*shifted, "true"], capture_output=True).returncode:
        pytest.skip("no time namespaces here")
    process = start(*shifted, PYTHON, "-c", SLEEP)
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    assert refusal(child, shim).code == "attach.time-namespace"


def test_a_process_under_a_seccomp_filter(shim: Path, start) -> None:
    allow_all = (
        "import ctypes, struct; libc = ctypes.CDLL(None)\n"
        "rule = ctypes.create_string_buffer(struct.pack('<HBBI', 6, 0, 0, 0x7FFF0000))\n"
        "program = ctypes.create_string_buffer(struct.pack('<HxxxxxxQ', 1, ctypes.addressof(rule)))\n"
        "assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0\n"
    )
    assert refusal(start(PYTHON, "-c", allow_all + SLEEP).pid, shim).code == "attach.seccomp"


def test_a_vfork_child(shim: Path, start, tmp_path: Path) -> None:
    """The parent stands still until its child ends; the child still runs in the parent's memory."""
    source = tmp_path / "vfork.c"
    source.write_text(
        "#include <unistd.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
        'int main(void) { if (vfork() == 0) { write(1, "ready\\n", 6);'
        " for (int i = 0; i < 100; i++) usleep(100000); _exit(0); } return 0; }"
    )
    program = tmp_path / "python3"
    subprocess.run(["gcc", "-w", "-o", str(program), str(source)], check=True)
    parent = start(str(program))
    child = int(Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()[0])
    try:
        assert refusal(child, shim).code == "attach.vfork-child"
        assert refusal(parent.pid, shim).code == "attach.unstoppable"
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_32_bit_program(shim: Path, start, tmp_path: Path) -> None:
    source = ".globl _start\n_start: mov $29, %eax\n int $0x80\n jmp _start\n"
    process = start(assemble(tmp_path, "python3", source, "-m32"), ready=False)
    assert refusal(process.pid, shim).code == "attach.architecture"


def test_a_static_program(shim: Path, start, tmp_path: Path) -> None:
    source = ".globl _start\n_start: mov $34, %eax\n syscall\n jmp _start\n"
    process = start(assemble(tmp_path, "python3", source), ready=False)
    assert refusal(process.pid, shim).code == "attach.static"


@pytest.mark.parametrize("interpreter", unsupported_interpreters(), ids=lambda each: each.name)
def test_an_interpreter_that_is_too_old_or_too_new(shim: Path, start, interpreter) -> None:
    code = refusal(start(str(interpreter.path), "-c", SLEEP).pid, shim).code
    assert code == ("attach.too-old" if interpreter.version < (3, 9) else "attach.too-new")


def test_a_pid_that_exits_meanwhile(shim: Path, start, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(PYTHON, "-c", SLEEP)
    look = target.procfs.mappings

    def end_first(pid: int) -> object:
        process.kill()
        process.wait()
        return look(pid)

    monkeypatch.setattr(target.procfs, "mappings", end_first)
    assert refusal(process.pid, shim).code == "attach.exited"


def test_kcmp_is_there_to_tell_a_vfork_child() -> None:
    assert ctypes.CDLL(None).syscall(312, os.getpid(), os.getpid(), 1, 0, 0) == 0
