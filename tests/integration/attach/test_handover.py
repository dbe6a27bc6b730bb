"""The shim given to targets that cannot see its file, and beside a build that is in there already."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memscope_daemon.attach import handover, plan, procfs, target
from memscope_daemon.attach.handover import MappedShim
from memscope_daemon.attach.session import SHIM_PATH
from memscope_daemon.errors import AttachFailed
from memscope_daemon.shim.layout import Operation, Outcome
from tests.support.injecting import inject, leftovers
from tests.support.interpreters import supported_interpreters

NOBODY = 65534
PYTHON = str(supported_interpreters()[-1].path)
SYSTEM_PYTHON = Path("/usr/bin/python3")
BUSY = "print('ready', flush=True)\nwhile True: pass\n"
WAITING = "print('ready', flush=True); import time\nwhile True: time.sleep(0.05)\n"
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
TELLS_ITS_LIBRARIES = """
import ctypes, sys
class Info(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint64), ("name", ctypes.c_char_p)]
names = []
see = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
look = see(lambda info, size, data: names.append(info.contents.name.decode()) or 0)
print("ready", flush=True)
for line in sys.stdin:
    names.clear()
    ctypes.CDLL(None).dl_iterate_phdr(look, None)
    print(*names, flush=True)
"""

Start = Callable[..., "subprocess.Popen[str]"]
as_nobody = pytest.mark.skipif(
    os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="needs root to become nobody, and a system Python"
)


@pytest.fixture
def start() -> Iterator[Start]:
    processes = []

    def run(python: str, program: str, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [python, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def nobodys(start: Start) -> Start:
    """A target of a user who cannot look into the folder of the shim."""
    return lambda program: start(
        str(SYSTEM_PYTHON), program, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/"
    )


@pytest.fixture
def hidden(stub: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())  # 0700
    yield Path(shutil.copy(stub, folder))
    shutil.rmtree(folder)


def mapped(pid: int, shim: Path) -> tuple[MappedShim, ...]:
    return handover.mapped_shims(pid, procfs.mappings(pid), shim)


def descriptors(pid: int) -> dict[str, str]:
    folder = Path(f"/proc/{pid}/fd")
    return {path.name: os.readlink(path) for path in folder.iterdir()}  # noqa: PTH115 - "pipe:[1]"


@as_nobody
@pytest.mark.parametrize("program", [BUSY, WAITING], ids=["busy", "waiting"])
def test_a_target_whose_user_cannot_read_the_shim_is_handed_it(
    program: str, nobodys: Start, hidden: Path
) -> None:
    process = nobodys(program)
    facts, before = target.collect(process.pid, hidden), descriptors(process.pid)
    assert not facts.shim_readable and plan.check(facts).hands_over
    for _ in range(3):
        assert inject(process.pid, hidden).outcome is Outcome.OK
        assert not leftovers(process.pid)
        assert descriptors(process.pid) == before
    (only,) = mapped(process.pid, hidden)  # the second time it was called where it lay
    assert only.is_same and only.path == "/memfd:memscope_shim.so"
    assert inject(process.pid, hidden, operation=Operation.LEAVE).outcome is Outcome.OK
    assert process.poll() is None


@as_nobody
def test_leaving_hands_nothing_over(nobodys: Start, hidden: Path) -> None:
    process = nobodys(WAITING)
    assert inject(process.pid, hidden, operation=Operation.LEAVE).outcome is Outcome.NOTHING_TO_DO
    assert not mapped(process.pid, hidden)


@as_nobody
@pytest.mark.parametrize("program", [BUSY, WAITING], ids=["busy", "waiting"])
def test_a_target_that_may_not_write_so_large_a_file_is_not_killed_for_it(
    program: str, nobodys: Start, hidden: Path
) -> None:
    process = nobodys(SMALL_FILES + program)
    before = descriptors(process.pid)
    with pytest.raises(AttachFailed) as caught:
        inject(process.pid, hidden)
    assert caught.value.code == "attach.no-image"
    assert process.poll() is None
    assert not mapped(process.pid, hidden) and not leftovers(process.pid)
    assert descriptors(process.pid) == before


@as_nobody
def test_the_name_of_a_library_that_was_handed_over_names_no_descriptor(nobodys: Start, hidden: Path) -> None:
    process = nobodys(TELLS_ITS_LIBRARIES)
    real = Path(shutil.copy(SHIM_PATH, hidden.parent))
    with pytest.raises(AttachFailed) as caught:  # it is loaded and entered, and finds no session
        inject(process.pid, real)
    assert caught.value.code == "attach.bad-session"
    process.stdin.write("now\n")
    process.stdin.flush()
    names = process.stdout.readline().split(" ")
    assert any("memscope_shim" in name for name in names)
    assert not any("/proc/" in name for name in names)


def test_a_newer_build_goes_in_beside_the_older_one_of_the_same_path(
    start: Start, stub: Path, tmp_path: Path
) -> None:
    process = start(PYTHON, WAITING)
    path = Path(shutil.copy(stub, tmp_path))
    assert inject(process.pid, path).outcome is Outcome.OK
    newer = tmp_path / "newer"
    newer.write_bytes(path.read_bytes() + b"another build")
    newer.replace(path)
    assert not any(each.is_same for each in mapped(process.pid, path))
    assert inject(process.pid, path).outcome is Outcome.OK
    first, second = mapped(process.pid, path)
    assert (first.is_same, second.is_same) == (True, False)
    assert first.entry != second.entry != 0
    assert inject(process.pid, path).outcome is Outcome.OK
    assert len(mapped(process.pid, path)) == 2
    assert not leftovers(process.pid)


def test_each_build_has_a_name_of_its_own_and_no_program_has_it(stub: Path, tmp_path: Path) -> None:
    other = tmp_path / "memscope_shim_other.so"
    other.write_bytes(stub.read_bytes() + b"another build")
    names = {handover.image_path(each) for each in (stub, other)}
    assert len(names) == 2
    for name in names:
        assert os.path.realpath(f"{name}{0}") == os.path.realpath("/proc/self/fd/0")
        assert name not in ("/proc/self/fd/", "/dev/fd/") and len(name) < 200
