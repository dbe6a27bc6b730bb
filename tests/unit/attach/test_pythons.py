"""Python processes, told by names."""

from __future__ import annotations

import dataclasses

import pytest

from memscope_daemon.attach.pythons import Inside, PythonProcess, _judged, by_names, is_own_command

SHIM = b"7f00-7f01 r-xp 00000000 08:01 77  /opt/memscope/memscope_shim.so\n"
SHIM_IN_MEMORY = b"7f00-7f01 r-xp 00000000 00:01 78  /memfd:memscope_shim.so (deleted)\n"
MEMORY = b"7f02-7f09 rw-s 00000000 00:01 4711                     /memfd:memscope (deleted)\n"
OTHER_MEMORY = b"7f02-7f09 rw-s 00000000 00:01 4712                     /memfd:memscope (deleted)\n"
LIBC = b"7e00-7e01 r-xp 00000000 08:01 5  /usr/lib/libc.so.6\n"


def mapped(path: str) -> bytes:
    return LIBC + f"7f00-7f01 r-xp 00000000 08:01 77  {path}\n".encode()


@pytest.mark.parametrize(
    ("executable", "maps", "kind", "version"),
    [
        ("/usr/bin/python3.11", LIBC, "cpython", "3.11"),
        ("/usr/bin/python3.11 (deleted)", LIBC, "cpython", "3.11"),
        ("/opt/py/bin/python3.13t", LIBC, "cpython", "3.13t"),
        ("/opt/py/bin/python", mapped("/opt/py/lib/libpython3.12.so.1.0"), "cpython", "3.12"),
        ("/opt/py/bin/python", mapped("/opt/py/lib/libpython3.12d.so.1.0"), "cpython", "3.12d"),
        ("/opt/py/bin/python3", mapped("/opt/py/lib/python3.10/lib-dynload/_json.so"), "cpython", "3.10"),
        ("/opt/py/bin/python3", LIBC, "cpython", ""),
        ("/usr/bin/python3.9-dbg", LIBC, "cpython", "3.9"),
        ("/usr/sbin/uwsgi", mapped("/usr/lib/x86_64-linux-gnu/libpython3.9.so.1.0"), "cpython", "3.9"),
        ("/opt/pypy/bin/pypy3.10", LIBC, "pypy", "3.10"),
    ],
)
def test_names_tell_the_kind_and_the_version(executable: str, maps: bytes, kind: str, version: str) -> None:
    found = by_names(executable, maps)
    assert found is not None
    assert (found.kind, found.version) == (kind, version)


@pytest.mark.parametrize("executable", ["/usr/bin/bash", "/usr/bin/pythonista", "/usr/bin/python3x4"])
def test_other_programs_are_none(executable: str) -> None:
    assert by_names(executable, LIBC + mapped("/srv/libpythonic.so")) is None


def process(pid: int, **more: object) -> PythonProcess:
    found = PythonProcess(pid, 0, 1, "cpython", "3.11", "python app.py", 1, 0.0, 1.0)
    return dataclasses.replace(found, **more)  # type: ignore[arg-type]


def inside(*maps: bytes) -> list[Inside]:
    rows = []
    for pid, lines in enumerate(maps, 1):
        names = by_names("/usr/bin/python3.11", LIBC + lines)
        assert names is not None
        rows.append((process(pid), names))
    return [one.inside for one in _judged(rows)]


def test_hooks_that_nobody_reads_were_left_behind() -> None:
    assert inside(SHIM + MEMORY) == [Inside.LEFT_BEHIND]
    assert inside(SHIM_IN_MEMORY + MEMORY) == [Inside.LEFT_BEHIND]
    assert inside(SHIM + MEMORY, OTHER_MEMORY) == [Inside.LEFT_BEHIND, Inside.SHIPPER]


def test_hooks_whose_memory_a_shipper_has_are_in_use() -> None:
    assert inside(SHIM + MEMORY, MEMORY) == [Inside.HOOKS, Inside.SHIPPER]


def test_a_shim_that_stayed_after_a_detach_is_nothing() -> None:
    assert inside(SHIM, SHIM_IN_MEMORY, b"") == [Inside.NOTHING] * 3


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({}, ""),
        ({"version": ""}, ""),
        ({"version": "3.8"}, "a version that memscope does not know"),
        ({"version": "3.16"}, "a version that memscope does not know"),
        ({"version": "3.13t"}, "a free-threaded or debug build"),
        ({"kind": "pypy"}, "PyPy"),
        ({"is_readable": False}, "of another user"),
        ({"is_ours": True}, "memscope itself"),
        ({"inside": Inside.SHIPPER}, "memscope itself"),
    ],
)
def test_names_say_what_speaks_against_an_attach(changes: dict[str, object], objection: str) -> None:
    assert process(7, **changes).objection == objection


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["python", "-P", "-m", "memscope_daemon", "serve"], True),
        (["python", "-m", "memscope_daemon.shim.shipper"], True),
        (["/opt/bin/python", "/opt/bin/memscoped", "ps"], True),
        (["python", "-I", "-c", "import sys\nfrom memscope_daemon.shim.fork_loop import serve"], True),
        (["python", "app.py", "--profiler", "memscope_daemon"], False),
        (["python", "-c", "from memscope_client import Client"], False),
    ],
)
def test_memscope_knows_its_own_processes(words: list[str], ours: bool) -> None:
    assert is_own_command(b"".join(word.encode() + b"\0" for word in words)) is ours
